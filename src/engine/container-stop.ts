/** Ending and pausing containers: kill, stop, restart, pause, unpause. */
import { errorText, isKind, NaruError } from "../lib/errors.ts";
import { isSignalNumber, SIGKILL, SIGTERM, signalNumber } from "../lib/signals.ts";
import { handOver } from "./connection-drain.ts";
import type { Container } from "./container.ts";
import { cancelRestart } from "./container-exit.ts";
import { startContainer } from "./container-start.ts";
import { moveState } from "./container-state.ts";
import { containerRunDir, type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { startHealthChecks } from "./health-monitor.ts";

const DEFAULT_STOP_TIMEOUT_SECONDS = 10;
/** How long a killed process may take to go before the caller is told. */
const KILL_PATIENCE_MS = 10_000;

interface StopOptions {
  signal?: string;
  /** Below 0: for ever. */
  timeoutSeconds?: number;
}

/** @throws {NaruError} conflict when it does not run, invalid for an unknown signal */
export async function killContainer(context: EngineContext, ref: string, signalText: string): Promise<void> {
  const { signal, container } = inWords(`cannot kill container: ${ref}`, () => ({
    signal: killSignal(signalText),
    container: context.containers.get(ref),
  }));
  if (!container.isRunning) {
    throw new NaruError("conflict", `cannot kill container: ${ref}: container ${container.id} is not running`);
  }
  await markWanted(context, container, signal);
  if (signal === SIGKILL) await killAndWait(context, container);
  else await sendSignal(context, container, signal);
}

/** As Docker reads it for kill: a number that no signal has is refused in other words than a name. */
function killSignal(text: string): number {
  const number = /^[+-]?\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number === 0) return signalNumber(text || "KILL");
  if (!isSignalNumber(number)) throw new NaruError("invalid", `the linux daemon does not support signal ${number}`);
  return number;
}

/** Runs `attempt`; what it refuses is told behind `words`. */
function inWords<T>(words: string, attempt: () => T): T {
  try {
    return attempt();
  } catch (cause) {
    const kind = cause instanceof NaruError ? cause.kind : "internal";
    throw new NaruError(kind, `${words}: ${errorText(cause)}`, { cause });
  }
}

/** A signal sent by hand ends the restart policy's work, unless the container has another stop signal. */
async function markWanted(context: EngineContext, container: Container, signal: number): Promise<void> {
  const stopSignal = container.record.config.StopSignal;
  if (stopSignal && signal !== SIGKILL && signalNumber(stopSignal) !== signal) return;
  container.isExitWanted = true;
  await context.containers.note(container, { isManuallyStopped: true });
}

/** Sends and tells; a paused container is resumed by a signal that ends it. A process that is gone is no error. */
async function sendSignal(context: EngineContext, container: Container, signal: number): Promise<void> {
  if (!container.hasProcess) return;
  try {
    await context.runtime.kill(container.id, containerRunDir(context, container.id), signal);
  } catch (error) {
    if (container.process !== undefined && !isKind(error, "not-found")) throw error;
  }
  publishContainerEvent(context, container, "kill", { signal: String(signal) });
  if (container.record.state.status === "paused" && container.isExitWanted) await resume(context, container);
}

async function resume(context: EngineContext, container: Container): Promise<void> {
  using _turn = await context.locks.acquire(container.id);
  if (container.record.state.status !== "paused") return;
  await context.runtime.resume(container.id);
  await context.containers.note(container, { state: moveState(container.record.state, "running") });
}

/** SIGKILL, then the end of the run with all that follows it. */
export async function killAndWait(context: EngineContext, container: Container): Promise<void> {
  container.isExitWanted = true;
  if (!container.hasProcess) {
    using _turn = await context.locks.acquire(container.id);
    await cancelRestart(context, container);
    return;
  }
  context.networks.leaveService(container.id);
  const ended = container.onceExited(AbortSignal.timeout(KILL_PATIENCE_MS));
  await Promise.all([
    sendSignal(context, container, SIGKILL),
    ended.catch((cause) => {
      throw new NaruError(
        "internal",
        `container ${container.id} did not end within ${KILL_PATIENCE_MS / 1000} s of SIGKILL: ` +
          "a process of it is probably stuck in the kernel",
        { cause },
      );
    }),
  ]);
}

