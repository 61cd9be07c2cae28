import { CliError } from "./cli-error.ts";
import { ApiClient } from "./client.ts";
import type { Command, CommandContext } from "./command.ts";
import { commandNames, GROUPS, isCommand, loadCommand } from "./command-table.ts";
import { type ConfigFile, readUsableConfig } from "./config-file.ts";
import { parseFlags } from "./flags.ts";
import { type GlobalOptions, type GlobalWords, parseGlobalWords } from "./global-options.ts";
import { printVersion } from "./main.ts";
import { writeErr, writeOnly, writeOut } from "./output.ts";

/**
 * Finds the command that the words name, runs it, prints its failure, and resolves to the exit code. With `--debug` a
 * failure that we did not foresee is printed with its stack.
 */
export async function dispatch(program: string, words: string[]): Promise<number> {
  let isDebugging = false;
  try {
    const global = readGlobalWords(program, words);
    isDebugging = global.options.debug;
    return await runWords(program, global);
  } catch (error) {
    const foreseen = error instanceof CliError ? error : undefined;
    const message = error instanceof Error ? error.message : String(error);
    const stack = isDebugging && !foreseen && error instanceof Error ? `\n${error.stack}` : "";
    if (message !== "") tellFailure(`${message}${stack}\n`);
    return foreseen?.exitCode ?? 1;
  }
}

/** Prints a failure; where that fails too, as on a full disk, the exit code must still tell. */
function tellFailure(text: string): void {
  try {
    writeErr(text);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
  }
}

async function runWords(program: string, global: GlobalWords): Promise<number> {
  for (const warning of global.warnings) writeErr(`${warning}\n`);
  const rest = global.words;
  if (global.versionAsked && rest.length === 0) {
    await printVersion(program);
    return 0;
  }
  if (rest[0] === "help") return printHelpFor(program, rest.slice(1));
  if (global.helpAsked) return printHelpFor(program, []);
  if (rest.length === 0) return printHelpFor(program, [], writeErr);
  const name = findName(rest);
  if (name === undefined) return printGroupOrFail(program, rest);
  const command = await loadCommand(name);
  return runCommand(program, name, command, rest.slice(name.split(" ").length), global.options);
}

function readGlobalWords(program: string, words: string[]) {
  try {
    return parseGlobalWords(words);
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== 125) throw error;
    const usage = `Usage:  ${program} [OPTIONS] COMMAND [ARG...]`;
    throw new CliError(`${error.message}\n\n${usage}\n\nRun '${program} --help' for more information`, 125);
  }
}

/** The longest command name at the start of `words`: two words inside a group, else one. */
function findName(words: string[]): string | undefined {
  const [first = "", second] = words;
  if (Object.hasOwn(GROUPS, first)) {
    const name = `${first} ${second}`;
    return isCommand(name) ? name : undefined;
  }
  return isCommand(first) ? first : undefined;
}

/** `print` is for standard error when nobody asked for help, but named no command. */
async function printHelpFor(program: string, words: string[], print: (text: string) => void = writeOut) {
  const help = await import("./help.ts");
  if (words.length === 0) {
    print(await help.topHelp(program));
    return 0;
  }
  const name = findName(words);
  if (name !== undefined) print(help.commandHelp(program, name, await loadCommand(name)));
  else if (words.length === 1 && Object.hasOwn(GROUPS, words[0]!)) print(await help.groupHelp(program, words[0]!));
  else throw new CliError(`unknown help topic: ${words.join(" ")}`);
  return 0;
}

