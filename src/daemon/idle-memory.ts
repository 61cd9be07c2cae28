/**
 * Gives memory back when nothing has been asked for a moment. First pages of the executable, which half of the daemon's
 * memory can be after a busy time: letting go of them costs next to nothing, and they come back one by one as they are
 * needed. Later garbage: JavaScript's collector alone waits for more of it, which an idle daemon does not make.
 */
import { readFile } from "node:fs/promises";
import { releaseProgramPages } from "../linux/program-pages.ts";

/**
 * How long nothing was asked for when pages of the executable go: at once, and again while the collectors and compilers
 * of all threads do what they put off, in code that is then no longer needed.
 */
const RELEASES_MS = [100, 700, 1500, 3000, 10_000, 60_000];
const QUIET_MS = 400;
const PURGED_MS = 2000;
const PAGE_BYTES = 4096;
/** Less is not worth a collection, which stops the daemon for some milliseconds: growth, or requests since the last one. */
const WORTHWHILE_BYTES = 2 * 1024 * 1024;
const WORTHWHILE_REQUESTS = 100;

export class IdleMemory {
  readonly #timers = [
    new PauseTimer(QUIET_MS, () => this.#collect()),
    new PauseTimer(PURGED_MS, () => this.#measure()),
    ...RELEASES_MS.map((pauseMs) => new PauseTimer(pauseMs, releaseProgramPages)),
  ];
  #smallestBytes = 0;
  #requests = 0;

  /** A request was answered. */
  touch(): void {
    this.#requests++;
    for (const timer of this.#timers) timer.restart();
  }

  async #collect(): Promise<void> {
    // Their garbage can hide in what the allocator has not given back yet.
    const isWorthwhile = this.#requests >= WORTHWHILE_REQUESTS;
    if (!isWorthwhile && (await ownBytes()) < this.#smallestBytes + WORTHWHILE_BYTES) return;
    this.#requests = 0;
    Bun.gc(true);
    await releaseProgramPages();
    this.#smallestBytes = await ownBytes();
  }

  /** The allocator gives freed memory back to the kernel only a second later, so the size after collecting was too large. */
  async #measure(): Promise<void> {
    this.#smallestBytes = Math.min(this.#smallestBytes, await ownBytes());
  }
}

/** Calls `action` once after every time without restart() that lasts `pauseMs`. */
class PauseTimer {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly pauseMs: number,
    private readonly action: () => Promise<void>,
  ) {}

  restart(): void {
    if (this.#timer !== undefined) {
      this.#timer.refresh();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // Where it cannot be done now (no descriptor is left, say), the next pause tries again; only memory is lost.
      this.action().catch(() => {});
    }, this.pauseMs);
    this.#timer.unref();
  }
}

/** Resident memory that is no file's: proc_pid_statm(5), resident less shared pages. */
async function ownBytes(): Promise<number> {
  const [, resident = 0, shared = 0] = (await readFile("/proc/self/statm", "utf8")).split(" ").map(Number);
  return (resident - shared) * PAGE_BYTES;
}
