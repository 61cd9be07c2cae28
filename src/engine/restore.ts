/** After a start of the daemon: the true state of every container, restart policies, leftovers. */
import { readdir, rm } from "node:fs/promises";
import { errorText } from "../lib/errors.ts";
import type { ContainerProcess, ExitStatus } from "../runtime/contract.ts";
import { nowText } from "./clock.ts";
import type { Container } from "./container.ts";
import { finishRun, removeWhenAutomatic, superviseProcess } from "./container-exit.ts";
import { launch } from "./container-start.ts";
import { moveState } from "./container-state.ts";
import { containerDir, containerRunDir, type EngineContext } from "./engine-context.ts";
import { startHealthChecks } from "./health-monitor.ts";
import { volumeNames } from "./mount-points.ts";
import { restartsAtBoot } from "./restart-policy.ts";

/** What Docker says of a container whose end nobody saw (a reboot). */
const UNKNOWN_EXIT_CODE = 255;

const PARALLEL_STARTS = 4;

/** Takes over what runs, records what has ended, starts what shall run, removes what is left of a crash. */
export async function restoreContainers(context: EngineContext): Promise<void> {
  const containers = context.containers.list();
  await context.pods.restore();
  await Promise.all(containers.map((container) => guarded(context, container, "restored", restoreOne)));
  const alive = new Set(containers.filter(({ hasProcess }) => hasProcess).map(({ id }) => id));
  const users = alive.union(new Set(context.pods.ids));
  await Promise.all([context.networks.sweep(users), sweepRuntime(context, alive)]);
  const waiting = containers.filter(shallRun);
  // Donors of network and ipc namespaces before those who join them.
  await startAll(
    context,
    waiting.filter((container) => !joinsOther(container)),
    PARALLEL_STARTS,
  );
  await startAll(context, waiting.filter(joinsOther), 1);
}

/** Processes first: they may use the layers and folders that go with them. */
async function sweepRuntime(context: EngineContext, alive: ReadonlySet<string>): Promise<void> {
  try {
    await context.runtime.sweep(alive);
    await removeOrphans(context);
  } catch (error) {
    context.log.error(`what lost containers left was not removed: ${errorText(error)}`);
  }
}

async function startAll(context: EngineContext, containers: Container[], parallel: number): Promise<void> {
  const queue = containers.values();
  const work = async () => {
    for (const container of queue) await guarded(context, container, "started", startAtBoot);
  };
  await Promise.all(Array.from({ length: parallel }, work));
}

/** Layers and folders made for a container whose record never became durable. */
async function removeOrphans(context: EngineContext): Promise<void> {
  const records = context.containers.list().map(({ record }) => record);
  const layers = new Set(records.flatMap(({ id, mounts }) => [id, ...mounts.map(({ layerId }) => layerId ?? "")]));
  for (const id of context.images.listContainerLayers()) {
    if (!layers.has(id)) await context.images.removeContainerLayer(id);
  }
  for (const id of await listStrangers(context, context.config.execRoot)) {
    await context.runtime.delete(id, containerRunDir(context, id));
  }
  for (const id of await listStrangers(context, context.config.dataRoot)) {
    await rm(containerDir(context, id), { recursive: true, force: true });
  }
}

/** Folders of containers below a root that have no record. */
async function listStrangers({ containers }: EngineContext, root: string): Promise<string[]> {
  const folders = await readdir(`${root}/containers`).catch(() => [] as string[]);
  return folders.filter((id) => !containers.records.has(id));
}

async function guarded(
  context: EngineContext,
  container: Container,
  what: string,
  action: (context: EngineContext, container: Container) => Promise<void>,
): Promise<void> {
  try {
    await action(context, container);
  } catch (error) {
    context.log.error(`container ${container.name} was not ${what}: ${errorText(error)}`, { id: container.id });
  }
}

