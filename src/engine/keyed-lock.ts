/** Mutual exclusion per key: what happens to one container happens one after the other. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Waits for the key's turn; the holder gives it back by disposing. */
  async acquire(key: string): Promise<Disposable> {
    const before = this.#tails.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    const tail = before === undefined ? promise : before.then(() => promise);
    this.#tails.set(key, tail);
    if (before !== undefined) await before;
    return {
      [Symbol.dispose]: () => {
        resolve();
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      },
    };
  }

  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }
}
