import { CliError } from "./cli-error.ts";
import type { ApiClient } from "./client.ts";
import type { ConfigFile } from "./config-file.ts";
import type { FlagSet, FlagValues } from "./flags.ts";

/** What a command gets to work with. Everything here is made at first use, so that a command pays for what it takes. */
export interface CommandContext {
  /** `naru`, or `docker` when called by that name. */
  readonly program: string;
  /** The command as it was called, such as `naru container ls`. */
  readonly calledAs: string;
  /** The daemon's API. */
  client(): Promise<ApiClient>;
  /** The user's configuration file (`config.json`); empty values where it does not exist. */
  config(): Promise<ConfigFile>;
  /** The folder of the configuration file. */
  readonly configDir: string;
  /** The context chosen on the command line (`--context`), else undefined. */
  readonly contextName: string | undefined;
  /** True when the daemon's address was given (`-H`, `DOCKER_HOST`), which overrules contexts. */
  readonly hostGiven: boolean;
  /** Writes text to standard output. */
  print(text: string): void;
  /** Prints the only text of the command, which takes less time. */
  printOnly(text: string): Promise<void>;
  /** Writes text to standard error. */
  printError(text: string): void;
}

/** One use of a command. */
interface Invocation<F extends FlagSet> {
  readonly flags: FlagValues<F>;
  readonly args: string[];
  /** True when the flag was on the command line, whatever its value. */
  given(name: keyof F & string): boolean;
  readonly context: CommandContext;
}

/** Checks the number of words after the flags. */
interface ArgsRule {
  /** The complaint about a bad count (`requires 1 argument`), else undefined. */
  complaint(count: number): string | undefined;
}

/** The declaration of a command; see README.md beside this file for an example. */
export interface Command<F extends FlagSet = FlagSet> {
  /** What follows the name on the usage line, such as `[OPTIONS] CONTAINER`. */
  readonly usage: string;
  /** One line for lists of commands. */
  readonly summary: string;
  /** The text of the help screen where it is longer than the summary. */
  readonly description?: string;
  /** An example shown on the help screen. */
  readonly example?: string;
  /** All names, without the program's: `["container rm", "container remove", "rm"]`. Leave out when there is one. */
  readonly aliases?: readonly string[];
  readonly args: ArgsRule;
  readonly flags: F;
  /** False when the first word that is no flag ends the flags. */
  readonly interspersed?: boolean;
  /** True when every word but `--help` is handed over as it is, flags too. */
  readonly takesAllWords?: boolean;
  /** With `takesAllWords`: `--help` too, because its own words have help screens of their own. */
  readonly helpsItself?: boolean;
  /** Does the work. Returns the exit code (nothing for 0); throws CliError or the client's ApiError to fail. */
  run(invocation: Invocation<F>): Promise<number | undefined> | Promise<void>;
}

/** Gives a declaration its types. */
export function defineCommand<F extends FlagSet>(command: Command<F>): Command<F> {
  return command;
}

const plural = (count: number) => (count === 1 ? "argument" : "arguments");

/** No words are taken. */
export const noArgs: ArgsRule = {
  complaint: (count) => (count > 0 ? "accepts no arguments" : undefined),
};

export function exactArgs(wanted: number): ArgsRule {
  return {
    complaint: (count) => (count === wanted ? undefined : `requires ${wanted} ${plural(wanted)}`),
  };
}

export function minArgs(least: number): ArgsRule {
  return {
    complaint: (count) => (count >= least ? undefined : `requires at least ${least} ${plural(least)}`),
  };
}

export function maxArgs(most: number): ArgsRule {
  return {
    complaint: (count) => (count <= most ? undefined : `requires at most ${most} ${plural(most)}`),
  };
}

export function rangeArgs(least: number, most: number): ArgsRule {
  return {
    complaint: (count) =>
      count >= least && count <= most ? undefined : `requires at least ${least} and at most ${most} ${plural(most)}`,
  };
}

/**
 * Does `work` for all names at once, going on after failures; in their order, the names of those that went well are
 * printed (not those whose work resolved to false). Throws all failures as one at the end, so that the exit code is 1.
 */
export async function forEachName(
  context: CommandContext,
  names: readonly string[],
  work: (name: string) => Promise<unknown>,
): Promise<void> {
  const failures: string[] = [];
  const attempt = async (name: string) => work(name);
  const outcomes = names.map((name) =>
    attempt(name).then(
      (result) => ({ isPrinted: result !== false, failure: undefined }),
      (error: unknown) => ({ isPrinted: false, failure: error instanceof Error ? error.message : String(error) }),
    ),
  );
  for (const [index, outcome] of outcomes.entries()) {
    const { isPrinted, failure } = await outcome;
    if (isPrinted) context.print(`${names[index]}\n`);
    if (failure !== undefined) failures.push(failure);
  }
  if (failures.length > 0) throw new CliError(failures.join("\n"));
}
