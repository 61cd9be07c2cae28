/** A time after which nobody waits any longer; it can be made earlier, never later. */

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Deadline {
  readonly #controller = new AbortController();
  #at = Number.POSITIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Aborted when the time has come. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @param at Unix milliseconds */
  atLatest(at: number): void {
    if (at >= this.#at) return;
    this.#at = at;
    clearTimeout(this.#timer);
    const ms = Math.min(Math.max(0, at - Date.now()), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => this.#controller.abort(), ms);
  }

  /** It does not come any more. */
  clear(): void {
    clearTimeout(this.#timer);
  }
}
