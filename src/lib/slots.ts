/** A limit on how much goes on at once, whose number may change while it is used. */
export class Slots {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  /** `limit` is asked each time; 0 or less means no limit. */
  constructor(private readonly limit: () => number) {}

  /** True when take() would have to wait. */
  get isFull(): boolean {
    const limit = this.limit();
    return limit > 0 && this.taken >= limit;
  }

  /** Waits for a place, first come first served; the answer gives it back. @throws the signal's reason */
  async take(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.isFull || this.waiting.length > 0) await this.wait(signal);
    else this.taken += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.taken -= 1;
      this.admit();
    };
  }

  private wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        const index = this.waiting.indexOf(enter);
        if (index >= 0) this.waiting.splice(index, 1);
        reject(signal?.reason);
      };
      this.waiting.push(enter);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  private admit(): void {
    const next = this.isFull ? undefined : this.waiting.shift();
    if (next === undefined) return;
    // Taken on its behalf, so that nobody slips in before it goes on.
    this.taken += 1;
    next();
  }
}
