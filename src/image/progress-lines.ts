/** Progress of several things at once as one stream of Docker's messages, no faster than its reader and not too talkative. */
import { progressBar } from "../lib/progress-bar.ts";
import type { ProgressLine } from "./contract.ts";

/** Between two messages about the same step of the same thing. */
const INTERVAL_MS = 100;
/** Docker draws its bars for a terminal of this width, since it does not know the client's. */
const COLUMNS = 200;

export class ProgressLines {
  private readonly queue: ProgressLine[] = [];
  /** Progress of an id that nobody has read yet, and when the last one was noted. */
  private readonly pending = new Map<string, ProgressLine>();
  private readonly saidAt = new Map<string, number>();
  private hasEnded = false;
  private error: unknown;
  private wake: (() => void) | undefined;

  say(line: ProgressLine): void {
    this.queue.push(line);
    this.wake?.();
  }

  /** A step of the thing `id`: "Pulling fs layer", "Download complete", … Progress of an earlier step is not told any more. */
  step(id: string, status: string): void {
    const late = this.pending.get(id);
    if (late !== undefined) {
      this.pending.delete(id);
      this.queue.splice(this.queue.indexOf(late), 1);
    }
    this.saidAt.delete(id);
    this.say({ status, progressDetail: {}, id });
  }

  /** How far a step is, in bytes; what comes too fast, or before the last one was read, replaces it or is left out. */
  progress(id: string, status: string, current: number, total: number): void {
    const now = Date.now();
    const late = this.pending.get(id);
    const isNews = late === undefined || late.status !== status;
    if (isNews && now - (this.saidAt.get(id) ?? 0) < INTERVAL_MS && current < total) return;
    const progressDetail = { current, total };
    const line: ProgressLine = { status, progressDetail, progress: progressBar(progressDetail, COLUMNS), id };
    this.saidAt.set(id, now);
    if (late === undefined) this.queue.push(line);
    else this.queue[this.queue.indexOf(late)] = line;
    this.pending.set(id, line);
    this.wake?.();
  }

  end(): void {
    this.hasEnded = true;
    this.wake?.();
  }

  fail(error: unknown): void {
    this.error = error;
    this.end();
  }

  /** Everything said, to be read once; throws what fail() was given after the last message. */
  async *read(): AsyncGenerator<ProgressLine, void> {
    for (;;) {
      const line = this.queue.shift();
      if (line !== undefined) {
        if (this.pending.get(String(line.id)) === line) this.pending.delete(String(line.id));
        yield line;
      } else if (this.hasEnded) {
        if (this.error !== undefined) throw this.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}
