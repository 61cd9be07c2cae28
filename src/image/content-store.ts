/** Blobs by digest. A blob that is there is whole: it is written elsewhere and renamed into place. */
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { Digest } from "../model/image.ts";
import { type DataLayout, randomName } from "./data-layout.ts";
import { sha256 } from "./digests.ts";

/** Manifests and configurations are small; what is larger is not one. */
export const MAX_METADATA_BYTES = 8 * 1024 * 1024;

export class ContentStore {
  constructor(private readonly layout: DataLayout) {}

  path(digest: Digest): string {
    return this.layout.blob(digest);
  }

  /** Bytes of the blob, or undefined when it is not here. */
  async findSize(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.path(digest))).size;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** @throws not-found; invalid when it is too large for a manifest or configuration */
  async readSmall(digest: Digest): Promise<Buffer> {
    const size = await this.findSize(digest);
    if (size === undefined) throw new NaruError("not-found", `blob ${digest} is not here`);
    if (size > MAX_METADATA_BYTES) throw new NaruError("invalid", `blob ${digest} is too large (${size} bytes)`);
    return await readFile(this.path(digest));
  }

  /** A manifest or configuration when it is here and is what its digest says. */
  async findWhole(digest: Digest): Promise<Buffer | undefined> {
    try {
      const { size } = await stat(this.path(digest));
      if (size > MAX_METADATA_BYTES) return undefined;
      const data = await readFile(this.path(digest));
      return sha256(data) === digest ? data : undefined;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Takes a finished file whose digest is known. An equal blob that is here already stays. */
  async adopt(path: string, digest: Digest): Promise<void> {
    await rename(path, this.path(digest));
  }

  /** Stores a small blob that is not here yet; `digest` is that of the data. */
  async put(data: Uint8Array, digest: Digest): Promise<void> {
    const temporary = join(this.layout.ingest, randomName());
    await writeFile(temporary, data);
    await this.adopt(temporary, digest);
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.layout.chunkList(digest), { force: true });
    await rm(this.path(digest), { force: true });
  }
}
