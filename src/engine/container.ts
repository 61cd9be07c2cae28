/** A container in memory: its record and what only lives as long as this daemon. */
import type { Health } from "../model/container.ts";
import type { ContainerProcess } from "../runtime/contract.ts";
import type { ContainerRecord } from "./container-record.ts";
import { hasProcess, isRunning } from "./container-state.ts";
import { OutputHub } from "./output-hub.ts";

export interface ExitReport {
  exitCode: number;
  /** Why the last start failed, when it did. */
  error: string;
}

interface Waiter {
  condition: "exit" | "removed";
  resolve: (report: ExitReport) => void;
}

export class Container {
  process: ContainerProcess | undefined;
  health: Health | undefined;
  readonly output = new OutputHub();
  /** Execs that have not ended. */
  readonly execIds = new Set<string>();
  /** Ends the wait of a restart; set while the status is "restarting". */
  pendingRestart: AbortController | undefined;
  stopHealthChecks: (() => void) | undefined;
  /** A stop or kill by hand is under way: the restart policy does not apply to the next exit. */
  isExitWanted = false;
  /** A stop (not a kill) is under way: the end of the run is announced as such. */
  isBeingStopped = false;
  /** Wait before the next restart by policy, in ms; 0: the policy has not acted since the last long run. */
  restartDelayMs = 0;
  isRemovalUnderWay = false;
  /** Ended on the way to a new run: `--rm` must not remove it now. */
  isBetweenRuns = false;
  readonly #waiters = new Set<Waiter>();
  #started = Promise.withResolvers<ContainerProcess>();

  constructor(public record: ContainerRecord) {
    // Nobody may be waiting for it.
    this.#started.promise.catch(() => {});
  }

  get id(): string {
    return this.record.id;
  }
  get name(): string {
    return this.record.name;
  }
  get shortId(): string {
    return this.record.id.slice(0, 12);
  }
  get isRunning(): boolean {
    return isRunning(this.record.state);
  }
  get hasProcess(): boolean {
    return hasProcess(this.record.state);
  }
  get lastExit(): ExitReport {
    return { exitCode: this.record.state.exitCode, error: this.record.state.error };
  }

  /** The running process, or the one that the next start brings. */
  nextProcess(): Promise<ContainerProcess> {
    return this.process === undefined ? this.#started.promise : Promise.resolve(this.process);
  }
  noteStarted(process: ContainerProcess): void {
    this.process = process;
    this.output.connect(process);
    this.#started.resolve(process);
  }
  noteEnded(): void {
    this.process = undefined;
    this.#started = Promise.withResolvers<ContainerProcess>();
    this.#started.promise.catch(() => {});
  }

  /** Resolves at the next exit or removal. */
  onceExited(signal?: AbortSignal): Promise<ExitReport> {
    return this.#wait("exit", signal);
  }
  onceRemoved(signal?: AbortSignal): Promise<ExitReport> {
    return this.#wait("removed", signal);
  }
  tellExit(): void {
    this.#tell((waiter) => waiter.condition === "exit");
  }
  tellRemoved(): void {
    this.#tell(() => true);
  }

  #wait(condition: Waiter["condition"], signal?: AbortSignal): Promise<ExitReport> {
    const { promise, resolve, reject } = Promise.withResolvers<ExitReport>();
    const waiter: Waiter = { condition, resolve };
    this.#waiters.add(waiter);
    const onAbort = () => {
      this.#waiters.delete(waiter);
      reject(signal?.reason);
    };
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    const forget = () => signal?.removeEventListener("abort", onAbort);
    promise.then(forget, forget);
    return promise;
  }

  #tell(isMeant: (waiter: Waiter) => boolean): void {
    const report = this.lastExit;
    for (const waiter of [...this.#waiters]) {
      if (!isMeant(waiter)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(report);
    }
  }
}
