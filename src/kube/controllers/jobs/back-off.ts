/** After a pod has failed, the next one is made later and later: 10 s, twice as long each time, at most 10 minutes. */

import type { Job } from "../../../model/kubernetes/batch.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { Account } from "./accounting.ts";
import { finishedAt } from "./job-pods.ts";

const FIRST_MS = 10_000;
const LONGEST_MS = 600_000;

interface Failures {
  /** In a row, since the last success. */
  count: number;
  lastMs: number;
  /** The pods that were counted: a look that is repeated counts none twice. */
  pods: Set<string>;
}

/** What is remembered of failures, in memory only: after a restart of the cluster the next pod is made at once. */
export class JobBackOff {
  readonly #failures = new Map<string, Failures>();

  note(job: Stored<Job>, counted: Account, now: number): void {
    const { uid } = job.metadata;
    const known = this.#failures.get(uid) ?? { count: 0, lastMs: 0, pods: new Set<string>() };
    const ends = [
      ...counted.newlySucceeded.map((pod) => ({ pod: pod.metadata.uid, at: finishedAt(pod, now), failed: false })),
      ...counted.newlyFailed.map((pod) => ({ pod: pod.metadata.uid, at: finishedAt(pod, now), failed: true })),
    ].sort((a, b) => a.at - b.at);
    for (const end of ends) {
      if (known.pods.has(end.pod)) continue;
      known.pods.add(end.pod);
      known.count = end.failed ? known.count + 1 : 0;
      known.lastMs = end.at;
    }
    if (ends.length > 0) this.#failures.set(uid, known);
  }

  /** Milliseconds until the next pod may be made; 0: now. */
  remainder(job: Stored<Job>, now: number): number {
    const failures = this.#failures.get(job.metadata.uid);
    if (failures === undefined) return 0;
    return delayLeft(failures.count, failures.lastMs, now);
  }

  forget(uid: string): void {
    this.#failures.delete(uid);
  }
}

/** @param failures in a row, the last at `lastMs` */
export function delayLeft(failures: number, lastMs: number, now: number): number {
  if (failures === 0) return 0;
  const delay = Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1));
  return Math.max(0, lastMs + delay - now);
}
