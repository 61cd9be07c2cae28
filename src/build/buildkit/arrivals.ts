/** Things that clients may ask for a moment before they are there, by their names. */
export class Arrivals<T> {
  readonly #here = new Map<string, T>();
  readonly #waiting = new Map<string, Set<(arrived: T) => void>>();

  /** @param patienceMs how long somebody waits for what is not there */
  constructor(private readonly patienceMs: number) {}

  /** Takes the place of another one with that name. */
  add(name: string, thing: T): void {
    this.#here.set(name, thing);
    for (const tell of this.#waiting.get(name) ?? []) tell(thing);
  }

  get(name: string): T | undefined {
    return this.#here.get(name);
  }

  delete(name: string): void {
    this.#here.delete(name);
  }

  get size(): number {
    return this.#here.size;
  }

  /** In the order in which they came. */
  entries(): IterableIterator<[name: string, thing: T]> {
    return this.#here.entries();
  }

  /** @throws what `missing` makes when it does not arrive soon; the signal's reason */
  async wait(name: string, signal: AbortSignal, missing: () => Error): Promise<T> {
    const known = this.#here.get(name);
    if (known !== undefined) return known;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting.add(resolve));
    const timer = setTimeout(() => reject(missing()), this.patienceMs);
    const leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(name);
    }
  }
}
