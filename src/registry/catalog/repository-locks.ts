/** One change of a repository at a time. */
export class RepositoryLocks {
  private readonly tails = new Map<string, Promise<void>>();

  /** Waits for its turn, which ends when the result is disposed. */
  async acquire(repository: string): Promise<Disposable> {
    const before = this.tails.get(repository);
    const { promise, resolve } = Promise.withResolvers<void>();
    const tail = (before ?? Promise.resolve()).then(() => promise);
    this.tails.set(repository, tail);
    await before;
    return {
      [Symbol.dispose]: () => {
        resolve();
        if (this.tails.get(repository) === tail) this.tails.delete(repository);
      },
    };
  }
}
