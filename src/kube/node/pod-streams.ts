/** What clients ask of a running pod: logs, commands, its own streams, connections to its ports. */

import type { AttachSession } from "../../engine/contract.ts";
import { errorText, isKind } from "../../lib/errors.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { StatusError } from "../status.ts";
import type { ContainerSlot } from "./container-slot.ts";
import type { NodeConnection, PodProcess, PodStreamOptions } from "./contract.ts";
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
      const slot = slotOf(pod, options.container);
      const { containerId, isCurrent } = logSource(slot, options.previous, pod);
      const { chunks } = await engine.containers.logs(
        containerId,
        {
          follow: options.follow && isCurrent,
          stdout: true,
          stderr: true,
          timestamps: options.timestamps,
          details: false,
          ...(options.tailLines === undefined ? {} : { tail: options.tailLines }),
          ...(options.sinceMs === undefined ? {} : { sinceNs: BigInt(Math.floor(options.sinceMs)) * 1_000_000n }),
        },
        signal,
      );
      return limitBytes(chunks, options.limitBytes);
    },

    async exec(pod, command, options) {
      const { run, name } = running(pod, options.container);
      try {
        const { Id } = await engine.execs.create(run!.containerId, {
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
      } catch (error) {
        throw streamError(error, `exec in container ${name}`);
      }
    },

    async attach(pod, options) {
      const { run, name } = running(pod, options.container);
      const { containerId } = run!;
      try {
        const attached = await engine.containers.attach(containerId, {
          ...attachOptions(options),
          logs: false,
          stream: true,
          detachKeys: NO_DETACH_KEYS,
        });
        // One that has just ended would be waited for until it starts again, as docker's users want it.
        const { State } = await engine.containers.inspect(containerId);
        if (!State.Running) {
          attached.close();
          throw notRunning(pod, name);
        }
        return podProcess(attached, {
          resize: (rows, columns) => engine.containers.resize(containerId, rows, columns),
          // The client looks at the pod for that.
          exitCode: async () => 0,
        });
      } catch (error) {
        throw streamError(error, `attach to container ${name}`);
      }
    },

    async connect(pod, port) {
      try {
        return await engine.pods.connect(pod.metadata.uid, port);
      } catch (error) {
        throw streamError(error, `connect to port ${port} of pod ${pod.metadata.name}`);
      }
    },
  };
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
