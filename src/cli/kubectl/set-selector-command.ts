import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { NOTHING_NAMED } from "./chosen-objects.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { labelSelectorOf } from "./label-selector.ts";
import { changeObjects, SET_FLAGS } from "./pod-spec-change.ts";

const { selector, kustomize, recursive, ...FLAGS } = SET_FLAGS;

export const command = defineKubectlCommand({
  usage: "(-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version] [options]",
  summary: "Change which pods a service leads to",
  flags: {
    ...FLAGS,
    recursive: bool("Folders below those of -f too", { short: "R", initial: true }),
    "resource-version": string("Only where the object has this version"),
  },
  async run({ flags, args, context }) {
    const last = args.at(-1);
    if (last === undefined) throw new CliError("error: one selector is required");
    if (args.length < 2 && flags.filename.length === 0) throw new CliError(NOTHING_NAMED);
    const pairs = matchLabels(last);
    await changeObjects(
      context,
      args.slice(0, -1),
      { ...flags, selector: "" },
      {
        change(object) {
          if (object.kind !== "Service") throw new CliError("error: setting a selector is only supported for Services");
          object.spec = { ...(object.spec as object), selector: pairs };
          const version = flags["resource-version"];
          if (version !== "") object.metadata = { ...object.metadata, resourceVersion: version };
          return [];
        },
        verb: "selector updated",
        isAlwaysSent: true,
      },
    );
  },
});

/** "app=web,tier=front". @throws CliError for expressions that are no pairs */
function matchLabels(text: string): Readonly<Record<string, string>> {
  const { matchLabels: pairs = {}, matchExpressions = [] } = labelSelectorOf(text);
  if (matchExpressions.length === 0) return pairs;
  const shown = matchExpressions.map(({ key, operator, values = [] }) => `{${key} ${operator} [${values.join(" ")}]}`);
  throw new CliError(`error: match expression [${shown.join(" ")}] not supported on this object`);
}