async function printGroupOrFail(program: string, words: string[]): Promise<number> {
  const [first = "", second] = words;
  const isGroup = Object.hasOwn(GROUPS, first);
  if (isGroup && second === undefined) return printHelpFor(program, [first], writeErr);
  if (isGroup && (second === "--help" || second === "-h")) return printHelpFor(program, [first]);
  if (isGroup && second!.startsWith("-")) {
    const complaint = second!.startsWith("--")
      ? `unknown flag: ${second}`
      : `unknown shorthand flag: '${second![1]}' in ${second}`;
    const usage = `Usage:  ${program} ${first}`;
    throw new CliError(`${complaint}\n\n${usage}\n\nRun '${program} ${first} --help' for more information`, 125);
  }
  const { suggestion } = await import("./suggest.ts");
  const path = isGroup ? `${program} ${first}` : program;
  const typed = isGroup ? second! : first;
  const prefix = isGroup ? `${first} ` : "";
  const known = commandNames()
    .concat(Object.keys(GROUPS))
    .filter((name) => name.startsWith(prefix));
  const hint = suggestion(
    typed,
    known.map((name) => name.slice(prefix.length)).filter((name) => !name.includes(" ")),
  );
  const usage = isGroup ? `Usage:  ${path}\n\n` : "";
  throw new CliError(
    `${program}: unknown command: ${path} ${typed}\n\n${hint}${usage}Run '${path} --help' for more information`,
  );
}

async function runCommand(
  program: string,
  name: string,
  command: Command,
  words: string[],
  options: GlobalOptions,
): Promise<number> {
  const path = `${program} ${name}`;
  const usage = `Usage:  ${path} ${command.usage}`.trimEnd();
  const parsed = parseOrExplain(command, words, path, usage);
  for (const warning of parsed.warnings) writeErr(`${warning}\n`);
  if (parsed.helpAsked) {
    const { commandHelp } = await import("./help.ts");
    writeOut(commandHelp(program, name, command));
    return 0;
  }
  const complaint = command.args.complaint(parsed.args.length);
  if (complaint !== undefined) {
    const word =
      /at least \d+ arguments?$|at most \d+ arguments?$/.test(complaint) && !complaint.includes(" and ")
        ? "See"
        : "Run";
    throw new CliError(
      `${program}: '${path}' ${complaint}\n\n${usage}\n\n${word} '${path} --help' for more information`,
    );
  }
  const runtime = openContext(program, path, options);
  try {
    const given = (flag: string) => parsed.changed.has(flag);
    const code = await command.run({ flags: parsed.values, args: parsed.args, given, context: runtime.context });
    return code ?? 0;
  } finally {
    runtime.close();
  }
}

/** The flags and words of a command. Throws CliError with the complaint and the usage line. */
export function parseOrExplain(command: Command, words: string[], path: string, usage: string) {
  if (command.takesAllWords && (command.helpsItself || !words.includes("--help"))) {
    return { values: {}, changed: new Set<string>(), args: words, helpAsked: false, warnings: [] };
  }
  try {
    return parseFlags(command.flags, words, { interspersed: command.interspersed });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(`${error.message}\n\n${usage}\n\nRun '${path} --help' for more information`, error.exitCode);
  }
}

function openContext(program: string, calledAs: string, options: GlobalOptions) {
  let config: Promise<ConfigFile> | undefined;
  let client: Promise<ApiClient> | undefined;
  let opened: ApiClient | undefined;
  const readConfig = () => (config ??= readUsableConfig(options.configDir, writeErr));
  const openClient = async () => {
    // The file is read beside the loading.
    const [settings, { resolveEndpoint }] = await Promise.all([readConfig(), import("./endpoint.ts")]);
    const endpoint = await resolveEndpoint(options, settings.currentContext);
    opened = new ApiClient(endpoint, program, settings.HttpHeaders);
    return opened;
  };
  const context: CommandContext = {
    program,
    calledAs,
    configDir: options.configDir,
    contextName: options.context || undefined,
    hostGiven: options.hosts.length > 0 || Boolean(process.env.DOCKER_HOST),
    config: readConfig,
    client: () => (client ??= openClient()),
    print: writeOut,
    printOnly: writeOnly,
    printError: writeErr,
  };
  return { context, close: () => opened?.close() };
}
