/** Output of a process that its reader has not taken yet. */

export interface MonitorOutput {
  stream: "stdout" | "stderr";
  data: Uint8Array;
}

interface Piece {
  stream: "stdout" | "stderr";
  bytes: Uint8Array;
  length: number;
  frames: number;
}

const MOST_BYTES_TOGETHER = 64 * 1024;

/**
 * A queue that puts small pieces of one stream together: a process that writes byte by byte to a slow reader costs
 * bytes here, not an object for each.
 */
export class OutputBacklog {
  #pieces: Piece[] = [];

  /** Keeps a view of `data` while it is the only piece, else a copy. */
  push({ stream, data }: MonitorOutput): void {
    const last = this.#pieces.at(-1);
    if (last?.stream === stream && last.length + data.length <= MOST_BYTES_TOGETHER) append(last, data);
    else this.#pieces.push({ stream, bytes: data, length: data.length, frames: 1 });
  }

  /** The oldest piece, and of how many pushes it consists. */
  take(): (MonitorOutput & { frames: number }) | undefined {
    const piece = this.#pieces.shift();
    if (!piece) return undefined;
    return { stream: piece.stream, data: piece.bytes.subarray(0, piece.length), frames: piece.frames };
  }
}

function append(piece: Piece, data: Uint8Array): void {
  const length = piece.length + data.length;
  // A view of received memory is never written to: a piece that has one frame has no room of its own.
  if (piece.frames === 1 || length > piece.bytes.length) {
    const larger = new Uint8Array(Math.min(MOST_BYTES_TOGETHER, Math.max(256, 2 * length)));
    larger.set(piece.bytes.subarray(0, piece.length));
    piece.bytes = larger;
  }
  piece.bytes.set(data, piece.length);
  piece.length = length;
  piece.frames++;
}
