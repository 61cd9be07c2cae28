import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { jsonText } from "./json-text.ts";
import { noPrinter, objectPrinter, PRINT_FLAGS } from "./output-format.ts";
import { preferencesObject, preferencesPath, readPreferences } from "./preferences.ts";

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: "Show your preferences",
  flags: { ...PRINT_FLAGS, output: string("How to print: yaml, json, kyaml, …", { short: "o", initial: "yaml" }) },
  async run({ flags, context }) {
    const found = await readPreferences(context.kuberc);
    if (found === undefined) {
      const place = preferencesPath(context.kuberc);
      throw new CliError(
        place === undefined ? "error: preferences are switched off" : `error: kuberc file not found at ${place.path}`,
      );
    }
    const shown = preferencesObject(found);
    if (flags.output === "json") return context.print(`${jsonText(shown)}\n`);
    const printer = (await objectPrinter(flags)) ?? noPrinter(flags.output);
    context.print(printer(shown));
  },
});
