/** Counts successes and failures of a probe until one of them is enough. Pure. */

import type { Probe } from "../../../model/kubernetes/core.ts";

export class ProbeCounter {
  #successes = 0;
  #failures = 0;

  constructor(readonly probe: Probe) {}

  /** What is true from now on: passed, failed, or undefined where it is too early to say. */
  note(isSuccess: boolean): boolean | undefined {
    if (isSuccess) {
      this.#successes += 1;
      this.#failures = 0;
      return this.#successes >= (this.probe.successThreshold || 1) ? true : undefined;
    }
    this.#failures += 1;
    this.#successes = 0;
    return this.#failures >= (this.probe.failureThreshold || 3) ? false : undefined;
  }
}
