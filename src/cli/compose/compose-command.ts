import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import { bool } from "../flag-types.ts";
import { type FlagSet, type FlagValues, type ParseOptions, parseFlags } from "../flags.ts";
import { COMPOSE_ALIASES, COMPOSE_COMMANDS, REFUSED_COMMANDS } from "./command-table.ts";
import { composeContext } from "./compose-context.ts";
import type { ComposeCommand } from "./declaration.ts";
import { takeEnvSettings } from "./env-settings.ts";
import { GLOBAL_FLAGS, type GlobalValues } from "./global-flags.ts";
import { parallelLimit } from "./parallel-limit.ts";

/** Every command takes it too. */
const COMMON_FLAGS = { "dry-run": bool("Only tell what would be done") };

/** Runs one word of `compose`. Resolves to the exit code. */
export async function runCompose(words: string[], context: CommandContext): Promise<number> {
  const global = parse(GLOBAL_FLAGS, words, { interspersed: false });
  warn(context, global.warnings);
  const [typed, ...rest] = global.args;
  if (global.values.version && typed === undefined) return await runNamed("version", [], global.values, context);
  if (typed === undefined || global.helpAsked || (typed === "help" && rest.length === 0)) {
    const { composeHelp } = await import("./compose-help.ts");
    context.print(await composeHelp(context.program));
    return 0;
  }
  await takeEnvSettings(global.values);
  // A limit that is none is told whatever the command.
  parallelLimit({ globals: global.values });
  if (typed === "help") return await runNamed(rest[0]!, ["--help"], global.values, context);
  return await runNamed(typed, rest, global.values, context);
}

async function runNamed(
  typed: string,
  words: string[],
  globals: GlobalValues,
  context: CommandContext,
): Promise<number> {
  const name = COMPOSE_ALIASES[typed] ?? typed;
  if (Object.hasOwn(REFUSED_COMMANDS, name)) {
    throw new CliError(`${context.program}: 'compose ${name}' is not here: ${REFUSED_COMMANDS[name]}`);
  }
  if (!Object.hasOwn(COMPOSE_COMMANDS, name)) throw await unknownCommand(context, typed);
  const { command } = await COMPOSE_COMMANDS[name]!();
  const flags = { ...COMMON_FLAGS, ...command.flags };
  const parsed = parse(flags, words, { interspersed: command.interspersed });
  warn(context, parsed.warnings);
  if (parsed.helpAsked) {
    const { commandHelp } = await import("../help.ts");
    context.print(commandHelp(context.program, `compose ${typed}`, { ...command, flags }));
    return 0;
  }
  checkArgs(command, parsed.args, `${context.program} compose ${typed}`);
  const composing = composeContext(context, globals, parsed.values["dry-run"] === true);
  const given = (flag: string) => parsed.changed.has(flag);
  const code = await command.run({ flags: parsed.values, args: parsed.args, given, context: composing });
  return code ?? 0;
}

/** docker compose ends with 1 where docker's own commands end with 125. */
function parse<F extends FlagSet>(flags: F, words: string[], options: ParseOptions) {
  try {
    return parseFlags(flags, words, options) as Omit<ReturnType<typeof parseFlags<F>>, "values"> & {
      values: FlagValues<F>;
    };
  } catch (error) {
    if (error instanceof CliError) throw new CliError(error.message);
    throw error;
  }
}

function warn(context: CommandContext, warnings: readonly string[]): void {
  for (const warning of warnings) context.printError(`${warning}\n`);
}

function checkArgs(command: ComposeCommand, args: string[], path: string): void {
  const complaint = command.args.complaint(args.length);
  if (complaint === undefined) return;
  throw new CliError(
    `'${path}' ${complaint}\n\nUsage:  ${path} ${command.usage}\n\nRun '${path} --help' for more information`,
  );
}

async function unknownCommand({ program }: CommandContext, typed: string): Promise<CliError> {
  const { suggestion } = await import("../suggest.ts");
  const hint = suggestion(typed, [...Object.keys(COMPOSE_COMMANDS), ...Object.keys(COMPOSE_ALIASES)]);
  return new CliError(
    `unknown docker command: "compose ${typed}"\n\n${hint}Run '${program} compose --help' for more information`,
  );
}
