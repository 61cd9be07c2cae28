/** Numbers that may be written as a share of the whole: maxSurge, maxUnavailable, minAvailable. */

/**
 * @param value 3, "3" or "25%"
 * @returns the number, a share of `total` rounded up or down; 0 for a value that says nothing
 */
export function intOrPercent(value: number | string | undefined, total: number, round: "up" | "down"): number {
  if (value === undefined) return 0;
  if (typeof value === "number") return value;
  const share = /^(\d+)%$/.exec(value);
  if (share === null) return Number.parseInt(value, 10) || 0;
  const exact = (Number(share[1]) * total) / 100;
  return round === "up" ? Math.ceil(exact) : Math.floor(exact);
}

/**
 * maxSurge and maxUnavailable as counts; both 0 would stop every roll-out: then one pod may be unavailable.
 */
export function resolveFenceposts(
  maxSurge: number | string | undefined,
  maxUnavailable: number | string | undefined,
  desired: number,
): { surge: number; unavailable: number } {
  const surge = intOrPercent(maxSurge, desired, "up");
  const unavailable = intOrPercent(maxUnavailable, desired, "down");
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}