async function restoreOne(context: EngineContext, container: Container): Promise<void> {
  const { id } = container;
  using _turn = await context.locks.acquire(id);
  const { status } = container.record.state;
  if (status === "removing" || status === "dead") {
    await finishRemoval(context, container);
    return;
  }
  const found = await context.runtime.reconnect(id, containerRunDir(context, id));
  if (found !== undefined && isProcess(found)) await takeOver(context, container, found);
  else await recordEnd(context, container, found);
  queueMicrotask(() => void removeWhenAutomatic(context, container));
}

function isProcess(found: ContainerProcess | ExitStatus): found is ContainerProcess {
  return "subscribe" in found;
}

/** A living process: its sandbox, volumes and supervision are ours again. */
async function takeOver(context: EngineContext, container: Container, process: ContainerProcess): Promise<void> {
  const { record } = container;
  const { status } = record.state;
  if (status !== "running" && status !== "paused") {
    // The daemon died between the start and its record.
    const state = moveState(record.state, "running", {
      pid: process.pid,
      startedAt: nowText(),
      exitCode: 0,
      error: "",
    });
    await context.containers.note(container, { state, hasBeenStarted: true });
  }
  container.noteStarted(process);
  const mode = record.hostConfig.NetworkMode ?? "bridge";
  if (record.pod === undefined && mode !== "host" && !mode.startsWith("container:")) {
    const heldDescriptors = await context.runtime.findHeldDescriptors(containerRunDir(context, container.id));
    const sandbox = await context.networks.restoreSandbox(container.id, { heldDescriptors });
    if (sandbox === undefined)
      context.log.warn(`container ${container.name} runs without its network`, { id: container.id });
  }
  await Promise.all(volumeNames(record).map((name) => context.volumes.mountVolume(name, container.id)));
  superviseProcess(context, container, process);
  if (status !== "paused") startHealthChecks(context, container);
}

/** Ended while nobody watched, or with the machine. */
async function recordEnd(context: EngineContext, container: Container, exit: ExitStatus | undefined): Promise<void> {
  const { state } = container.record;
  const { status } = state;
  if (status === "restarting") {
    await context.containers.note(container, { state: moveState(state, "exited") });
  } else if (status === "running" || status === "paused") {
    // Known to the network once more, so that its addresses and rules are given back.
    await context.networks.restoreSandbox(container.id).catch(() => undefined);
    // No restart from here: startAtBoot decides once everything is known.
    container.isExitWanted = true;
    await finishRun(
      context,
      container,
      exit ?? { exitCode: UNKNOWN_EXIT_CODE, finishedAt: nowText(), oomKilled: false },
    );
  } else if (exit !== undefined) {
    await context.runtime.delete(container.id, containerRunDir(context, container.id));
  }
}

/** The daemon died in the middle of a removal. */
async function finishRemoval(context: EngineContext, container: Container): Promise<void> {
  const { record, id } = container;
  const layers = record.mounts.flatMap(({ layerId }) => (layerId === undefined ? [] : [layerId]));
  await context.runtime.delete(id, containerRunDir(context, id));
  for (const layer of [id, ...layers]) await context.images.removeContainerLayer(layer);
  await rm(containerDir(context, id), { recursive: true, force: true });
  await context.containers.remove(container);
}

function shallRun({ record, isRunning }: Container): boolean {
  if (isRunning) return false;
  return restartsAtBoot(record.hostConfig.RestartPolicy, { ...record, exitCode: record.state.exitCode });
}

function joinsOther({ record }: Container): boolean {
  const { NetworkMode, IpcMode, PidMode } = record.hostConfig;
  const joins = [NetworkMode, IpcMode, PidMode].some((mode) => mode?.startsWith("container:"));
  return joins || record.links.length > 0;
}

async function startAtBoot(context: EngineContext, container: Container): Promise<void> {
  using _turn = await context.locks.acquire(container.id);
  if (container.isRunning || context.containers.find(container.id) === undefined) return;
  await launch(context, container, { restartCount: container.record.restartCount });
}
