import { lstat } from "node:fs/promises";
import { basename, posix, resolve } from "node:path";
import { CliError } from "../cli-error.ts";
import { bool, int, string } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { checkPodRuns, podPath } from "./exec-command.ts";
import { checkContainer, defaultContainer, type PodLike, podOf } from "./pod-of.ts";
import { type RemoteProcess, remoteProcess, untilEnded } from "./remote-process.ts";

export const command = defineKubectlCommand({
  usage: "<file-spec-src> <file-spec-dest> [options]",
  summary: "Copy files into containers and out of them",
  flags: {
    container: string("The container (default: the first, or the one that the pod's annotation names)", { short: "c" }),
    "no-preserve": bool("Owner and permissions are not kept in the container"),
    retries: int("How often a copy from a container is begun anew when it breaks off; negative: without end"),
  },
  async run({ flags, args, context }) {
    if (args.length !== 2) throw new CliError("error: source and destination are required");
    const [from, to] = [sideOf(args[0]!), sideOf(args[1]!)];
    if (from.pod !== undefined && to.pod !== undefined)
      throw new CliError("error: one of src or dest must be a local file specification");
    if (from.path === "" || to.path === "") throw new CliError("error: filepath can not be empty");
    if (from.pod !== undefined)
      return await copyFromPod(await containerOf(context, from, flags.container), from.path, to.path, flags.retries);
    if (to.pod !== undefined)
      return await copyToPod(await containerOf(context, to, flags.container), from.path, to.path, flags["no-preserve"]);
    throw new CliError("error: one of src or dest must be a remote file specification");
  },
});

interface Side {
  readonly pod?: string;
  readonly namespace?: string;
  readonly path: string;
}

/** "[[namespace/]pod:]path" */
function sideOf(text: string): Side {
  const colon = text.indexOf(":");
  if (colon < 0) return { path: text };
  const parts = text.slice(0, colon).split("/");
  const path = text.slice(colon + 1);
  if (colon === 0 || parts.length > 2)
    throw new CliError("error: filespec must match the canonical format: [[namespace/]pod:]file/path");
  return parts.length === 1 ? { pod: parts[0]!, path } : { namespace: parts[0]!, pod: parts[1]!, path };
}

/** Runs a program in one container. */
type InContainer = (words: readonly string[], input?: AsyncIterable<Uint8Array>) => RemoteProcess;

async function containerOf(
  context: KubectlContext,
  { pod: name, namespace }: Side,
  wanted: string,
): Promise<InContainer> {
  const place = namespace === undefined ? context : { ...context, namespace: async () => namespace };
  const pod: PodLike = await podOf(place, name!);
  checkPodRuns(pod, "exec into");
  if (wanted !== "") checkContainer(pod, wanted);
  const container = wanted || defaultContainer(context, pod);
  const path = await podPath(context, pod, "exec");
  const decoder = new TextDecoder();
  return (command, input) =>
    remoteProcess(
      context,
      path,
      { container, command },
      {
        tty: false,
        ...(input === undefined ? {} : { input }),
        writeError: (data) => context.printError(decoder.decode(data, { stream: true })),
      },
    );
}

const failed = (code: number) => new CliError(`command terminated with exit code ${code}`, code);

async function copyToPod(
  run: InContainer,
  source: string,
  destination: string,
  noPreserve: boolean,
): Promise<undefined> {
  const path = resolve(source);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) throw new CliError(`error: ${source} doesn't exist in local filesystem`);
  let target = posix.normalize(destination);
  if (target.length > 1) target = target.replace(/\/+$/, "");
  const isFolder = (await untilEnded(run(["test", "-d", target]))) === 0;
  if (isFolder) target = posix.join(target, basename(path));
  const { packPath } = await import("../copy/pack.ts");
  const kept = noPreserve ? ["--no-same-permissions", "--no-same-owner"] : [];
  const words = ["tar", ...kept, "-xmf", "-", "-C", posix.dirname(target)];
  const code = await untilEnded(run(words, packPath(path, posix.basename(target))));
  if (code !== 0) throw failed(code);
}

async function copyFromPod(run: InContainer, source: string, destination: string, retries: number): Promise<undefined> {
  const { unpackFromPod } = await import("./cp-archive.ts");
  for (let left = retries; ; left--) {
    const ending: Ending = {};
    const archive = noting(run(["tar", "cf", "-", source]), ending);
    const problem = await unpackFromPod(archive, source, destination).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (ending.code) throw failed(ending.code);
    if (problem === undefined) return;
    // What cannot be written here is not better the next time.
    if (problem !== ending.failure || left === 0) throw problem;
  }
}

/** How a program ended whose output another one reads. */
interface Ending {
  code?: number;
  failure?: unknown;
}

async function* noting(program: RemoteProcess, ending: Ending): AsyncGenerator<Uint8Array> {
  try {
    ending.code = yield* program;
  } catch (error) {
    ending.failure = error;
    throw error;
  }
}
