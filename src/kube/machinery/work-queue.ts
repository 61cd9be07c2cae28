/** Keys that wait for a look at their object: each at most once in the queue and with one worker, back-off after failures. */

const FIRST_DELAY_MS = 5;
const LONGEST_DELAY_MS = 1_000_000;

export class WorkQueue {
  readonly #ready = new Set<string>();
  readonly #atWork = new Set<string>();
  /** Asked for again while at work. */
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { at: number; timer: Timer }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  add(key: string): void {
    if (this.#closed) return;
    if (this.#atWork.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#ready.add(key);
    this.#hand();
  }

  /** Adds the key in `ms`; an earlier wish stands, a later one is forgotten. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const at = Date.now() + ms;
    const known = this.#timers.get(key);
    if (known !== undefined && known.at <= at) return;
    clearTimeout(known?.timer);
    // Timers hold 31 bits of milliseconds; a longer wait looks again on the way.
    const timer = setTimeout(() => this.#ring(key), Math.min(ms, 2 ** 31 - 1));
    this.#timers.set(key, { at, timer });
  }

  /** Adds the key after a failure: 5 ms, and twice as long each time, until `forget`. */
  addAfterFailure(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures));
  }

  /** The key's failures no longer count. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, which is at work until `done`; undefined when the queue was closed. */
  take(): Promise<string | undefined> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve(undefined);
      this.#takers.push(resolve);
      this.#hand();
    });
  }

  done(key: string): void {
    this.#atWork.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #ring(key: string): void {
    const entry = this.#timers.get(key);
    this.#timers.delete(key);
    const left = (entry?.at ?? 0) - Date.now();
    if (left > 0) this.addAfter(key, left);
    else this.add(key);
  }

  #hand(): void {
    while (this.#takers.length > 0) {
      const next = this.#ready.values().next();
      if (next.done === true) return;
      this.#ready.delete(next.value);
      this.#atWork.add(next.value);
      this.#takers.shift()!(next.value);
    }
  }
}
