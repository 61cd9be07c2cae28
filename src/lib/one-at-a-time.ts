/** Works that must not run side by side: each begins when the one before has ended, however it ended. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** @throws what `work` throws */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    // Who asked for the work is told why it failed; who comes next only waits for its end.
    this.#last = result.catch(() => {});
    return result;
  }

  /** Resolves when all that was asked for until now has ended. */
  async settle(): Promise<void> {
    await this.#last;
  }
}
