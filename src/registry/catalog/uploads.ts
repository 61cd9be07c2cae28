/** Uploads of blobs: monolithic, in chunks, resumed after a broken connection or a restart. */
import { workerEntry } from "../../lib/worker-entry.ts";
import { WorkerPool } from "../../lib/worker-pool.ts";
import type { Digest } from "../../model/image.ts";
import type { Actor } from "../contract.ts";
import { blobKey } from "../keys.ts";
import { checkRepository, checkUploadId, newUploadId, splitDigest, unknownUpload } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import { type BlobParts, type Blobs, blobDescriptor } from "./blobs.ts";
import { UploadSession } from "./upload-session.ts";

const MAX_HASHING_WORKERS = 2;
const WORKER_IDLE_MS = 3000;
/** An upload without a byte for this long keeps nothing from being collected, though it may still go on. */
const ACTIVE_MS = 60 * 60 * 1000;

export class Uploads {
  private readonly sessions = new Map<string, UploadSession>();
  private readonly workers: WorkerPool;

  constructor(
    private readonly parts: BlobParts,
    private readonly blobs: Blobs,
  ) {
    const entry = workerEntry("src/registry/catalog/digest-worker.ts", import.meta.url);
    this.workers = new WorkerPool(() => new Worker(entry), { maxWorkers: MAX_HASHING_WORKERS, idleMs: WORKER_IDLE_MS });
  }

  async begin(repository: string): Promise<string> {
    checkRepository(repository);
    const id = newUploadId(repository);
    await this.parts.storage.beginUpload(id);
    this.sessions.set(id, new UploadSession(Date.now(), true));
    return id;
  }

  /** @throws BLOB_UPLOAD_UNKNOWN */
  async size(repository: string, id: string): Promise<number> {
    checkRepository(repository);
    checkUploadId(repository, id);
    const size = await this.parts.storage.uploadSize(id);
    if (size === undefined) throw unknownUpload(id);
    return size;
  }

  /**
   * Appends at `offset`, or at the end when absent. When the stream breaks, what arrived stays.
   * @throws RANGE_INVALID (416, with the true range) when `offset` is not the end
   */
  async append(
    repository: string,
    id: string,
    offset: number | undefined,
    data: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    await this.size(repository, id);
    const session = this.session(id);
    const turn = await session.takeOver();
    try {
      const size = await this.size(repository, id);
      if (offset !== undefined && offset !== size) throw wrongOffset(size, offset);
      return await this.parts.storage.appendUpload(id, size, session.hashing(data, size, turn.signal));
    } finally {
      turn.done();
    }
  }

  /** @throws DIGEST_INVALID; the upload is gone then */
  async finish(repository: string, id: string, digest: Digest, actor: Actor): Promise<void> {
    await this.size(repository, id);
    const { storage, guard, events } = this.parts;
    const session = this.session(id);
    const turn = await session.takeOver();
    try {
      const size = await this.size(repository, id);
      const actual = await this.digest(session, id, size, digest);
      if (actual !== digest) {
        await this.forget(id);
        throw new RegistryError("DIGEST_INVALID", "provided digest did not match uploaded content: upload it again", {
          detail: { digest, computed: actual, size },
        });
      }
      using _held = await guard.hold([digest]);
      // Another size: a power cut took its content where syncs are switched off.
      if ((await storage.stat(blobKey(digest)))?.size === size) await storage.abandonUpload(id);
      else await storage.finishUpload(id, blobKey(digest));
      await this.blobs.link(repository, digest);
      this.sessions.delete(id);
      events.tell("push", repository, blobDescriptor(digest, size), actor);
    } finally {
      turn.done();
    }
  }

  async abandon(repository: string, id: string): Promise<void> {
    await this.size(repository, id);
    const turn = await this.session(id).takeOver();
    try {
      await this.forget(id);
    } finally {
      turn.done();
    }
  }

  /** Removes uploads without a byte since `before`. @returns their number and bytes */
  async removeAbandoned(before: number, dryRun: boolean): Promise<{ count: number; bytes: number }> {
    const removed = { count: 0, bytes: 0 };
    for await (const { id, size, modifiedAt } of this.parts.storage.listUploads()) {
      if (Math.max(modifiedAt, this.sessions.get(id)?.lastActivityAt ?? 0) >= before) continue;
      if (!dryRun) await this.forget(id);
      removed.count += 1;
      removed.bytes += size;
    }
    return removed;
  }

  /** When the oldest upload that still moves began; blobs that its client saw since then are still wanted. */
  oldestActiveStart(now: number): number {
    let oldest = now;
    for (const { startedAt, lastActivityAt } of this.sessions.values()) {
      if (now - lastActivityAt < ACTIVE_MS) oldest = Math.min(oldest, startedAt);
    }
    return oldest;
  }

  private session(id: string): UploadSession {
    let session = this.sessions.get(id);
    if (session === undefined) {
      // Begun before a restart: what lies on the disk is hashed at the end.
      session = new UploadSession(Date.now(), false);
      this.sessions.set(id, session);
    }
    return session;
  }

  private async digest(session: UploadSession, id: string, size: number, wanted: Digest): Promise<string> {
    const [algorithm] = splitDigest(wanted);
    const known = algorithm === "sha256" ? session.sha256(size) : undefined;
    const hex =
      known ?? (await this.workers.run<string>("digest", { algorithm }, { input: this.parts.storage.readUpload(id) }));
    return `${algorithm}:${hex}`;
  }

  private async forget(id: string): Promise<void> {
    this.sessions.delete(id);
    await this.parts.storage.abandonUpload(id);
  }
}

function wrongOffset(size: number, offset: number): RegistryError {
  return new RegistryError("RANGE_INVALID", `the upload has ${size} bytes: go on there, not at ${offset}`, {
    detail: { size, offset },
    headers: { Range: uploadRange(size) },
  });
}

/** As the specification writes what has arrived: "0-0" also stands for nothing. */
export function uploadRange(size: number): string {
  return `0-${Math.max(0, size - 1)}`;
}
