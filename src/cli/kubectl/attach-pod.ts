/** Attaching to a container that runs: what `attach`, `run` and `debug` have in common. */

import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";
import { checkPodRuns, podPath } from "./exec-command.ts";
import type { PodLike } from "./pod-of.ts";
import { runRemoteProcess } from "./remote-process.ts";

interface AttachFlags {
  readonly quiet: boolean;
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** Resolves to the exit code that the server tells. @param onOutput called with whatever comes @throws CliError */
export async function attachToPod(
  context: KubectlContext,
  pod: PodLike,
  container: string,
  flags: AttachFlags,
  onOutput: () => void = () => {},
): Promise<number> {
  checkPodRuns(pod, "attach");
  const declared = declaredContainer(pod, container);
  if (declared === undefined) throw new CliError(`error: container not found (${container})`);
  if (flags.tty && declared.tty !== true && !flags.quiet)
    context.printError(`error: Unable to use a TTY - container ${container} did not allocate one\n`);
  const { canHaveTerminal, withTerminalStreams } = await import("./terminal-streams.ts");
  const hasTerminal = declared.tty === true;
  const isRaw = canHaveTerminal({ stdin: flags.stdin, tty: hasTerminal }, context.printError);
  if (!flags.quiet) {
    context.printError(
      "All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\n",
    );
    context.printError("If you don't see a command prompt, try pressing enter.\n");
  }
  const path = await podPath(context, pod, "attach");
  const code = await withTerminalStreams({ stdin: flags.stdin, tty: isRaw, redraw: true }, (streams) =>
    // The container's terminal has one output, whatever ours is.
    runRemoteProcess(
      context,
      path,
      { container },
      {
        ...streams,
        tty: hasTerminal,
        write(stream, data) {
          onOutput();
          return streams.write(stream, data);
        },
      },
    ),
  );
  const message = reattachMessage(pod, container, flags, isRaw, context.program);
  if (message !== undefined) context.print(`${message}\n`);
  return code;
}

interface DeclaredContainer {
  name: string;
  tty?: boolean;
}

function declaredContainer({ spec }: PodLike, name: string): DeclaredContainer | undefined {
  const all: DeclaredContainer[] = [
    ...spec.containers,
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  return all.find((one) => one.name === name);
}

function reattachMessage(
  pod: PodLike,
  container: string,
  flags: AttachFlags,
  isRaw: boolean,
  program: string,
): string | undefined {
  if (flags.quiet || !flags.stdin || !isRaw) return undefined;
  const again = `'${program} attach ${pod.metadata.name} -c ${container} -i -t'`;
  if (pod.spec.ephemeralContainers?.some(({ name }) => name === container)) {
    return `Session ended, the ephemeral container will not be restarted but may be reattached using ${again} if it is still running`;
  }
  const { restartPolicy } = pod.spec as { restartPolicy?: string };
  if (restartPolicy !== "Always") return undefined;
  return `Session ended, resume using ${again} command when the pod is running`;
}
