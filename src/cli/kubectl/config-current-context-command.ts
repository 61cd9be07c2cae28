import { CliError } from "../cli-error.ts";
import { readConfigFile } from "./config-file.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: "Display the current-context",
  flags: {},
  async run({ context }) {
    const { config } = await readConfigFile(context);
    if (config["current-context"] === "") throw new CliError("error: current-context is not set");
    context.print(`${config["current-context"]}\n`);
  },
});
