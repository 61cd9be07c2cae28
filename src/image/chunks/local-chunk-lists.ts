/** Which chunks the layers here consist of: computed in a worker when first needed, kept beside the blobs, removed with them. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ChunkList } from "../../lib/chunk-list.ts";
import { isKind } from "../../lib/errors.ts";
import type { WorkerPool } from "../../lib/worker-pool.ts";
import { errorCode } from "../../linux/sys-error.ts";
import type { Digest } from "../../model/image.ts";
import { type DataLayout, randomName } from "../data-layout.ts";

export class LocalChunkLists {
  private readonly underWay = new Map<Digest, Promise<ChunkList>>();

  constructor(
    private readonly layout: DataLayout,
    private readonly pool: WorkerPool,
  ) {}

  /** The list of a blob that is here. */
  async get(digest: Digest, signal?: AbortSignal): Promise<ChunkList> {
    const stored = await this.findStored(digest);
    if (stored) return stored;
    const computing = this.underWay.get(digest) ?? this.compute(digest, signal);
    this.underWay.set(digest, computing);
    try {
      return await computing;
    } finally {
      this.underWay.delete(digest);
    }
  }

  private async findStored(digest: Digest): Promise<ChunkList | undefined> {
    try {
      return ChunkList.decode(await readFile(this.layout.chunkList(digest)));
    } catch (error) {
      // A power cut may have left less than was written.
      if (errorCode(error) === "ENOENT" || isKind(error, "invalid")) return undefined;
      throw error;
    }
  }

  private async compute(digest: Digest, signal: AbortSignal | undefined): Promise<ChunkList> {
    const params = { path: this.layout.blob(digest) };
    const encoded = await this.pool.run<Uint8Array>("chunkList", params, { signal });
    const temporary = join(this.layout.ingest, randomName());
    await writeFile(temporary, encoded);
    await rename(temporary, this.layout.chunkList(digest));
    return ChunkList.decode(encoded);
  }
}
