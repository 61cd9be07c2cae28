/** What floating point may take from a whole number: 0.29 of 100 is a little less than 29. */
const ROUNDING = 1e-9;

/** How many of `count` containers may fail where this ratio of them may (`max_failure_ratio`), as Swarm counts. */
export function toleratedFailures(ratio: number | undefined, count: number): number {
  return Math.floor((ratio ?? 0) * count + ROUNDING);
}
