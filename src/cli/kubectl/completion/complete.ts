/** `__complete`: what may stand at the end of a command line, a line each, for the shells' completion scripts. */

import type { CommandContext } from "../../command.ts";
import { type Flag, type FlagSet, parseFlags } from "../../flags.ts";
import { isKnown, KUBECTL_ALIASES, KUBECTL_COMMANDS, KUBECTL_GROUPS, SUMMARIES } from "../command-table.ts";
import type { KubectlContext } from "../declaration.ts";
import { GLOBAL_FLAGS } from "../global-flags.ts";
import { kubectlContext } from "../kubectl-context.ts";
import { flagChoices } from "./flag-choices.ts";
import { wordChoices } from "./word-choices.ts";

/** What the shell is to do with the choices, as cobra's scripts know it. */
export const DIRECTIVES = { files: 0, noSpace: 2, noFiles: 4, fileEndings: 8, folders: 16 } as const;

export interface Choices {
  readonly words: readonly string[];
  readonly directive: number;
}

/** Seconds that a cluster has to tell its names. */
const PATIENCE = "3s";

/** A command line up to the word that is completed. */
interface Line {
  /** The command's name; empty when none is there yet. */
  readonly name: string;
  readonly flags: FlagSet;
  readonly args: string[];
  /** Values of flags that were given, the last ones. */
  readonly values: ReadonlyMap<string, string>;
  /** The flag whose value is completed. */
  readonly pending: string | undefined;
}

/** Prints the choices; whatever goes wrong, there are none. */
export async function complete(
  program: string,
  words: readonly string[],
  context: CommandContext,
  withDescriptions: boolean,
): Promise<void> {
  const last = words.at(-1) ?? "";
  const line = await readLine(words.slice(0, -1));
  const own = contextOf(program, line, context);
  const found = await choicesFor(line, last, own).catch((): Choices => ({ words: [], directive: DIRECTIVES.noFiles }));
  for (const word of found.words) context.print(`${withDescriptions ? word : word.split("\t")[0]}\n`);
  context.print(`:${found.directive}\n`);
}

async function readLine(words: readonly string[]): Promise<Line> {
  let name = "";
  let flags: FlagSet = GLOBAL_FLAGS;
  const args: string[] = [];
  const values = new Map<string, string>();
  let pending: string | undefined;
  for (const word of words) {
    if (pending !== undefined) {
      values.set(pending, word);
      pending = undefined;
    } else if (word.startsWith("-") && word !== "-") pending = readFlag(word, flags, values);
    else {
      const next = args.length === 0 ? commandWith(name, word) : undefined;
      if (next === undefined) args.push(word);
      else {
        name = next;
        const loaded = name in KUBECTL_COMMANDS ? (await KUBECTL_COMMANDS[name]!()).command.flags : {};
        flags = { ...GLOBAL_FLAGS, ...loaded };
      }
    }
  }
  return { name, flags, args, values, pending };
}

function commandWith(name: string, word: string): string | undefined {
  const full = name === "" ? (KUBECTL_ALIASES[word] ?? word) : `${name} ${word}`;
  const next = KUBECTL_ALIASES[full] ?? full;
  return isKnown(next) ? next : undefined;
}

/** The flag's name when its value is the next word. */
function readFlag(word: string, flags: FlagSet, values: Map<string, string>): string | undefined {
  const [, dashes = "", typed = "", value] = /^(--?)([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  const flag = dashes === "--" ? typed : longName(typed.slice(0, 1), flags);
  if (flag === undefined || !Object.hasOwn(flags, flag)) return undefined;
  if (value !== undefined) values.set(flag, value);
  else if (flags[flag]!.bare !== undefined) values.set(flag, flags[flag]!.bare!);
  else if (dashes === "-" && typed.length > 1) values.set(flag, typed.slice(1));
  else return flag;
  return undefined;
}

const longName = (letter: string, flags: FlagSet): string | undefined =>
  Object.keys(flags).find((name) => flags[name]!.short === letter);

function contextOf(program: string, { values }: Line, context: CommandContext): KubectlContext {
  const given = [...values].filter(([flag]) => flag in GLOBAL_FLAGS).map(([flag, value]) => `--${flag}=${value}`);
  const parsed = parseFlags(GLOBAL_FLAGS, [`--request-timeout=${PATIENCE}`, ...given]);
  return kubectlContext({ ...context, program, printError: () => {} }, parsed.values, values.has("namespace"));
}

async function choicesFor(line: Line, last: string, context: KubectlContext): Promise<Choices> {
  const { name, flags, args, values, pending } = line;
  const inWord = /^--([^=]+)=(.*)$/s.exec(last);
  const flag = pending ?? inWord?.[1];
  if (flag !== undefined) {
    const found = await flagChoices(context, flag, args, flags);
    // Endings of files are for the shell to compare.
    if (found.directive === DIRECTIVES.fileEndings) return found;
    return { ...found, words: found.words.filter((word) => word.startsWith(inWord?.[2] ?? last)) };
  }
  if (last.startsWith("-")) return { words: flagWords(flags, last), directive: DIRECTIVES.noFiles };
  const below = args.length === 0 ? subcommands(name).filter((word) => word.startsWith(last)) : [];
  if (name === "" || name in KUBECTL_GROUPS) return { words: below, directive: DIRECTIVES.noFiles };
  const found = await wordChoices(context, name, args, last, values);
  const directive = below.length > 0 ? DIRECTIVES.noFiles : found.directive;
  return { directive, words: [...below, ...found.words.filter((word) => word.startsWith(last))] };
}

/** Commands below a name, with what they do. */
function subcommands(name: string): string[] {
  const prefix = name === "" ? "" : `${name} `;
  const names = new Set(
    [...Object.keys(KUBECTL_COMMANDS), ...Object.keys(KUBECTL_GROUPS)]
      .filter((full) => full.startsWith(prefix) && full !== name)
      .map((full) => full.slice(prefix.length).split(" ")[0]!),
  );
  return [...names].sort().map((word) => {
    const full = prefix + word;
    return `${word}\t${SUMMARIES[full] ?? KUBECTL_GROUPS[full] ?? ""}`;
  });
}

function flagWords(flags: FlagSet, typed: string): string[] {
  const usage = ({ usage: text }: Flag<unknown>) => text.split("\n")[0]!;
  const shown = Object.keys(flags)
    .filter((flag) => flags[flag]!.hidden !== true)
    .sort();
  return shown
    .flatMap((flag) => {
      const { short } = flags[flag]!;
      const words = typed === "-" && short !== undefined ? [`--${flag}`, `-${short}`] : [`--${flag}`];
      return words.map((word) => `${word}\t${usage(flags[flag]!)}`);
    })
    .filter((word) => word.startsWith(typed));
}
