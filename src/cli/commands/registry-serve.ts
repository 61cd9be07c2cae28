import { CliError } from "../cli-error.ts";
import { defineCommand, minArgs } from "../command.ts";

/** Only its place in the help: the server is a role of its own, chosen by the first two words (main.ts). */
export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Run a registry on this machine",
  args: minArgs(0),
  flags: {},
  takesAllWords: true,
  async run() {
    throw new CliError("'naru registry serve' takes no options before it: write 'naru registry serve [OPTIONS]'");
  },
});
