import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "",
  summary: "Commands that are still tried out; there are none",
  flags: {},
  async run({ context }) {
    context.printError(`No alpha commands are available in this version of ${context.program}\n`);
  },
});
