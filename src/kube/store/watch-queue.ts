/** Batches of events on their way to one watcher. */

import type { StoreEvent, WatchBatch } from "./contract.ts";

export class WatchQueue {
  private readonly batches: WatchBatch[] = [];
  private failure: unknown;
  private failed = false;
  private wake: (() => void) | undefined;

  constructor(
    private readonly prefix: string,
    private readonly signal: AbortSignal,
  ) {}

  /** Hands over what concerns this watcher; a revision without such events is told as progress when `progress` is set. */
  push(events: readonly StoreEvent[], revision: number, progress: boolean): void {
    const seen = this.prefix === "" ? events : events.filter((event) => event.entry.key.startsWith(this.prefix));
    if (seen.length === 0 && !progress) return;
    this.batches.push({ events: seen, revision });
    this.wake?.();
  }

  fail(error: unknown): void {
    this.failed = true;
    this.failure = error;
    this.wake?.();
  }

  /** Batches after `after`, until the signal. @throws what fail() was told */
  async *read(after: number): AsyncGenerator<WatchBatch> {
    const onAbort = () => this.wake?.();
    this.signal.addEventListener("abort", onAbort);
    try {
      while (!this.signal.aborted) {
        const batch = this.batches.shift();
        if (batch !== undefined) {
          if (batch.revision > after) yield batch;
        } else if (this.failed) {
          throw this.failure;
        } else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
          this.wake = undefined;
        }
      }
    } finally {
      this.signal.removeEventListener("abort", onAbort);
    }
  }
}
