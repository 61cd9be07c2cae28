/**
 * Uploads in a bucket. What arrives becomes pieces, each an object of its own and safe once it is there:
 *
 *   uploads/<id>/begun             empty
 *   uploads/<id>/<offset>          a piece; 15 digits
 *
 * At the end the server joins the pieces under the final key by copying them itself.
 */
import { NaruError } from "../../lib/errors.ts";
import type { StoredObject } from "../contract.ts";
import { type Part, type Piece, planParts, withoutGaps } from "./piece-plan.ts";
import type { S3Client } from "./s3-client.ts";

/** Each upload has three in memory. */
const PIECE_BYTES = 6 * 1024 * 1024;
/** Larger later on: a multipart upload has at most 10,000 parts. */
const LATER_PIECE_BYTES = 64 * 1024 * 1024;
const LATER_OFFSET = 32 * 1024 * 1024 * 1024;
/** Pieces on their way at the same time; each one's bytes are in memory. */
const PIECES_UNDER_WAY = 2;
const COPIES_UNDER_WAY = 4;
const OFFSET_DIGITS = 15;

export class S3Uploads {
  /** What this process knows; one process owns the bucket's prefix. */
  private readonly known = new Map<string, Piece[]>();

  constructor(
    private readonly client: S3Client,
    private readonly prefix: string,
  ) {}

  async begin(id: string): Promise<void> {
    await this.client.put(`${this.folder(id)}begun`, new Uint8Array(0));
    this.known.set(id, []);
  }

  async size(id: string): Promise<number | undefined> {
    const pieces = await this.pieces(id);
    return pieces && endOf(withoutGaps(pieces));
  }

  async append(id: string, offset: number, data: AsyncIterable<Uint8Array>): Promise<number> {
    const pieces = await this.pieces(id);
    if (pieces === undefined) throw new NaruError("not-found", `there is no upload ${id}`);
    const size = endOf(pieces);
    if (size !== offset) throw new NaruError("conflict", `the upload ${id} has ${size} bytes, not ${offset}`);
    const sender = new PieceSender(size, async (piece, body) => {
      await this.client.put(this.pieceKey(id, piece), body);
      pieces.push(piece);
    });
    try {
      for await (const bytes of data) await sender.add(bytes);
    } finally {
      try {
        await sender.end();
      } finally {
        this.known.set(id, withoutGaps(pieces));
      }
    }
    return endOf(this.known.get(id)!);
  }

  async *read(id: string): AsyncGenerator<Uint8Array> {
    for (const piece of (await this.pieces(id)) ?? []) {
      const response = await this.client.get(this.pieceKey(id, piece));
      if (response === undefined) throw new NaruError("not-found", `a piece of the upload ${id} is gone`);
      yield await response.bytes();
    }
  }

  /** @param key with the prefix */
  async finish(id: string, key: string): Promise<void> {
    const pieces = await this.pieces(id);
    if (pieces === undefined) throw new NaruError("not-found", `there is no upload ${id}`);
    const parts = planParts(pieces);
    const [only] = parts;
    if (only === undefined) await this.client.put(key, new Uint8Array(0));
    else if (parts.length === 1) await this.finishOne(id, only, key);
    else await this.finishMany(id, parts, key);
    await this.abandon(id);
  }

  /** Removes all of it. */
  async abandon(id: string): Promise<void> {
    this.known.delete(id);
    const keys: string[] = [];
    for await (const { key } of this.objects(this.folder(id))) keys.push(key);
    // The mark goes last: without it nobody would find the rest.
    keys.sort();
    await eachOf(keys, COPIES_UNDER_WAY, (key) => this.client.delete(key));
  }

  async *list(): AsyncGenerator<{ id: string } & StoredObject> {
    let current: ({ id: string } & StoredObject) | undefined;
    for await (const { key, size, modifiedAt } of this.objects(`${this.prefix}uploads/`)) {
      const id = key.slice(`${this.prefix}uploads/`.length).split("/")[0]!;
      if (current !== undefined && current.id !== id) yield current;
      if (current?.id !== id) current = { id, size: 0, modifiedAt: 0 };
      current.size += size;
      current.modifiedAt = Math.max(current.modifiedAt, modifiedAt);
    }
    if (current !== undefined) yield current;
  }

