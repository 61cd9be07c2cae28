/** `build`: from the flags to the printed result. */
import { writeFileSync } from "node:fs";
import type { BuildEnd } from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import { fileErrorText } from "../file-error.ts";
import { isTerminal } from "../output.ts";
import type { BuildFlags } from "./build-flags.ts";
import { failureText, warningsText } from "./build-report.ts";
import { BuildSession, type ClientSide } from "./build-session.ts";
import { type PlannedBuild, planBuild } from "./build-wish.ts";
import { type Display, openDisplay, usesColors } from "./open-display.ts";
import { readOutputs } from "./outputs.ts";
import { readSecret } from "./secrets.ts";
import { findSourceFiles } from "./source-files.ts";
import type { SshAgents } from "./ssh-agents.ts";

/** As a shell tells of a command that a signal ended. */
const INTERRUPTED = 130;

type Result = Extract<BuildEnd, { type: "result" }>;

interface BuildUse {
  flags: BuildFlags;
  word: string;
  given(name: keyof BuildFlags & string): boolean;
  context: CommandContext;
}

/** Resolves to the exit code. Throws CliError. */
export async function runBuild({ flags, word, given, context }: BuildUse): Promise<number> {
  const method = flags.check || flags.call !== "build" ? await readMethod(flags) : undefined;
  const outputs = readOutputs(flags, isTerminal(1));
  // The connection opens while files are read.
  const opening = context.client();
  opening.then((client) => client.warm(1)).catch(() => {});
  let agents: SshAgents | undefined;
  try {
    const files = await findSourceFiles(word, flags.file);
    if (flags.ssh.length > 0) agents = await openAgents(flags.ssh);
    const client = await opening;
    const config = await context.config();
    const plan = planBuild(flags, {
      files,
      outputs,
      onlyCheck: method?.onlyCheck,
      config,
      host: client.host,
      agents: agents?.ids ?? [],
    });
    const display = await openDisplay(
      // What is JSON is meant for a program.
      method?.isJson ? { progress: "quiet", quiet: true } : flags,
      { isGiven: given("progress"), program: context.program },
    );
    const side = clientSide(plan, files.input, agents, context);
    const session = new BuildSession(await client.hijack("/naru/build"), side, (events) => display.take(events));
    const end = await untilEnd(session, plan, display);
    if (end.type === "failure") throw failure(end, display);
    if (method && end.answer) {
      const { answerText } = await import("./check-answer.ts");
      const { text, isFailure } = answerText(method, end.answer);
      context.print(text);
      return isFailure ? 1 : 0;
    }
    report(end, { flags, context, display });
    return 0;
  } finally {
    agents?.close();
    // Only what is open can be closed when the command ends.
    await opening.catch(() => {});
  }
}

async function readMethod(flags: BuildFlags) {
  const { readMethod: read } = await import("./check-answer.ts");
  return read(flags);
}

async function openAgents(texts: readonly string[]): Promise<SshAgents> {
  const { SshAgents: Agents } = await import("./ssh-agents.ts");
  return await Agents.open(texts);
}

function clientSide(
  plan: PlannedBuild,
  input: AsyncIterable<Uint8Array> | undefined,
  agents: SshAgents | undefined,
  context: CommandContext,
): ClientSide {
  const { directories, secrets, destinations, cacheSources, cacheTargets } = plan;
  return {
    directories,
    input,
    readSecret: (id) => {
      const source = secrets.get(id);
      return source && readSecret(source);
    },
    agents,
    config: () => context.config(),
    destinations,
    cacheSources,
    cacheTargets,
  };
}

/** The first Ctrl-C cancels the build and waits until nothing of it is left, the second one quits. */
async function untilEnd(session: BuildSession, { wish }: PlannedBuild, display: Display): Promise<BuildEnd> {
  let isCancelled = false;
  const interrupt = () => {
    if (isCancelled) process.exit(INTERRUPTED);
    isCancelled = true;
    session.cancel();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    return await session.run(wish);
  } finally {
    display.finish();
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

function failure(end: Extract<BuildEnd, { type: "failure" }>, { state }: Display): CliError {
  return new CliError(failureText(end, state), end.isCancelled ? INTERRUPTED : 1);
}

function report(
  { imageId = "", metadata, warnings }: Result,
  { flags, context, display }: { flags: BuildFlags; context: CommandContext; display: Display },
): void {
  if (flags.iidfile !== "") write(flags.iidfile, imageId);
  if (flags["metadata-file"] !== "") write(flags["metadata-file"], JSON.stringify(metadata, null, 2));
  if (flags.quiet) {
    if (imageId !== "") context.print(`${imageId}\n`);
    return;
  }
  if (display.state === undefined) return;
  const { program } = context;
  context.printError(warningsText(warnings, { program, isExpanded: flags.debug, hasColors: usesColors() }));
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new CliError(fileErrorText("open", path, error));
  }
}
