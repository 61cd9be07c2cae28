import { NARU_VERSION } from "../../lib/version.ts";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import { bool, list, string } from "../flag-types.ts";
import { type FlagSet, type FlagValues, parseFlags } from "../flags.ts";
import { CONFIG_FLAGS, runConfig } from "./config-command.ts";

/** Flags before the command's name: which project. */
export const PROJECT_FLAGS = {
  "env-file": list("Files of variables, instead of .env"),
  file: list("Compose files", { short: "f" }),
  profile: list("Profiles to enable"),
  "project-directory": string("The folder that paths refer to"),
  "project-name": string("The project's name", { short: "p" }),
  ansi: string("Accepted; nothing here is coloured", { check: oneOf("never", "always", "auto") }),
};
const VERSION_FLAGS = { format: string("pretty or json", { short: "f" }), short: bool("Only the version") };

/** Commands that come when projects can be run. */
const LATER = [
  "attach",
  "bridge",
  "build",
  "commit",
  "cp",
  "create",
  "down",
  "events",
  "exec",
  "export",
  "images",
  "kill",
  "logs",
  "ls",
  "pause",
  "port",
  "ps",
  "publish",
  "pull",
  "push",
  "restart",
  "rm",
  "run",
  "scale",
  "start",
  "stats",
  "stop",
  "top",
  "unpause",
  "up",
  "volumes",
  "wait",
  "watch",
];

const HELP = `Usage:  naru compose [OPTIONS] COMMAND

Commands:
  config      Parse, resolve and print the project (also: convert)
  version     Print the version

Options:
      --ansi string                 "never", "always" or "auto"
      --env-file stringArray        Files of variables, instead of .env
  -f, --file stringArray            Compose files ("-" is standard input)
      --profile stringArray         Profiles to enable
      --project-directory string    The folder that paths refer to
  -p, --project-name string         The project's name

What runs a project (up, down, ps, …) comes in a later version.
`;

/** Runs one word of `compose`. */
export async function runCompose(words: string[], context: CommandContext): Promise<number> {
  const project = parse(PROJECT_FLAGS, words, false);
  const [name, ...rest] = project.args;
  if (name === undefined || name === "help" || project.helpAsked) {
    context.print(HELP);
    return 0;
  }
  if (name === "config" || name === "convert") {
    const { values, args, helpAsked } = parse(CONFIG_FLAGS, rest, true);
    if (helpAsked) return printHelp(context, name, CONFIG_FLAGS);
    return await runConfig({ project: project.values, flags: values, services: args, context });
  }
  if (name === "version") return printVersion(parse(VERSION_FLAGS, rest, true).values, context);
  if (LATER.includes(name)) {
    throw new CliError(
      `compose: '${name}' comes in a later version, which runs projects; here are 'config' and 'version'. Until then run each container with 'run', on a network of their own`,
    );
  }
  throw new CliError(`unknown docker command: "compose ${name}"`);
}

function parse<F extends FlagSet>(flags: F, words: string[], interspersed: boolean) {
  return parseFlags(flags, words, { interspersed });
}

function printHelp(context: CommandContext, name: string, flags: FlagSet): number {
  const lines = Object.entries(flags).map(
    ([flag, { usage, short, type }]) => `  ${short ? `-${short},` : "   "} --${`${flag} ${type}`.padEnd(24)} ${usage}`,
  );
  context.print(`Usage:  naru compose ${name} [OPTIONS] [SERVICE...]\n\nOptions:\n${lines.join("\n")}\n`);
  return 0;
}

function printVersion(flags: FlagValues<typeof VERSION_FLAGS>, context: CommandContext): number {
  if (flags.short) context.print(`${NARU_VERSION}\n`);
  else if (flags.format === "json") context.print(`${JSON.stringify({ version: NARU_VERSION })}\n`);
  else if (flags.format === "" || flags.format === "pretty") context.print(`naru compose version ${NARU_VERSION}\n`);
  else throw new CliError(`unsupported format ${JSON.stringify(flags.format)}: use pretty or json`);
  return 0;
}

function oneOf(...words: string[]) {
  return (text: string) => {
    if (!words.includes(text)) throw new Error(`must be one of ${words.join(", ")}`);
  };
}