  private async finishOne(id: string, part: Part, key: string): Promise<void> {
    if ("copy" in part) await this.client.copy(this.pieceKey(id, part.copy), key);
    else await this.client.put(key, await this.joined(id, part.join));
  }

  private async finishMany(id: string, parts: readonly Part[], key: string): Promise<void> {
    const uploadId = await this.client.beginParts(key);
    try {
      const etags: string[] = new Array(parts.length).fill("");
      await eachOf([...parts.entries()], COPIES_UNDER_WAY, async ([index, part]) => {
        etags[index] =
          "copy" in part
            ? await this.client.copyPart(key, uploadId, index + 1, this.pieceKey(id, part.copy))
            : await this.client.putPart(key, uploadId, index + 1, await this.joined(id, part.join));
      });
      await this.client.finishParts(key, uploadId, etags);
    } catch (error) {
      await this.client.abandonParts(key, uploadId).catch(() => {});
      throw error;
    }
  }

  private async joined(id: string, pieces: readonly Piece[]): Promise<Uint8Array> {
    const bodies: Uint8Array[] = [];
    for (const piece of pieces) {
      const response = await this.client.get(this.pieceKey(id, piece));
      if (response === undefined) throw new NaruError("not-found", `a piece of the upload ${id} is gone`);
      bodies.push(await response.bytes());
    }
    return Buffer.concat(bodies);
  }

  /** Undefined when there is no such upload. After a restart the bucket is asked. */
  private async pieces(id: string): Promise<Piece[] | undefined> {
    const known = this.known.get(id);
    if (known !== undefined) return known;
    const pieces: Piece[] = [];
    let isBegun = false;
    for await (const { key, size } of this.objects(this.folder(id))) {
      const name = key.slice(this.folder(id).length);
      if (name === "begun") isBegun = true;
      else pieces.push({ offset: Number(name), size });
    }
    if (!isBegun) return undefined;
    const whole = withoutGaps(pieces);
    this.known.set(id, whole);
    return whole;
  }

  private async *objects(prefix: string) {
    let next: string | undefined;
    do {
      const page = await this.client.list(prefix, { next });
      yield* page.objects;
      next = page.next;
    } while (next !== undefined);
  }

  private folder(id: string): string {
    return `${this.prefix}uploads/${id}/`;
  }

  private pieceKey(id: string, { offset }: Piece): string {
    return this.folder(id) + String(offset).padStart(OFFSET_DIGITS, "0");
  }
}

/** Cuts a stream into pieces and sends a few of them at a time, out of a few buffers that are used again and again. */
class PieceSender {
  private buffer: Uint8Array<ArrayBuffer> | undefined;
  private filled = 0;
  private readonly spare: Uint8Array<ArrayBuffer>[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private failure: { error: unknown } | undefined;

  constructor(
    private offset: number,
    private readonly send: (piece: Piece, body: Uint8Array) => Promise<void>,
  ) {}

  async add(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      this.buffer ??= this.spare.pop() ?? new Uint8Array(this.offset < LATER_OFFSET ? PIECE_BYTES : LATER_PIECE_BYTES);
      const part = bytes.subarray(at, at + this.buffer.length - this.filled);
      this.buffer.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === this.buffer.length) await this.flush();
    }
  }

  /** Sends the rest and waits for all. */
  async end(): Promise<void> {
    if (this.filled > 0) await this.flush();
    await Promise.all(this.underWay);
    if (this.failure !== undefined) throw this.failure.error;
  }

  private async flush(): Promise<void> {
    while (this.underWay.size >= PIECES_UNDER_WAY) await Promise.race(this.underWay);
    if (this.failure !== undefined) throw this.failure.error;
    const buffer = this.buffer!;
    const piece = { offset: this.offset, size: this.filled };
    this.buffer = undefined;
    this.filled = 0;
    this.offset += piece.size;
    const sending = this.send(piece, buffer.subarray(0, piece.size))
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => {
        this.spare.push(buffer);
        this.underWay.delete(sending);
      });
    this.underWay.add(sending);
  }
}

function endOf(pieces: readonly Piece[]): number {
  const last = pieces.at(-1);
  return last === undefined ? 0 : last.offset + last.size;
}

async function eachOf<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const lane = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
