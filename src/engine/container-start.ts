/** Starting a container: mounts, network, runtime; a failure undoes everything and leaves its reason in the state. */
import { hostname } from "node:os";
import { posix } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import type { ContainerProcess, StartRequest } from "../runtime/contract.ts";
import { nowText } from "./clock.ts";
import type { Container } from "./container.ts";
import { containerEnvironment } from "./container-environment.ts";
import { superviseProcess } from "./container-exit.ts";
import { openContainerNetwork, publishMemberships, rememberedNetworks } from "./container-network.ts";
import { removeContainer } from "./container-remove.ts";
import { moveState } from "./container-state.ts";
import { containerRunDir, type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { startHealthChecks } from "./health-monitor.ts";
import { linkVariables } from "./links.ts";
import { logTarget } from "./log-driver.ts";
import { resolveMounts } from "./resolve-mounts.ts";
import { openSharedMemory, runningPeer } from "./shared-memory.ts";

/** By hand: counters of the restart policy begin anew. @throws {NaruError} not-modified when it already runs */
export async function startContainer(context: EngineContext, ref: string): Promise<void> {
  const container = context.containers.get(ref);
  const failure = await startInTurn(context, container);
  if (failure === undefined) return;
  // A container that was to leave nothing behind does so also when it never ran.
  if (container.record.hostConfig.AutoRemove) {
    await removeContainer(context, container, { force: false, volumes: true }).catch((error) =>
      context.log.warn(`container ${container.name} was not removed after its failed start: ${errorText(error)}`),
    );
  }
  throw failure;
}

async function startInTurn(context: EngineContext, container: Container): Promise<unknown> {
  using _turn = await context.locks.acquire(container.id);
  refuseStart(container);
  container.restartDelayMs = 0;
  container.isExitWanted = false;
  try {
    await launch(context, container, { restartCount: 0 });
  } catch (error) {
    return error;
  }
}

function refuseStart(container: Container): void {
  const { status } = container.record.state;
  if (status === "paused") throw new NaruError("conflict", "cannot start a paused container, try unpause instead");
  if (container.isRunning) throw new NaruError("not-modified", "container is already running");
  if (status === "removing" || status === "dead" || container.isRemovalUnderWay) {
    throw new NaruError("conflict", "container is marked for removal and cannot be started");
  }
}

/**
 * Starts the process; the caller holds the container's turn. Returns when the running state is durable.
 * @throws what went wrong, after it was written into the container's state
 */
export async function launch(
  context: EngineContext,
  container: Container,
  counters: { restartCount: number },
): Promise<void> {
  let process: ContainerProcess;
  await using undo = new AsyncDisposableStack();
  try {
    process = await startProcess(context, container, undo);
  } catch (error) {
    await undo.disposeAsync();
    await recordFailedStart(context, container, error);
    throw error;
  }
  undo.move();
  container.noteStarted(process);
  const state = moveState(container.record.state, "running", {
    pid: process.pid,
    exitCode: 0,
    error: "",
    oomKilled: false,
    startedAt: nowText(),
  });
  superviseProcess(context, container, process);
  startHealthChecks(context, container, { startedAt: state.startedAt });
  await context.containers.note(container, {
    ...counters,
    state,
    hasBeenStarted: true,
    isManuallyStopped: false,
    networks: rememberedNetworks(container.record.networks, context.networks.findSandbox(container.id)),
  });
  publishContainerEvent(context, container, "start");
}

async function startProcess(
  context: EngineContext,
  container: Container,
  undo: AsyncDisposableStack,
): Promise<ContainerProcess> {
  const { record } = container;
  context.runtime.expectStart();
  const layer = context.images.findContainerLayer(record.id);
  if (layer === undefined) {
    throw new NaruError(
      "internal",
      `the writable layer of container ${record.id} is missing: remove the container and create it anew`,
    );
  }
  await openSharedMemory(context, container, undo);
  const [mounts, network] = await Promise.allSettled([
    resolveMounts(context, container, undo),
    openContainerNetwork(context, container, undo),
  ]);
  // Both are over now, so that undoing does not race with one of them.
  if (mounts.status === "rejected") throw mounts.reason;
  if (network.status === "rejected") throw network.reason;
  const sandbox = context.networks.findSandbox(record.id);
  publishVolumeMounts(context, container);
  publishMemberships(context, container, sandbox, "connect");
  undo.defer(() => {
    publishMemberships(context, container, sandbox, "disconnect");
    publishVolumeUnmounts(context, container);
  });
  const config = { ...record.config, Hostname: network.value.hostname ?? record.config.Hostname ?? "" };
  const request: StartRequest = {
    id: record.id,
    runDir: containerRunDir(context, record.id),
    config: { ...config, Env: containerEnvironment(config, linkVariables(context, container)) },
    hostConfig: hostConfigForRuntime(context, container),
    root: layer.root,
    mounts: mounts.value,
    hostname: config.Hostname,
    domainname: record.config.Domainname ?? "",
    networkNamespace: network.value.namespacePath,
    heldDescriptors: network.value.heldDescriptors,
    joinPid: peerPids(context, container),
    joinPath: record.pod === undefined ? undefined : context.pods.join(record.pod).joinPath,
    log: logTarget(record, { imageName: record.config.Image ?? "", hostname: hostname() }),
    // As runc: ".." does not lead out of the hierarchy.
    cgroupPath: posix.join("/", record.hostConfig.CgroupParent || `naru-${context.config.instance}`, record.id),
    onOutput: container.output.hooksForStart(),
  };
  // The failure that undoes the start is the one to tell.
  undo.defer(() => context.runtime.delete(record.id, request.runDir).catch(() => {}));
  return context.runtime.start(request);
}

/** Limits and switches that come from the daemon's own defaults are filled in for the runtime only. */
function hostConfigForRuntime(context: EngineContext, { record }: Container) {
  const { hostConfig } = record;
  const ulimits = [...(hostConfig.Ulimits ?? [])];
  for (const limit of context.config.defaultUlimits ?? []) {
    if (!ulimits.some(({ Name }) => Name === limit.Name)) ulimits.push(limit);
  }
  return { ...hostConfig, Ulimits: ulimits, Init: hostConfig.Init ?? context.config.defaultInit ?? false };
}

function peerPids(context: EngineContext, { record }: Container): StartRequest["joinPid"] {
  const { IpcMode = "", PidMode = "" } = record.hostConfig;
  const join: NonNullable<StartRequest["joinPid"]> = {};
  if (IpcMode.startsWith("container:")) join.ipc = runningPeer(context, IpcMode, "IPC").record.state.pid;
  if (PidMode.startsWith("container:")) join.pid = runningPeer(context, PidMode, "PID").record.state.pid;
  return join;
}

async function recordFailedStart(context: EngineContext, container: Container, error: unknown): Promise<void> {
  container.output.disconnect();
  const { status } = container.record.state;
  // A restart by policy that fails ends in "exited"; a first start leaves the container as it was.
  const next = status === "created" ? "created" : "exited";
  const message = errorText(error);
  const state = moveState(container.record.state, next, { pid: 0, error: message, exitCode: startExitCode(message) });
  await context.containers.note(container, { state, wasStartTried: true });
  // Whoever waits for the end of a run goes on waiting when there was none.
  if (status !== "created") container.tellExit();
}

/** The exit code of a container whose process could not be started, as clients show it. */
export function startExitCode(message: string): number {
  if (!message.includes("failed to create task for container")) return 128;
  if (/executable file not found|no such file or directory/.test(message)) return 127;
  if (/permission denied|not a directory|is a directory/.test(message)) return 126;
  return 128;
}

/** The events of a container's volumes being taken into use. */
export function publishVolumeMounts(context: EngineContext, { record }: Container): void {
  for (const mount of record.mounts) {
    if (mount.type !== "volume") continue;
    context.events.publish("volume", "mount", mount.name!, {
      container: record.id,
      destination: mount.destination,
      driver: mount.driver ?? "local",
      propagation: mount.propagation,
      "read/write": String(!mount.readOnly),
    });
  }
}

/** The events of a container's volumes being let go. */
export function publishVolumeUnmounts(context: EngineContext, { record }: Container): void {
  for (const mount of record.mounts) {
    if (mount.type !== "volume") continue;
    context.events.publish("volume", "unmount", mount.name!, { container: record.id, driver: mount.driver ?? "local" });
  }
}
