/** How the pieces of an upload become one object of a bucket. */

/** A piece of an upload as it arrived: its place and its length, in bytes. */
export interface Piece {
  offset: number;
  size: number;
}

/** Parts of an S3 multipart upload must be this large, but for the last (Amazon's limits). */
const LEAST_PART_BYTES = 5 * 1024 * 1024;

/** One part: a piece copied by the server, or several that are read and sent together. */
export type Part = { copy: Piece } | { join: Piece[] };

/** Whole pieces in their order, as few of them as possible travelling again. */
export function planParts(pieces: readonly Piece[]): Part[] {
  const parts: Part[] = [];
  let small: Piece[] = [];
  let smallBytes = 0;
  for (const piece of pieces) {
    if (smallBytes === 0 && piece.size >= LEAST_PART_BYTES) {
      parts.push({ copy: piece });
      continue;
    }
    small.push(piece);
    smallBytes += piece.size;
    if (smallBytes < LEAST_PART_BYTES) continue;
    parts.push({ join: small });
    small = [];
    smallBytes = 0;
  }
  // The last part may have any size.
  if (small.length === 1) parts.push({ copy: small[0]! });
  else if (small.length > 1) parts.push({ join: small });
  return parts;
}

/** The pieces that follow each other without a gap from the beginning; what lies behind a gap was never answered for. */
export function withoutGaps(pieces: readonly Piece[]): Piece[] {
  const whole: Piece[] = [];
  let end = 0;
  for (const piece of [...pieces].sort((a, b) => a.offset - b.offset)) {
    if (piece.offset !== end) break;
    whole.push(piece);
    end += piece.size;
  }
  return whole;
}
