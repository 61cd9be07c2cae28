/**
 * Content-defined chunking: where a stream is cut depends only on the bytes just before the cut, so that a change moves the
 * cuts around it and no others, whatever was inserted or removed. A gear hash (Xia et al., "FastCDC", USENIX ATC 2016)
 * with two masks that pull the sizes towards the average.
 */

export interface ChunkSizes {
  minBytes: number;
  /** A power of two. */
  averageBytes: number;
  maxBytes: number;
}

/** How many bits the masks are stricter before the average and laxer after it. */
const NORMALIZATION_BITS = 2;
const TABLE_SEED = 0x6e617275;

/** 256 well-mixed words; part of the format: cuts differ with another table. */
const GEAR = gearTable();

function gearTable(): Uint32Array {
  const table = new Uint32Array(256);
  let state = TABLE_SEED;
  for (let i = 0; i < table.length; i++) {
    // splitmix32
    state = (state + 0x9e3779b9) | 0;
    let word = state ^ (state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    table[i] = word ^ (word >>> 15);
  }
  return table;
}

/** The upper bits of the hash have seen the most bytes. */
function maskOf(bits: number): number {
  return bits <= 0 ? 0 : (-1 << (32 - bits)) | 0;
}

/** Finds the cuts of a stream that comes in pieces of any size; the cuts do not depend on the pieces. */
export class ChunkCutter {
  private readonly strictMask: number;
  private readonly laxMask: number;
  private hash = 0;
  /** Bytes of the chunk that has begun. */
  private length = 0;

  constructor(private readonly sizes: ChunkSizes) {
    const bits = Math.round(Math.log2(sizes.averageBytes));
    this.strictMask = maskOf(bits + NORMALIZATION_BITS);
    this.laxMask = maskOf(bits - NORMALIZATION_BITS);
  }

  /**
   * Looks for the end of the chunk that has begun.
   * @returns the index in `data` just after the chunk's last byte, or -1 when it goes on after `data`
   */
  next(data: Uint8Array, from: number): number {
    const { minBytes, averageBytes, maxBytes } = this.sizes;
    const started = this.length;
    // The bytes before the least size cannot end a chunk: all but the 32 that the hash still remembers are passed over.
    let index = from + Math.max(0, minBytes - 32 - started);
    if (index >= data.length) {
      this.length = started + (data.length - from);
      return -1;
    }
    const end = Math.min(data.length, from + (maxBytes - started));
    const minEnd = Math.min(end, from + (minBytes - started));
    const averageEnd = Math.min(end, from + Math.max(0, averageBytes - started));
    let hash = this.hash;
    for (; index < minEnd; index++) hash = ((hash << 1) + GEAR[data[index]!]!) | 0;
    const { strictMask, laxMask } = this;
    for (; index < averageEnd; index++) {
      hash = ((hash << 1) + GEAR[data[index]!]!) | 0;
      if ((hash & strictMask) === 0) return this.cut(index + 1);
    }
    for (; index < end; index++) {
      hash = ((hash << 1) + GEAR[data[index]!]!) | 0;
      if ((hash & laxMask) === 0) return this.cut(index + 1);
    }
    if (started + (end - from) >= maxBytes) return this.cut(end);
    this.hash = hash;
    this.length = started + (data.length - from);
    return -1;
  }

  private cut(end: number): number {
    this.hash = 0;
    this.length = 0;
    return end;
  }
}
