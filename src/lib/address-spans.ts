/** Spans of whole numbers, with both bounds in them; addresses of IPv4 are numbers of 32 bits. Pure. */

import { lastValue, parsePrefix } from "./ip-address.ts";

export type Span = readonly [first: number, last: number];

export const EVERYWHERE: Span = [0, 0xffffffff];

/** "10.0.0.0/8"; undefined for ranges of IPv6, which pods have no addresses of, and for what is no range. */
export function addressRange(cidr: string): Span | undefined {
  const prefix = parsePrefix(cidr)?.prefix;
  return prefix?.version === 4 ? [Number(prefix.base), Number(lastValue(prefix))] : undefined;
}

/** What is left of a span when others are cut out of it. */
export function without(whole: Span, holes: readonly Span[]): Span[] {
  let left: Span[] = [whole];
  for (const [from, to] of holes) {
    left = left.flatMap(([first, last]): Span[] => {
      if (to < first || from > last) return [[first, last]];
      const before: Span[] = from > first ? [[first, from - 1]] : [];
      const after: Span[] = to < last ? [[to + 1, last]] : [];
      return [...before, ...after];
    });
  }
  return left;
}

/** The same numbers in as few spans as can be, in order. */
export function joined(spans: readonly Span[]): Span[] {
  const result: [number, number][] = [];
  for (const [first, last] of [...spans].sort(([a], [b]) => a - b)) {
    const before = result.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else result.push([first, last]);
  }
  return result;
}
