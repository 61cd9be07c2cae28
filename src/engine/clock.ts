/** Wall-clock time in nanoseconds and its RFC 3339 text, as Go prints it. */

/** The machine's clock was set when it differs by more than this from what it was and the time that went by. */
const SET_CLOCK_MS = 250;

/**
 * Nanoseconds since 1970 (microsecond resolution) out of a wall clock, which may be set, and one that only goes on (both in
 * milliseconds). Never goes back, but with a wall clock that is set back.
 */
export function createClock(wallMs: () => number, steadyMs: () => number): () => bigint {
  let offsetMs = wallMs() - steadyMs();
  let last = 0n;
  return () => {
    const steady = steadyMs();
    const wall = wallMs();
    const isSet = Math.abs(wall - steady - offsetMs) > SET_CLOCK_MS;
    if (isSet) offsetMs = wall - steady;
    const ns = BigInt(Math.floor((steady + offsetMs) * 1000)) * 1000n;
    last = isSet || ns > last ? ns : last + 1n;
    return last;
  };
}

/** The present moment; see createClock(). */
export const nowNs = createClock(Date.now, () => performance.now());

/** The present moment as RFC 3339 with nanoseconds, UTC. */
export function nowText(): string {
  return rfc3339(nowNs());
}

/** RFC3339Nano of Go: the fraction has no zeros at its end, and no point when it is zero. */
export function rfc3339(ns: bigint): string {
  const seconds = ns / 1_000_000_000n;
  const rest = ns % 1_000_000_000n;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  if (rest === 0n) return `${whole}Z`;
  return `${whole}.${rest.toString().padStart(9, "0").replace(/0+$/, "")}Z`;
}

/** Nanoseconds since 1970 of an RFC 3339 text; undefined when it is none. */
export function parseRfc3339(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const ms = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt((match[2] ?? "").padEnd(9, "0").slice(0, 9));
}

/** Unix seconds of an RFC 3339 text; 0 when it is none. */
export function unixSeconds(text: string | undefined): number {
  const ns = text === undefined ? undefined : parseRfc3339(text);
  return ns === undefined ? 0 : Number(ns / 1_000_000_000n);
}