/** @throws {NaruError} not-modified when it does not run */
export async function stopContainer(context: EngineContext, ref: string, options: StopOptions): Promise<void> {
  const container = context.containers.get(ref);
  if (!container.isRunning) throw new NaruError("not-modified", "container is already stopped");
  checkStopSignal(`cannot stop container: ${ref}`, options);
  await endRun(context, container, options);
}

/** @throws {NaruError} internal for an unknown signal, told behind `words`: Docker answers 500 there */
function checkStopSignal(words: string, { signal }: StopOptions): void {
  try {
    if (signal) signalNumber(signal);
  } catch (cause) {
    throw new NaruError("internal", `${words}: ${errorText(cause)}`, { cause });
  }
}

/** Stops the process with its stop signal, and with SIGKILL when the time is over. */
export async function endRun(context: EngineContext, container: Container, options: StopOptions): Promise<void> {
  container.isExitWanted = true;
  void context.containers.note(container, { isManuallyStopped: true });
  if (container.record.state.status === "restarting") {
    using _turn = await context.locks.acquire(container.id);
    await cancelRestart(context, container);
  }
  if (options.timeoutSeconds !== 0) await handOver(context, container);
  if (!container.hasProcess) {
    publishContainerEvent(context, container, "stop");
    return;
  }
  container.isBeingStopped = true;
  const { StopSignal, StopTimeout } = container.record.config;
  const signal = signalNumber(options.signal || StopSignal || String(SIGTERM));
  const timeoutSeconds = options.timeoutSeconds ?? StopTimeout ?? DEFAULT_STOP_TIMEOUT_SECONDS;
  const patience = new AbortController();
  const ended = container.onceExited(patience.signal).then(
    () => true,
    () => false,
  );
  const timer = timeoutSeconds < 0 ? undefined : setTimeout(() => patience.abort(), timeoutSeconds * 1000);
  try {
    await sendSignal(context, container, signal);
    if (timeoutSeconds === 0) patience.abort();
    if (!(await ended)) await killAndWait(context, container);
  } finally {
    clearTimeout(timer);
  }
}

export async function restartContainer(context: EngineContext, ref: string, options: StopOptions): Promise<void> {
  const container = context.containers.get(ref);
  if (container.isRunning) checkStopSignal(`Cannot restart container ${ref}`, options);
  container.isBetweenRuns = true;
  try {
    if (container.isRunning) await endRun(context, container, options);
    await startContainer(context, container.id);
  } catch (error) {
    if (!isKind(error, "not-modified")) throw error;
  } finally {
    container.isBetweenRuns = false;
  }
  publishContainerEvent(context, container, "restart");
}

export async function pauseContainer(context: EngineContext, ref: string): Promise<void> {
  const container = context.containers.get(ref);
  using _turn = await context.locks.acquire(container.id);
  const { status } = container.record.state;
  if (status === "paused") throw new NaruError("conflict", `Container ${container.id} is already paused`);
  if (status === "restarting") {
    throw new NaruError("conflict", `Container ${container.id} is restarting, wait until the container is running`);
  }
  if (status !== "running") throw new NaruError("conflict", `container ${container.id} is not running`);
  await context.runtime.pause(container.id);
  await context.containers.note(container, { state: moveState(container.record.state, "paused") });
  container.stopHealthChecks?.();
  publishContainerEvent(context, container, "pause");
}

export async function unpauseContainer(context: EngineContext, ref: string): Promise<void> {
  const container = context.containers.get(ref);
  using _turn = await context.locks.acquire(container.id);
  if (container.record.state.status !== "paused") {
    throw new NaruError("internal", `Container ${container.id} is not paused`);
  }
  await context.runtime.resume(container.id);
  await context.containers.note(container, { state: moveState(container.record.state, "running") });
  startHealthChecks(context, container, { keep: true });
  publishContainerEvent(context, container, "unpause");
}
