import { flagUsages } from "../help.ts";
import { isKnown, KUBECTL_COMMANDS, KUBECTL_GROUPS, SECTIONS, SUMMARIES } from "./command-table.ts";
import type { KubectlCommand } from "./declaration.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";

const COLUMNS = 100;

/** What the program can do, in kubectl's sections. */
export function kubectlHelp(program: string): string {
  const sections = Object.entries(SECTIONS).map(([title, names]) => `${title}:\n${rows(names)}`);
  return [
    "Speak with a Kubernetes cluster",
    ...sections,
    `Flags of every command:\n${flagUsages(GLOBAL_FLAGS, COLUMNS)}`,
    `Use "${program} COMMAND --help" for more about a command.\n`,
  ].join("\n\n");
}

/** The commands of a group such as `config`. */
export function groupHelp(program: string, group: string): string {
  const prefix = `${group} `;
  const names = [...Object.keys(KUBECTL_COMMANDS), ...Object.keys(KUBECTL_GROUPS)].filter(
    (name) => name.startsWith(prefix) && !name.slice(prefix.length).includes(" "),
  );
  return [
    KUBECTL_GROUPS[group],
    `Available Commands:\n${rows(names, prefix.length)}`,
    `Usage:\n  ${program} ${group} COMMAND [options]`,
    `Use "${program} ${group} COMMAND --help" for more about a command.\n`,
  ].join("\n\n");
}

function rows(names: readonly string[], skip = 0): string {
  return names
    .filter(isKnown)
    .map((name) => `  ${name.slice(skip).padEnd(20)}${SUMMARIES[name] ?? KUBECTL_GROUPS[name] ?? ""}`)
    .join("\n");
}

/** What a command does, its own flags and how it is called. */
export function commandHelp(program: string, name: string, command: KubectlCommand): string {
  const parts = [command.description ?? command.summary];
  if (command.example) parts.push(`Examples:\n${command.example}`);
  const flags = flagUsages(command.flags, COLUMNS);
  if (flags !== "") parts.push(`Options:\n${flags}`);
  parts.push(`Usage:\n  ${program} ${name} ${command.usage}`.trimEnd());
  return `${parts.join("\n\n")}\n`;
}
