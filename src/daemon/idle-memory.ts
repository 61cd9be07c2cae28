/**
 * Gives memory back when nothing has been asked for a moment: garbage of the requests before, and code pages of the
 * executable that only the start needed. JavaScript's collector alone waits for more garbage, which an idle daemon does not make.
 */
import { releaseProgramCode } from "../linux/program-pages.ts";

const QUIET_MS = 400;
/** Less is not worth a collection. */
const WORTHWHILE_BYTES = 4 * 1024 * 1024;

export class IdleMemory {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #smallestBytes = 0;

  /** A request came or ended. */
  touch(): void {
    if (this.#timer !== undefined) {
      this.#timer.refresh();
      return;
    }
    this.#timer = setTimeout(() => void this.#collect(), QUIET_MS);
    this.#timer.unref();
  }

  async #collect(): Promise<void> {
    this.#timer = undefined;
    if (process.memoryUsage.rss() < this.#smallestBytes + WORTHWHILE_BYTES) return;
    Bun.gc(true);
    await releaseProgramCode();
    this.#smallestBytes = process.memoryUsage.rss();
  }
}
