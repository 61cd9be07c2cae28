import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { commandNames, GROUPS, HIDDEN_NAMES, loadCommand } from "../command-table.ts";
import { type CompletionWords, completionScript } from "../completion-scripts.ts";
import { COMPOSE_COMMANDS } from "../compose/command-table.ts";
import { GLOBAL_FLAGS } from "../compose/global-flags.ts";
import type { FlagSet } from "../flags.ts";

export const command = defineCommand({
  usage: "bash|zsh|fish",
  summary: "Generate the autocompletion script for the specified shell",
  args: exactArgs(1),
  flags: {},
  async run({ args: [shell], context }) {
    if (shell !== "bash" && shell !== "zsh" && shell !== "fish") {
      throw new CliError(
        `${context.program}: no completion for the shell ${JSON.stringify(shell)}; use bash, zsh or fish`,
      );
    }
    context.print(completionScript(context.program, shell, await completionWords()));
  },
});

async function completionWords(): Promise<CompletionWords> {
  const names = commandNames().filter((name) => !HIDDEN_NAMES.has(name));
  const words: Record<string, string[]> = {
    "": [...names.filter((name) => !name.includes(" ")), ...Object.keys(GROUPS)].sort(),
  };
  const flags: Record<string, string[]> = {};
  for (const name of names) {
    const [group, word] = name.split(" ");
    if (word !== undefined) words[group!] = [...(words[group!] ?? []), word].sort();
    flags[name] = flagWords((await loadCommand(name)).flags);
  }
  // `compose` finds its commands itself.
  words.compose = Object.keys(COMPOSE_COMMANDS).sort();
  flags.compose = flagWords(GLOBAL_FLAGS);
  for (const name of words.compose)
    flags[`compose ${name}`] = flagWords((await COMPOSE_COMMANDS[name]!()).command.flags);
  return { words, flags };
}

function flagWords(declared: FlagSet): string[] {
  return Object.keys(declared)
    .filter((flag) => !declared[flag]!.hidden)
    .flatMap((flag) => (declared[flag]!.short ? [`--${flag}`, `-${declared[flag]!.short}`] : [`--${flag}`]))
    .sort();
}
