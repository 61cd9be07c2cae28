/** Amounts as `kubectl top` prints them. */

import { milliValue, wholeValue } from "../../model/kubernetes/quantity.ts";

/** "2500000n", "3m", "1": thousandths of a core, rounded up. */
export const milliCpu = (text: string | undefined): number => milliValue(text);

/** "128974848", "64Mi", "123456Ki": MiB, rounded down. */
export const mebibytes = (text: string | undefined): number => Math.floor(wholeValue(text) / 2 ** 20);

/** Rows in the order of --sort-by: cpu and memory from most to least, else by name. */
export function ordered<Row extends { name: string; cpu: number; memory: number }>(
  rows: readonly Row[],
  by: string,
): Row[] {
  const key = by === "cpu" || by === "memory" ? by : undefined;
  return [...rows].sort((one, other) =>
    key === undefined ? one.name.localeCompare(other.name) : other[key] - one[key],
  );
}
