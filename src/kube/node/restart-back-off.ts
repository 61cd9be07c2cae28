/** Growing waits between attempts: 0, 10 s, 20 s … 5 min, as node agents do it. */

const FIRST_MS = 10_000;
const LONGEST_MS = 300_000;

export class BackOff {
  #delayMs = 0;
  #lastAt = 0;

  readonly firstMs: number;

  /** @param longestMs where the first wait is longer, it is that one */
  constructor(readonly longestMs = LONGEST_MS) {
    this.firstMs = Math.min(FIRST_MS, longestMs);
  }

  /** What the next attempt has to wait after the last failure. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** Milliseconds to wait from `now` after a failure at `failedAt`; 0: try now. */
  waitMs(failedAt: number, now: number): number {
    if (this.#isOld(failedAt)) return 0;
    return Math.max(0, failedAt + this.#delayMs - now);
  }

  /** An attempt begins: the next one has to wait longer. */
  attempt(now: number): void {
    this.#delayMs =
      this.#delayMs === 0 || this.#isOld(now) ? this.firstMs : Math.min(this.#delayMs * 2, this.longestMs);
    this.#lastAt = now;
  }

  reset(): void {
    this.#delayMs = 0;
  }

  /** Long enough ago: whatever was wrong then is forgotten. */
  #isOld(now: number): boolean {
    return this.#lastAt === 0 || now - this.#lastAt > 2 * this.longestMs;
  }
}
