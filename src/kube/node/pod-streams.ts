/** What clients ask of a running pod: logs, commands, its own streams, connections to its ports. */

import type { AttachSession } from "../../engine/contract.ts";
import { errorText, isKind } from "../../lib/errors.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { StatusError } from "../status.ts";
import type { ContainerSlot } from "./container-slot.ts";
import type { NodeConnection, PodLogOptions, PodProcess, PodStreamOptions } from "./contract.ts";
import { limitBytes } from "./log-limit.ts";
import type { NodeAgentOptions } from "./node-context.ts";
import type { NodeSession } from "./node-session.ts";
import { podContainers, specOf } from "./pod-containers.ts";

type Streams = Pick<NodeConnection, "logs" | "exec" | "attach" | "connect">;

export function createPodStreams({ engine }: NodeAgentOptions, session: () => NodeSession | undefined): Streams {
  const slotOf = (pod: Stored<Pod>, name: string | undefined): ContainerSlot => {
    const worker = session()?.workers.get(pod.metadata.uid);
    const wanted = name || defaultContainer(pod);
    const isNamed = podContainers(specOf(pod)).some(({ spec }) => spec.name === wanted);
    if (!isNamed) throw new StatusError("BadRequest", `container ${wanted} is not valid for pod ${pod.metadata.name}`);
    const slot = worker?.slots.get(wanted);
    if (slot !== undefined) return slot;
    throw new StatusError("NotFound", `pod ${pod.metadata.name} does not run on this node (yet)`);
  };
  const running = (pod: Stored<Pod>, name: string | undefined): ContainerSlot => {
    const slot = slotOf(pod, name);
    if (slot.isRunning) return slot;
    throw notRunning(pod, slot.name);
  };

  return {
    async logs(pod, options, signal) {
      const { containerId, isCurrent } = logSource(slotOf(pod, options.container), options.previous, pod);
      const wished = { ...logOptions(options), follow: options.follow && isCurrent };
      const { chunks } = await engine.containers.logs(containerId, wished, signal);
      return limitBytes(chunks, options.limitBytes);
    },
    async exec(pod, command, options) {
      const { run, name } = running(pod, options.container);
      return await inWordsOf(`exec in container ${name}`, () => execIn(engine, run!.containerId, command, options));
    },
    async attach(pod, options) {
      const { run, name } = running(pod, options.container);
      return await inWordsOf(`attach to container ${name}`, async () => {
        const process = await attachTo(engine, run!.containerId, options);
        if (process === undefined) throw notRunning(pod, name);
        return process;
      });
    },
    connect: (pod, port) =>
      inWordsOf(`connect to port ${port} of pod ${pod.metadata.name}`, () =>
        engine.pods.connect(pod.metadata.uid, port),
      ),
  };
}

async function inWordsOf<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw streamError(error, what);
  }
}

function logOptions({ timestamps, tailLines, sinceMs }: PodLogOptions) {
  return {
    stdout: true,
    stderr: true,
    timestamps,
    details: false,
    ...(tailLines === undefined ? {} : { tail: tailLines }),
    ...(sinceMs === undefined ? {} : { sinceNs: BigInt(Math.floor(sinceMs)) * 1_000_000n }),
  };
}

async function execIn(
  engine: NodeAgentOptions["engine"],
  containerId: string,
  command: readonly string[],
  options: PodStreamOptions,
): Promise<PodProcess> {
  const { Id } = await engine.execs.create(containerId, {
    Cmd: [...command],
    AttachStdin: options.stdin,
    AttachStdout: options.stdout,
    AttachStderr: options.stderr,
    Tty: options.tty,
    DetachKeys: NO_DETACH_KEYS,
  });
  const process = await engine.execs.start(Id, { detach: false, tty: options.tty });
  return podProcess(process!, {
    resize: (rows, columns) => engine.execs.resize(Id, rows, columns),
    exitCode: async () => engine.execs.inspect(Id).ExitCode ?? 0,
  });
}

/** @returns undefined for one that has just ended: it would be waited for until it starts again, as docker's users want it */
async function attachTo(
  engine: NodeAgentOptions["engine"],
  containerId: string,
  options: PodStreamOptions,
): Promise<PodProcess | undefined> {
  const attached = await engine.containers.attach(containerId, {
    ...attachOptions(options),
    logs: false,
    stream: true,
    detachKeys: NO_DETACH_KEYS,
  });
  const { State } = await engine.containers.inspect(containerId);
  if (!State.Running) {
    attached.close();
    return undefined;
  }
  return podProcess(attached, {
    resize: (rows, columns) => engine.containers.resize(containerId, rows, columns),
    // The client looks at the pod for that.
    exitCode: async () => 0,
  });
}

/** A sequence that no keyboard sends: a terminal in a pod is left by ending the client. */
const NO_DETACH_KEYS = "ctrl-@,ctrl-_,ctrl-@,ctrl-_,ctrl-@,ctrl-_";

const notRunning = ({ metadata }: Stored<Pod>, container: string): StatusError =>
  new StatusError("BadRequest", `container ${container} of pod ${metadata.name} is not running`);

function attachOptions({ stdin, stdout, stderr }: PodStreamOptions) {
  return { stdin, stdout, stderr };
}

function defaultContainer({ metadata, spec }: Stored<Pod>): string {
  return metadata.annotations?.["kubectl.kubernetes.io/default-container"] ?? spec?.containers[0]?.name ?? "";
}

/** The container whose log is meant. @throws {StatusError} in the API's words when it has none yet */
function logSource(slot: ContainerSlot, previous: boolean, { metadata }: Stored<Pod>) {
  const { run, waiting, name } = slot;
  if (previous) {
    const past = slot.previous;
    if (past?.containerId) return { containerId: past.containerId, isCurrent: false };
    throw new StatusError("BadRequest", `previous terminated container "${name}" in pod "${metadata.name}" not found`);
  }
  const shown = run?.containerId && run.phase !== "starting" ? run : slot.previous;
  if (shown?.containerId) return { containerId: shown.containerId, isCurrent: shown === run };
  const reason = waiting.reason || "ContainerCreating";
  const words = ["ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError"].includes(reason)
    ? `trying and failing to pull image`
    : reason;
  throw new StatusError("BadRequest", `container "${name}" in pod "${metadata.name}" is waiting to start: ${words}`);
}

function podProcess(session: AttachSession, control: Pick<PodProcess, "resize" | "exitCode">): PodProcess {
  return {
    output: session.output,
    write: (data) => session.write(data),
    closeInput: () => session.closeInput(),
    close: () => session.close(),
    ...control,
  };
}

function streamError(error: unknown, what: string): StatusError {
  if (error instanceof StatusError) return error;
  const reason = isKind(error, "not-found") ? "NotFound" : isKind(error, "invalid") ? "BadRequest" : "InternalError";
  return new StatusError(reason, `cannot ${what}: ${errorText(error)}`);
}
