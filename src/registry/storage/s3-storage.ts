/** A bucket of an S3-compatible server as the registry's storage. One registry server per bucket and prefix (bucket-lease.ts). */
import { open, rm } from "node:fs/promises";
import { NaruError } from "../../lib/errors.ts";
import type { RegistryStorage, StoredObject } from "../contract.ts";
import { BucketLease } from "./bucket-lease.ts";
import { type S3Bucket, S3Client } from "./s3-client.ts";
import { S3Uploads } from "./s3-uploads.ts";

export interface S3StorageOptions extends S3Bucket {
  /** "" or "some/where/". */
  prefix: string;
  /** Blobs are fetched by the client from the bucket itself. */
  redirects: boolean;
  /** Names asked for at a time; a server gives at most 1000. */
  listPage?: number;
}

const LIST_PAGE = 1000;
/** A download that breaks is taken up again where it broke. */
const READ_ATTEMPTS = 4;
const ADDRESS_SECONDS = 20 * 60;
const FILE_PIECE_BYTES = 1024 * 1024;

/** @throws unavailable when the bucket cannot be listed, saying why; conflict when another server uses the prefix */
export async function openS3Storage(options: S3StorageOptions): Promise<RegistryStorage> {
  const client = new S3Client(options);
  await client.list(options.prefix, { limit: 1 });
  const lease = await BucketLease.take(client, `${options.prefix}lease`);
  await abandonUnfinished(client, options.prefix);
  return new S3Storage(client, lease, options);
}

/** What a killed server was joining: its parts take space that no list of objects shows. Nobody else writes here. */
async function abandonUnfinished(client: S3Client, prefix: string): Promise<void> {
  const seen = new Set<string>();
  for (;;) {
    const fresh = (await client.listUnfinishedParts(prefix)).filter(({ uploadId }) => !seen.has(uploadId));
    if (fresh.length === 0) return;
    for (const { key, uploadId } of fresh) {
      seen.add(uploadId);
      await client.abandonParts(key, uploadId);
    }
  }
}

class S3Storage implements RegistryStorage {
  readonly #prefix: string;
  readonly #redirects: boolean;
  readonly #uploads: S3Uploads;
  readonly #listPage: number;

  constructor(
    private readonly client: S3Client,
    private readonly lease: BucketLease,
    { prefix, redirects, listPage = LIST_PAGE }: S3StorageOptions,
  ) {
    this.#prefix = prefix;
    this.#listPage = listPage;
    this.#redirects = redirects;
    this.#uploads = new S3Uploads(client, prefix);
  }

  stat(key: string): Promise<StoredObject | undefined> {
    return this.client.head(this.#prefix + key);
  }

  async *read(key: string, range?: { start: number; end: number }): AsyncGenerator<Uint8Array> {
    let at = range?.start ?? 0;
    for (let attempt = 1; ; attempt++) {
      const isWhole = at === 0 && range === undefined;
      const response = await this.client.get(this.#prefix + key, isWhole ? undefined : { start: at, end: range?.end });
      if (response === undefined) throw new NaruError("not-found", `there is no object ${key}`);
      try {
        for await (const piece of response.body ?? []) {
          at += piece.length;
          yield piece;
        }
        return;
      } catch (error) {
        if (attempt === READ_ATTEMPTS) throw error;
      }
    }
  }

  async readSmall(key: string): Promise<Uint8Array | undefined> {
    return await (await this.client.get(this.#prefix + key))?.bytes();
  }

  async write(key: string, data: Uint8Array): Promise<void> {
    this.lease.check();
    await this.client.put(this.#prefix + key, data);
  }

  /** What is answered is there. */
  async settle(): Promise<void> {}

  localPath(): undefined {
    return undefined;
  }

  temporaryAddress(key: string): string | undefined {
    return this.#redirects ? this.client.temporaryAddress(this.#prefix + key, ADDRESS_SECONDS) : undefined;
  }

  async *list(prefix: string, { after, limit = Number.POSITIVE_INFINITY }: { after?: string; limit?: number } = {}) {
    let left = limit;
    let next: string | undefined;
    const from = after === undefined ? undefined : this.#prefix + after;
    while (left > 0) {
      const page = await this.client.list(this.#prefix + prefix, {
        after: from,
        limit: Math.min(left, this.#listPage),
        next,
      });
      for (const { key, ...object } of page.objects) {
        if (left-- <= 0) return;
        yield { key: key.slice(this.#prefix.length), ...object };
      }
      next = page.next;
      if (next === undefined) return;
    }
  }

  async remove(key: string): Promise<void> {
    this.lease.check();
    await this.client.delete(this.#prefix + key);
  }

  async beginUpload(id: string): Promise<void> {
    this.lease.check();
    await this.#uploads.begin(id);
  }

  appendUpload(id: string, offset: number, data: AsyncIterable<Uint8Array>): Promise<number> {
    return this.#uploads.append(id, offset, data);
  }

  uploadSize(id: string): Promise<number | undefined> {
    return this.#uploads.size(id);
  }

  readUpload(id: string): AsyncIterable<Uint8Array> {
    return this.#uploads.read(id);
  }

  async finishUpload(id: string, key: string): Promise<void> {
    this.lease.check();
    await this.#uploads.finish(id, this.#prefix + key);
  }

  async adoptFile(path: string, key: string): Promise<void> {
    const id = crypto.randomUUID();
    await this.#uploads.begin(id);
    try {
      await this.#uploads.append(id, 0, fileBytes(path));
      await this.#uploads.finish(id, this.#prefix + key);
    } catch (error) {
      await this.#uploads.abandon(id).catch(() => {});
      throw error;
    }
    await rm(path);
  }

  abandonUpload(id: string): Promise<void> {
    return this.#uploads.abandon(id);
  }

  listUploads(): AsyncIterable<{ id: string } & StoredObject> {
    return this.#uploads.list();
  }

  async close(): Promise<void> {
    await this.lease.release();
  }
}

async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, "r");
  for (;;) {
    const piece = new Uint8Array(FILE_PIECE_BYTES);
    const { bytesRead } = await file.read(piece, 0, piece.length);
    if (bytesRead === 0) return;
    yield piece.subarray(0, bytesRead);
  }
}
