import { editDistance } from "../../lib/edit-distance.ts";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import { type FlagSet, type FlagValues, parseFlags } from "../flags.ts";
import { isKnown, KUBECTL_ALIASES, KUBECTL_COMMANDS, SECTIONS } from "./command-table.ts";
import type { KubectlCommand } from "./declaration.ts";
import { GLOBAL_FLAGS, type GlobalValues } from "./global-flags.ts";
import { HelpError, UsageError } from "./help-error.ts";
import { kubectlContext } from "./kubectl-context.ts";
import { expandAlias, presetWords, readPreferences } from "./preferences.ts";
import { checkWriteFlags } from "./write-flags.ts";

/** Runs one line of `kubectl`. Resolves to the exit code. `program` is how it was called: "naru kubectl", "kubectl". */
export async function runKubectl(program: string, words: string[], context: CommandContext): Promise<number> {
  // Flags for every command may stand before its name.
  const before = parse(GLOBAL_FLAGS, words, `${program}`, false);
  const [first, ...rest] = before.args;
  if (first === undefined || (first === "help" && rest.length === 0)) {
    const { kubectlHelp } = await import("./kubectl-help.ts");
    context.print(kubectlHelp(program));
    return 0;
  }
  if (first === "__complete" || first === "__completeNoDesc") {
    const { complete } = await import("./completion/complete.ts");
    await complete(
      program,
      [...words.slice(0, words.length - before.args.length), ...rest],
      context,
      first === "__complete",
    );
    return 0;
  }
  const asked = first === "help" ? [...rest, "--help"] : [first, ...rest];
  const { runPlugin } = await import("./plugins.ts");
  const plugin = await runPlugin(asked);
  if (plugin !== undefined) return plugin;
  const preferences = await readPreferences(before.values.kuberc);
  const isBuiltIn = isKnown(first);
  const alias = isBuiltIn || preferences === undefined ? undefined : expandAlias(preferences, asked);
  const { name, command, words: own } = await findCommand(program, alias?.words ?? asked);
  if (command === undefined) return await runGroup(program, name, own, context);
  const leading = words.slice(0, words.length - before.args.length);
  const defaults = preferences?.defaults.find((one) => one.command === name)?.options ?? [];
  return await runCommand(program, name, command, [...leading, ...own], context, alias?.options ?? defaults);
}

interface Found {
  name: string;
  /** Undefined for a group alone. */
  command: KubectlCommand | undefined;
  words: string[];
}

async function findCommand(program: string, words: readonly string[]): Promise<Found> {
  let name = "";
  let taken = 0;
  for (const word of words) {
    if (word.startsWith("-")) break;
    const full = name === "" ? (KUBECTL_ALIASES[word] ?? word) : `${name} ${word}`;
    const next = KUBECTL_ALIASES[full] ?? full;
    if (!isKnown(next)) break;
    name = next;
    taken++;
  }
  const rest = words.slice(taken);
  if (name in KUBECTL_COMMANDS) {
    const { command } = await KUBECTL_COMMANDS[name]!();
    return { name, command, words: rest };
  }
  if (name !== "") return { name, command: undefined, words: rest };
  const typed = rest[0] ?? "";
  const close = closeCommands(typed);
  const hint = close.length === 0 ? "" : `\n\nDid you mean this?\n${close.map((one) => `\t${one}`).join("\n")}`;
  throw new CliError(`error: unknown command "${typed}" for "${program}"${hint}`);
}

/** Commands that begin with what was typed, or differ from it by two letters at most. */
function closeCommands(typed: string): string[] {
  const wanted = typed.toLowerCase();
  return Object.values(SECTIONS)
    .flat()
    .filter(isKnown)
    .filter((name) => name.startsWith(wanted) || editDistance(wanted, name) <= 2);
}

/** A group alone, such as `config`: tells what it has. Resolves to the exit code. */
async function runGroup(program: string, name: string, words: readonly string[], context: CommandContext) {
  const path = `${program} ${name}`;
  const { args, helpAsked } = parse(GLOBAL_FLAGS, [...words], path, true);
  if (!helpAsked && args.length > 0)
    throw new CliError(`error: unknown command "${args.join(" ")}"\nSee '${path} -h' for help and examples`);
  const { groupHelp } = await import("./kubectl-help.ts");
  const isAnswer = helpAsked || name === "rollout" || name === "certificate";
  (isAnswer ? context.print : context.printError)(groupHelp(program, name));
  return helpAsked || name === "certificate" ? 0 : 1;
}

async function runCommand(
  program: string,
  name: string,
  command: KubectlCommand,
  words: string[],
  context: CommandContext,
  presets: Parameters<typeof presetWords>[0],
): Promise<number> {
  const flags = { ...GLOBAL_FLAGS, ...command.flags };
  const path = `${program} ${name}`;
  const dashes = words.indexOf("--");
  const own = dashes < 0 ? words : words.slice(0, dashes);
  const typed = parse(flags, own, path, command.interspersed ?? true);
  const preset = presetWords(presets, name, flags, typed.changed as ReadonlySet<string>);
  const parsed = preset.length === 0 ? typed : parse(flags, [...preset, ...own], path, command.interspersed ?? true);
  for (const warning of parsed.warnings) context.printError(`${warning}\n`);
  if (parsed.helpAsked) {
    const { commandHelp } = await import("./kubectl-help.ts");
    context.print(commandHelp(program, name, command));
    return 0;
  }
  checkWriteFlags(parsed.values);
  // Where a command has a flag of the same name, such as --user of "create rolebinding", the flag is the command's own.
  const shadowing = Object.keys(command.flags).filter((flag) => flag in GLOBAL_FLAGS);
  const untouched = shadowing.map((flag) => [flag, GLOBAL_FLAGS[flag as keyof typeof GLOBAL_FLAGS].initial()]);
  const globals = { ...parsed.values, ...Object.fromEntries(untouched) } as unknown as GlobalValues;
  const invocation = {
    flags: parsed.values,
    args: parsed.args,
    afterDashes: dashes < 0 ? undefined : words.slice(dashes + 1),
    given: (flag: string) => (parsed.changed as ReadonlySet<string>).has(flag),
    context: kubectlContext({ ...context, program }, globals, (parsed.changed as ReadonlySet<string>).has("namespace")),
  };
  try {
    return (await command.run(invocation)) ?? 0;
  } catch (error) {
    // --request-timeout ran out while an answer was being read.
    if (error instanceof Error && error.name === "TimeoutError") throw new CliError("error: context deadline exceeded");
    if (error instanceof UsageError)
      throw new CliError(`${error.message}\nSee '${path} -h' for help and examples`, error.exitCode);
    if (!(error instanceof HelpError)) throw error;
    const { commandHelp } = await import("./kubectl-help.ts");
    context.print(commandHelp(program, name, command));
    if (error.message === "") return 0;
    throw error;
  }
}

/** kubectl ends with 1 where docker's own commands end with 125. */
function parse<F extends FlagSet>(flags: F, words: string[], path: string, interspersed: boolean) {
  try {
    return parseFlags(flags, words, { interspersed }) as Omit<ReturnType<typeof parseFlags<F>>, "values"> & {
      values: FlagValues<F>;
    };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(`error: ${error.message}\nSee '${path} --help' for usage.`);
  }
}
