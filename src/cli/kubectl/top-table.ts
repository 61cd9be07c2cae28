/** Amounts as `kubectl top` prints them. */

/** "2500000n", "3m", "1": thousandths of a core, rounded up. */
export function milliCpu(text = "0"): number {
  const match = /^(\d+(?:\.\d+)?)(n|u|m|k)?$/.exec(text);
  const scale = { n: 1e-6, u: 1e-3, m: 1, k: 1e6 }[match?.[2] ?? ""] ?? 1000;
  return Math.ceil(Number(match?.[1] ?? 0) * scale);
}

/** "128974848", "64Mi", "123456Ki": MiB, rounded down. */
export function mebibytes(text = "0"): number {
  const match = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?$/.exec(text);
  const scales: Record<string, number> = {
    Ki: 2 ** 10,
    Mi: 2 ** 20,
    Gi: 2 ** 30,
    Ti: 2 ** 40,
    k: 1e3,
    M: 1e6,
    G: 1e9,
    T: 1e12,
  };
  return Math.floor((Number(match?.[1] ?? 0) * (scales[match?.[2] ?? ""] ?? 1)) / 2 ** 20);
}

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
