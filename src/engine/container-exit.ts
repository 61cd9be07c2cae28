/** What happens when a container's process ends: cleaning up, its record, events, restart or removal. */
import { errorText } from "../lib/errors.ts";
import type { ContainerProcess, ExitStatus } from "../runtime/contract.ts";
import { nowNs, parseRfc3339 } from "./clock.ts";
import type { Container } from "./container.ts";
import { closeContainerNetwork } from "./container-network.ts";
import { removeContainer } from "./container-remove.ts";
import { launch, publishVolumeUnmounts } from "./container-start.ts";
import { moveState } from "./container-state.ts";
import { containerRunDir, type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { volumeNames } from "./mount-points.ts";
import { restartDelay } from "./restart-policy.ts";
import { closeSharedMemory } from "./shared-memory.ts";

/** Handles the process' end whenever it comes. */
export function superviseProcess(context: EngineContext, container: Container, process: ContainerProcess): void {
  process.exited
    .then((status) => handleExit(context, container, process, status))
    .catch((error) => context.log.error(`the end of container ${container.name} was not handled: ${errorText(error)}`));
}

async function handleExit(
  context: EngineContext,
  container: Container,
  process: ContainerProcess,
  status: ExitStatus,
): Promise<void> {
  {
    using _turn = await context.locks.acquire(container.id);
    if (container.process !== process) return;
    await finishRun(context, container, status);
  }
  await removeWhenAutomatic(context, container);
}

/** Records the end of a run and decides what follows. The caller holds the container's turn. */
export async function finishRun(context: EngineContext, container: Container, status: ExitStatus): Promise<void> {
  container.stopHealthChecks?.();
  container.noteEnded();
  container.execIds.clear();
  // Of a container that goes at once nobody asks how it ended, so that its files need not wait for its record.
  const isKept = !container.record.hostConfig.AutoRemove;
  await Promise.all([releaseResources(context, container), isKept ? undefined : deleteRun(context, container)]);
  const delayMs = decideRestart(context, container, status);
  const exited = { pid: 0, exitCode: status.exitCode, finishedAt: status.finishedAt, oomKilled: status.oomKilled };
  const { startedAt } = container.record.state;
  const state = moveState(container.record.state, delayMs === undefined ? "exited" : "restarting", exited);
  const restartCount = container.record.restartCount + (delayMs === undefined ? 0 : 1);
  // The process has ended even when the disk is too full to write that: those who wait must hear of it.
  const isDurable = await context.containers.note(container, { state, restartCount });
  if (status.oomKilled) publishContainerEvent(context, container, "oom");
  if (container.isBeingStopped) publishContainerEvent(context, container, "stop");
  container.isBeingStopped = false;
  publishContainerEvent(context, container, "die", {
    exitCode: String(status.exitCode),
    execDuration: String(Math.max(0, Math.floor(secondsBetween(startedAt, status.finishedAt)))),
  });
  container.output.disconnect();
  container.tellExit();
  container.isExitWanted = false;
  // Until the record is durable, a daemon that comes after a `kill -9` of this one learns the exit code from these files.
  if (isKept && isDurable) await deleteRun(context, container);
  if (delayMs !== undefined) scheduleRestart(context, container, delayMs);
}

/** Removes a container of `run --rm` that has ended. */
export async function removeWhenAutomatic(context: EngineContext, container: Container): Promise<void> {
  if (!container.record.hostConfig.AutoRemove || container.isRunning) return;
  if (container.isRemovalUnderWay || container.isBetweenRuns) return;
  await removeContainer(context, container, { force: false, volumes: true }).catch((error) =>
    context.log.warn(`container ${container.name} was not removed after its end: ${errorText(error)}`),
  );
}

/** Network and volumes; failures are logged: the container has ended whatever happens. */
async function releaseResources(context: EngineContext, container: Container): Promise<void> {
  const { id } = container;
  const note = (what: string) => noteFailure(context, container, what);
  await Promise.all([
    closeContainerNetwork(context, container).catch(note("closing its network")),
    ...volumeNames(container.record).map((name) =>
      context.volumes.unmountVolume(name, id).catch(note(`unmounting volume ${name}`)),
    ),
  ]);
  if (container.record.hostConfig.IpcMode === "shareable") closeSharedMemory(context, id);
  publishVolumeUnmounts(context, container);
}

/** What the runtime keeps of the run: cgroups, and files that tell how it ended. */
function deleteRun(context: EngineContext, container: Container): Promise<void> {
  const { id } = container;
  return context.runtime
    .delete(id, containerRunDir(context, id))
    .catch(noteFailure(context, container, "cleaning up its run directory"));
}

function noteFailure(context: EngineContext, container: Container, what: string): (error: unknown) => void {
  return (error) =>
    context.log.warn(`after the end of container ${container.name}, ${what} failed: ${errorText(error)}`);
}

function decideRestart(context: EngineContext, container: Container, status: ExitStatus): number | undefined {
  if (context.closing.signal.aborted) return undefined;
  const { hostConfig, restartCount, state } = container.record;
  const delayMs = restartDelay(hostConfig.RestartPolicy, {
    exitCode: status.exitCode,
    ranForMs: secondsBetween(state.startedAt, status.finishedAt) * 1000,
    restartCount,
    isExitWanted: container.isExitWanted,
    lastDelayMs: container.restartDelayMs,
  });
  container.restartDelayMs = delayMs ?? 0;
  return delayMs;
}

function scheduleRestart(context: EngineContext, container: Container, delayMs: number): void {
  const pending = new AbortController();
  container.pendingRestart = pending;
  const stop = () => {
    clearTimeout(timer);
    context.closing.signal.removeEventListener("abort", stop);
  };
  const timer = setTimeout(() => {
    context.closing.signal.removeEventListener("abort", stop);
    restartNow(context, container, pending.signal).catch((error) =>
      context.log.error(`container ${container.name} was not restarted: ${errorText(error)}`),
    );
  }, delayMs);
  pending.signal.addEventListener("abort", stop, { once: true });
  context.closing.signal.addEventListener("abort", stop, { once: true });
}

async function restartNow(context: EngineContext, container: Container, cancelled: AbortSignal): Promise<void> {
  using _turn = await context.locks.acquire(container.id);
  if (cancelled.aborted || context.closing.signal.aborted || container.record.state.status !== "restarting") return;
  if (container.isRemovalUnderWay) return;
  container.pendingRestart = undefined;
  await launch(context, container, { restartCount: container.record.restartCount });
}

/** Ends the wait for a restart; the container is then exited. The caller holds its turn. */
export async function cancelRestart(context: EngineContext, container: Container): Promise<void> {
  container.pendingRestart?.abort();
  container.pendingRestart = undefined;
  if (container.record.state.status !== "restarting") return;
  await context.containers.note(container, { state: moveState(container.record.state, "exited") });
}

/** Seconds between two RFC 3339 texts; until now when the second is missing. */
function secondsBetween(from: string, to: string): number {
  const start = parseRfc3339(from);
  const end = parseRfc3339(to) ?? nowNs();
  return start === undefined ? 0 : Number(end - start) / 1e9;
}
