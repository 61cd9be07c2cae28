import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { checkContainer, defaultContainer, type PodLike, podOf } from "./pod-of.ts";
import { runRemoteProcess } from "./remote-process.ts";
import { namedObjects } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";

export const command = defineKubectlCommand({
  usage: "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...] [options]",
  summary: "Run a program in a container",
  flags: {
    container: string("The container (default: the first, or the one that the pod's annotation names)", { short: "c" }),
    filename: strings("The file whose object is meant", { short: "f" }),
    "pod-running-timeout": durationText("How long to wait for a pod that runs", { initial: "1m0s" }),
    quiet: bool("Print only what the program prints", { short: "q" }),
    stdin: bool("Send our standard input", { short: "i" }),
    tty: bool("Give the program a terminal", { short: "t" }),
  },
  async run({ flags, args, afterDashes, context }) {
    const isFromFile = flags.filename.length > 0;
    if (afterDashes === undefined && args.length > (isFromFile ? 0 : 1)) {
      throw new CliError(
        `error: exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee '${context.program} exec -h' for help and examples`,
      );
    }
    if (!isFromFile && args.length === 0) throw new CliError("error: pod, type/name or --filename must be specified");
    const words = [...(isFromFile ? args : args.slice(1)), ...(afterDashes ?? [])];
    if (words.length === 0) throw new CliError("error: you must specify at least one command for the container");
    const word = isFromFile ? await wordOfFile(context, flags.filename) : args[0]!;
    const pod = await podOf(context, word, flags["pod-running-timeout"]);
    checkPodRuns(pod, "exec into");
    if (flags.container !== "") checkContainer(pod, flags.container);
    const container = flags.container || defaultContainer(context, pod, flags.quiet);
    const { canHaveTerminal, withTerminalStreams } = await import("./terminal-streams.ts");
    const tty = canHaveTerminal(flags, context.printError);
    const path = await podPath(context, pod, "exec");
    const code = await withTerminalStreams({ stdin: flags.stdin, tty }, (streams) =>
      runRemoteProcess(context, path, { container, command: words }, streams),
    );
    if (code !== 0) context.printError(`command terminated with exit code ${code}\n`);
    return code;
  },
});

/** TYPE/NAME of the one object in the files. */
async function wordOfFile(context: KubectlContext, filename: readonly string[]): Promise<string> {
  const { objects } = await namedObjects(context, [], { filename, recursive: false });
  const [first, ...more] = objects;
  if (first === undefined || more.length > 0) throw new CliError("error: cannot exec into multiple objects at a time");
  return `${first.type.resource}${first.type.group === "" ? "" : `.${first.type.group}`}/${first.name}`;
}

/** @throws CliError for pods that have ended */
export function checkPodRuns({ status }: PodLike, verb: string): void {
  const phase = status?.phase ?? "";
  if (phase === "Succeeded" || phase === "Failed") {
    throw new CliError(`error: cannot ${verb} a container in a completed pod; current phase is ${phase}`);
  }
}

/** The path of a pod's stream. */
export async function podPath({ types }: KubectlContext, { metadata }: PodLike, subresource: string): Promise<string> {
  return pathOf((await types()).ofKind("v1", "Pod"), metadata.namespace, metadata.name, subresource);
}
