/**
 * When rules of the kernel are brought up to date with the cluster's objects: changes of one moment together, what failed again after a
 * while, and all of it when somebody flushed them.
 */

const RETRY_MS = 1000;
/** How often the kernel is asked whether the rules are still there. */
const LOOK_MS = 2000;

interface KernelRules {
  /** Makes them as they should be now. @throws when the kernel refuses: it is called again */
  apply(): void;
  /** Whether they are not as they were made. */
  isBehind(): boolean;
  failed(error: unknown): void;
}

export class RuleUpdates {
  #pending: ReturnType<typeof setTimeout> | undefined;
  readonly #looking: ReturnType<typeof setInterval>;

  constructor(private readonly rules: KernelRules) {
    this.#looking = setInterval(() => {
      this.#attempt(() => {
        if (rules.isBehind()) rules.apply();
      });
    }, LOOK_MS);
  }

  /** Before anything else is waited for. */
  now(): void {
    clearTimeout(this.#pending);
    this.#pending = undefined;
    this.#attempt(() => this.rules.apply());
  }

  /** Once for all changes of this moment. */
  readonly soon = (): void => this.#schedule(0);

  close(): void {
    clearInterval(this.#looking);
    clearTimeout(this.#pending);
  }

  #schedule(afterMs: number): void {
    this.#pending ??= setTimeout(() => this.now(), afterMs);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.rules.failed(error);
      this.#schedule(RETRY_MS);
    }
  }
}
