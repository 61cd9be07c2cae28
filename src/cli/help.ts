import type { Command } from "./command.ts";
import { COMMON_COMMANDS, commandNames, GROUPS, HIDDEN_NAMES, loadCommand } from "./command-table.ts";
import { defaultConfigDir } from "./config-file.ts";
import type { FlagSet } from "./flags.ts";
import { globalFlags } from "./global-options.ts";
import { isTerminal } from "./output.ts";

/** The help screen of a command, in docker's layout. `name` is the name it was called by, such as `container rm`. */
export function commandHelp(program: string, name: string, command: Omit<Command, "run">): string {
  const parts = [
    `Usage:  ${program} ${name} ${command.usage.replace("\tdocker ", `\t${program} `)}`.trimEnd(),
    command.description ?? command.summary,
  ];
  if (command.aliases) parts.push(`Aliases:\n  ${command.aliases.map((alias) => `${program} ${alias}`).join(", ")}`);
  if (command.example) parts.push(`Examples:\n${command.example}`);
  const flags = flagUsages(command.flags, terminalColumns() - 1);
  if (flags !== "") parts.push(`Options:\n${flags}`);
  return `${parts.join("\n\n")}\n`;
}

/** The help screen of a group such as `container`. */
export async function groupHelp(program: string, group: string): Promise<string> {
  const prefix = `${group} `;
  const names = commandNames().filter((name) => name.startsWith(prefix) && !HIDDEN_NAMES.has(name));
  const rows = await Promise.all(
    names.sort().map(async (name) => row(name.slice(prefix.length), (await loadCommand(name)).summary)),
  );
  return [
    `Usage:  ${program} ${group} COMMAND`,
    GROUPS[group],
    `Commands:\n${rows.join("\n")}`,
    `Run '${program} ${group} COMMAND --help' for more information on a command.\n`,
  ].join("\n\n");
}

/** The help screen of the program itself. */
export async function topHelp(program: string): Promise<string> {
  const names = commandNames().filter((name) => !name.includes(" ") && !HIDDEN_NAMES.has(name));
  const others = names.filter((name) => !COMMON_COMMANDS.includes(name)).sort();
  const common = COMMON_COMMANDS.filter((name) => names.includes(name));
  const rows = (list: readonly string[]) =>
    Promise.all(list.map(async (name) => row(name, (await loadCommand(name)).summary)));
  const groups = Object.keys(GROUPS).sort();
  const daemonRow = program === "docker" ? [] : [row("daemon", "Run the engine that the other commands talk to")];
  return [
    `Usage:  ${program} [OPTIONS] COMMAND`,
    "Containers on this machine: run them, look into them, make and keep images",
    `Common Commands:\n${(await rows(common)).join("\n")}`,
    `Management Commands:\n${[...daemonRow, ...groups.map((group) => row(group, GROUPS[group]!))].join("\n")}`,
    `Commands:\n${(await rows(others)).join("\n")}`,
    `Global Options:\n${flagUsages(globalFlags(defaultConfigDir()), terminalColumns() - 1)}`,
    `Run '${program} COMMAND --help' for more information on a command.\n`,
  ].join("\n\n");
}

function row(name: string, summary: string): string {
  return `  ${name.padEnd(12)}${summary}`;
}

function terminalColumns(): number {
  if (!isTerminal(0) || !isTerminal(1)) return 80;
  return process.stdout.columns || 80;
}

/** The lines about flags, sorted by name, wrapped into `columns` as pflag wraps them. */
export function flagUsages(flags: FlagSet, columns: number): string {
  const shown = Object.keys(flags)
    .filter((name) => !flags[name]!.hidden)
    .sort();
  const heads = shown.map((name) => {
    const { short, type } = flags[name]!;
    return `${short === undefined ? "     " : `  -${short},`} --${name}${type === "" ? "" : ` ${type}`}`;
  });
  const width = Math.max(...heads.map((head) => head.length)) + 1;
  const lines = shown.map((name, index) => {
    const { usage, defaultText } = flags[name]!;
    const text = defaultText ? `${usage} (default ${defaultText})` : usage;
    return `${heads[index]!.padEnd(width)}  ${wrapText(text, width + 2, columns)}`;
  });
  return lines.join("\n");
}

/** A last line may be longer by this much, so that no word stands alone on a line of its own. */
const SLOP = 5;
const LEAST_WIDTH = 24;

/** Breaks `text` into lines that end before `columns` when indented by `indent`; the first is indented already. */
export function wrapText(text: string, indent: number, columns: number): string {
  let margin = indent;
  let start = "";
  if (columns - margin < LEAST_WIDTH) {
    margin = 16;
    start = `\n${" ".repeat(margin)}`;
    if (columns - margin < LEAST_WIDTH) return text.replaceAll("\n", start);
  }
  const width = columns - margin - SLOP;
  const lineBreak = `\n${" ".repeat(margin)}`;
  const lines: string[] = [];
  let rest = text;
  do {
    const [line, remainder] = cutLine(rest, width);
    lines.push(line.replaceAll("\n", lineBreak));
    rest = remainder;
  } while (rest !== "");
  return start + lines.join(lineBreak);
}

function cutLine(text: string, width: number): [line: string, rest: string] {
  if (width + SLOP > text.length) return [text, ""];
  const head = text.slice(0, width);
  const space = Math.max(head.lastIndexOf(" "), head.lastIndexOf("\t"), head.lastIndexOf("\n"));
  if (space <= 0) return [text, ""];
  const newline = head.lastIndexOf("\n");
  const cut = newline > 0 && newline < space ? newline : space;
  return [text.slice(0, cut), text.slice(cut + 1)];
}
