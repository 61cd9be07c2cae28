/** Pods that fail again and again are replaced ever more slowly: 1 s, twice as long each time, at most 15 minutes. */

const FIRST_MS = 1000;
const LONGEST_MS = 15 * 60_000;

export class FailureDelays {
  readonly #last = new Map<string, { at: number; delayMs: number }>();

  /** Milliseconds until the next failure under this key may be dealt with; 0: now. */
  remainder(key: string, now: number): number {
    const last = this.#last.get(key);
    return last === undefined ? 0 : Math.max(0, last.at + last.delayMs - now);
  }

  /** A failure was dealt with. Quiet for twice the longest delay, it is forgotten. */
  failed(key: string, now: number): void {
    const last = this.#last.get(key);
    const isOld = last === undefined || now - last.at > 2 * LONGEST_MS;
    this.#last.set(key, { at: now, delayMs: isOld ? FIRST_MS : Math.min(LONGEST_MS, last.delayMs * 2) });
    for (const [other, { at }] of this.#last) if (now - at > 2 * LONGEST_MS) this.#last.delete(other);
  }
}
