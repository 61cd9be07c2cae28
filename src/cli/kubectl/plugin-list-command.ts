import { basename } from "node:path";
import { CliError } from "../cli-error.ts";
import { bool } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { findPlugins } from "./plugins.ts";

export const command = defineKubectlCommand({
  usage: "[flags]",
  summary: "List the plugins in PATH",
  description: "Tell all programs in PATH whose names begin with kubectl-; each is a command of kubectl",
  flags: { "name-only": bool("Names without their folders") },
  async run({ flags, context }) {
    const { plugins, complaints } = await findPlugins();
    for (const complaint of complaints) context.printError(`${complaint}\n`);
    if (plugins.length === 0) throw new CliError("error: unable to find any kubectl plugins in your PATH");
    context.print("The following compatible plugins are available:\n\n");
    let count = 0;
    for (const { path, warnings } of plugins) {
      context.print(`${flags["name-only"] ? basename(path) : path}\n`);
      for (const warning of warnings) context.printError(`  - warning: ${warning}\n`);
      count += warnings.length;
    }
    if (count === 0) return;
    throw new CliError(
      `error: ${count === 1 ? "one plugin warning was found" : `${count} plugin warnings were found`}`,
    );
  },
});
