import { contextName } from "../client-facts.ts";
import { defineCommand, noArgs } from "../command.ts";

export const command = defineCommand({
  usage: "",
  summary: "Print the name of the current context",
  args: noArgs,
  flags: {},
  async run({ context }) {
    context.print(`${await contextName(context)}\n`);
  },
});
