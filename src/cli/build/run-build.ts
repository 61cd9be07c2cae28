/** `build`: from the flags to the printed result. */
import { writeFileSync } from "node:fs";
import type { BuildEnd } from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import { fileErrorText } from "../file-error.ts";
import { isTerminal } from "../output.ts";
import type { BuildFlags } from "./build-flags.ts";
import { failureText, warningsText } from "./build-report.ts";
import { type Display, openDisplay, usesColors } from "./open-display.ts";
import { readOutputs } from "./outputs.ts";
import { openAgents, type PreparedBuild, prepareBuild } from "./prepare-build.ts";
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
    agents = await openAgents(flags.ssh);
    const build = await prepareBuild({ flags, files, outputs, onlyCheck: method?.onlyCheck, agents, context });
    // What is JSON is meant for a program.
    const look = method?.isJson ? { progress: "quiet", quiet: true } : flags;
    const display = await openDisplay(look, { isGiven: given("progress"), program: context.program });
    const end = await untilEnd(build, display);
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

/** The first Ctrl-C cancels the build and waits until nothing of it is left, the second one quits. */
async function untilEnd(build: PreparedBuild, display: Display): Promise<BuildEnd> {
  let isCancelled = false;
  const interrupt = () => {
    if (isCancelled) process.exit(INTERRUPTED);
    isCancelled = true;
    build.cancel();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    return await build.run((events) => display.take(events));
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
  { imageId, metadata, warnings }: Result,
  { flags, context, display }: { flags: BuildFlags; context: CommandContext; display: Display },
): void {
  const id = imageId ?? archivedId(metadata);
  if (flags.iidfile !== "") write(flags.iidfile, id);
  if (flags["metadata-file"] !== "") write(flags["metadata-file"], JSON.stringify(metadata, null, 2));
  if (flags.quiet || flags.progress === "quiet") {
    if (id !== "") context.print(`${id}\n`);
    return;
  }
  if (display.state === undefined) return;
  const { program } = context;
  context.printError(warningsText(warnings, { program, isExpanded: flags.debug, hasColors: usesColors() }));
}

/** What docker's plugin calls the id of an image that went elsewhere: the digest of its configuration, or of its index. */
function archivedId(metadata: Record<string, unknown>): string {
  return String(metadata["containerimage.config.digest"] ?? metadata["containerimage.digest"] ?? "");
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new CliError(fileErrorText("open", path, error));
  }
}
