/**
 * Gives memory back when nothing has been asked for a moment. First code pages of the executable, which half of the
 * daemon's memory can be after a busy time: letting go of them costs next to nothing, and they come back one by one as
 * they are needed. Later garbage: JavaScript's collector alone waits for more of it, which an idle daemon does not make.
 */
import { readFile } from "node:fs/promises";
import { releaseProgramCode } from "../linux/program-pages.ts";

const BRIEF_PAUSE_MS = 100;
const QUIET_MS = 400;
/** The collection's own threads sweep on for a while after it, in code that is then no longer needed. */
const SWEPT_MS = 700;
/** By now the collectors and compilers of all threads have done what they put off, and used their code for it. */
const SETTLED_MS = 3000;
const PAGE_BYTES = 4096;
/** Less is not worth a collection, which stops the daemon for some milliseconds. */
const WORTHWHILE_BYTES = 4 * 1024 * 1024;

export class IdleMemory {
  readonly #release = new PauseTimer(BRIEF_PAUSE_MS, () => releaseProgramCode());
  readonly #collection = new PauseTimer(QUIET_MS, () => this.#collect());
  readonly #sweptRelease = new PauseTimer(SWEPT_MS, () => releaseProgramCode());
  readonly #lastRelease = new PauseTimer(SETTLED_MS, () => releaseProgramCode());
  #smallestBytes = 0;

  /** A request came or ended. */
  touch(): void {
    this.#release.restart();
    this.#collection.restart();
    this.#sweptRelease.restart();
    this.#lastRelease.restart();
  }

  async #collect(): Promise<void> {
    if ((await ownBytes()) < this.#smallestBytes + WORTHWHILE_BYTES) return;
    Bun.gc(true);
    await releaseProgramCode();
    this.#smallestBytes = await ownBytes();
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
      void this.action();
    }, this.pauseMs);
    this.#timer.unref();
  }
}

/** Resident memory that is no file's: proc_pid_statm(5), resident less shared pages. */
async function ownBytes(): Promise<number> {
  const [, resident = 0, shared = 0] = (await readFile("/proc/self/statm", "utf8")).split(" ").map(Number);
  return (resident - shared) * PAGE_BYTES;
}
