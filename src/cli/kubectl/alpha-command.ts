import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "",
  summary: "Commands for features in alpha",
  flags: {},
  async run({ context }) {
    context.printError(`No alpha commands are available in this version of ${context.program}\n`);
  },
});
