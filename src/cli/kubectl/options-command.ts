import { flagUsages } from "../help.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";

const COLUMNS = 100;

export const command = defineKubectlCommand({
  usage: "",
  summary: "List the flags that every command takes",
  flags: {},
  async run({ context }) {
    context.print(`The following options can be passed to any command:\n\n${flagUsages(GLOBAL_FLAGS, COLUMNS)}\n`);
  },
});
