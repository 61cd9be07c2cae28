import { flagUsages } from "../help.ts";
import { COMPOSE_COMMANDS } from "./command-table.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";

const NAME_COLUMNS = 12;

/** The help screen of `compose` itself. */
export async function composeHelp(program: string): Promise<string> {
  const rows = await Promise.all(
    Object.keys(COMPOSE_COMMANDS)
      .sort()
      .map(async (name) => `  ${name.padEnd(NAME_COLUMNS)}${(await COMPOSE_COMMANDS[name]!()).command.summary}`),
  );
  return [
    `Usage:  ${program} compose [OPTIONS] COMMAND`,
    "Projects of several containers, described in a file",
    `Options:\n${flagUsages(GLOBAL_FLAGS, 79)}`,
    `Commands:\n${rows.join("\n")}`,
    `Run '${program} compose COMMAND --help' for more information on a command.\n`,
  ].join("\n\n");
}
