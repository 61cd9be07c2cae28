import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { foundObjects } from "./edit/edited-objects.ts";
import { lastAppliedObject, lastAppliedText } from "./last-applied.ts";
import { yamlText } from "./yaml-text.ts";

export const command = defineKubectlCommand({
  usage: "(TYPE [NAME | -l label] | TYPE/NAME | -f FILENAME) [options]",
  summary: "Show what objects keep of the file that was applied last",
  description: "Print what was applied last, as the objects keep it",
  flags: {
    all: bool("All objects of the types, in the namespace"),
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
    kustomize: string("A kustomization", { short: "k" }),
    output: string("yaml or json", { short: "o", initial: "yaml" }),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    selector: string("Only objects with these labels", { short: "l" }),
  },
  async run({ flags, args, context }) {
    if (!["yaml", "json"].includes(flags.output)) {
      throw new CliError(
        `error: Unexpected -o output mode: ${flags.output}, the flag 'output' must be one of yaml|json\nSee '${context.program} apply view-last-applied -h' for help and examples`,
      );
    }
    for (const { object } of await foundObjects(context, args, flags, flags)) {
      // Nothing to show, and no failure.
      if (lastAppliedText(object) === undefined) continue;
      const value = lastAppliedObject(object);
      context.print(flags.output === "yaml" ? yamlText(value) : `${JSON.stringify(value, undefined, 2)}\n`);
    }
  },
});
