import type { SourceRange } from "../contract.ts";

/** A place as BuildKit's sub-requests give it to clients: lines only. */
export function locationOf(ranges: readonly SourceRange[]) {
  if (ranges.length === 0) return {};
  return { ranges: ranges.map(({ start, end }) => ({ start: { line: start.line }, end: { line: end.line } })) };
}
