/** A step being computed for all builds that want it: it is cancelled when the last of them leaves. */
import type { OutputChunk } from "../../runtime/contract.ts";

/** Output kept for builds that join later. */
const MAX_REPLAY_BYTES = 1024 * 1024;

export interface FlightListener {
  /** A promise: the process' output waits. */
  onOutput(chunk: OutputChunk, at: number): void | Promise<void>;
  onRunning(containerId: string): void;
}

export class Flight<Result> implements FlightListener {
  private readonly aborter = new AbortController();
  private readonly listeners = new Set<FlightListener>();
  private readonly past: { chunk: OutputChunk; at: number }[] = [];
  private pastBytes = 0;
  private containerId: string | undefined;
  readonly signal = this.aborter.signal;
  private readonly work: Promise<Result>;

  constructor(
    /** Of the cache record that will be made. */
    readonly recordId: string,
    /** Of the build that began it. */
    readonly starter: AbortSignal,
    start: (flight: Flight<Result>) => Promise<Result>,
  ) {
    this.work = start(this);
    // Each joined build sees the failure; one that nobody waits for any more must not end the process.
    this.work.catch(() => {});
  }

  /** Settles when the work is over, however it ended. */
  get ended(): Promise<unknown> {
    return this.work.catch(() => {});
  }

  /** The result, for a build that may leave before. A build that leaves as the last one waits until all is undone. */
  async join(listener: FlightListener, signal: AbortSignal): Promise<Result> {
    for (const { chunk, at } of this.past) await listener.onOutput(chunk, at);
    if (this.containerId !== undefined) listener.onRunning(this.containerId);
    this.listeners.add(listener);
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    try {
      return await Promise.race([this.work, left.promise]);
    } catch (error) {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) {
        this.aborter.abort(error);
        await this.ended;
      }
      throw error;
    } finally {
      signal.removeEventListener("abort", leave);
      this.listeners.delete(listener);
    }
  }

  onOutput(chunk: OutputChunk, at: number): void | Promise<void> {
    if (this.pastBytes < MAX_REPLAY_BYTES) {
      this.past.push({ chunk, at });
      this.pastBytes += chunk.data.length;
    }
    let slow: Promise<unknown> | undefined;
    for (const listener of this.listeners) {
      const taken = listener.onOutput(chunk, at);
      // A client that is gone does not hold up the others.
      if (taken) slow = Promise.all([slow, taken.catch(() => {})]);
    }
    return slow?.then(() => {});
  }

  onRunning(containerId: string): void {
    this.containerId = containerId;
    for (const listener of this.listeners) listener.onRunning(containerId);
  }
}
