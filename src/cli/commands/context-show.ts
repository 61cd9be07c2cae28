import { contextName } from "../client-facts.ts";
import { defineCommand, noArgs } from "../command.ts";

export const command = defineCommand({
  usage: "",
  summary: "Print which context is in use",
  args: noArgs,
  flags: {},
  async run({ context }) {
    context.print(`${await contextName(context)}\n`);
  },
});
