import { defineCommand, minArgs } from "../command.ts";

/** `compose`: its own words decide what is loaded. */
export const command = defineCommand({
  usage: "[OPTIONS] COMMAND",
  summary: "Define and run applications of several containers",
  args: minArgs(0),
  flags: {},
  takesAllWords: true,
  helpsItself: true,
  async run({ args, context }) {
    const { runCompose } = await import("../compose/compose-command.ts");
    return await runCompose(args, context);
  },
});
