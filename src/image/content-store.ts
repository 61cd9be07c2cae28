/**
 * Blobs by digest. A blob that is there is whole, after a power cut too: it is written elsewhere, synced to the disk and
 * renamed into place, before any record names it.
 */
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { algorithmOf, digestOf } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { syncFile } from "../lib/whole-file.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { Digest } from "../model/image.ts";
import { type DataLayout, randomName } from "./data-layout.ts";

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
      return digestOf(data, algorithmOf(digest)) === digest ? data : undefined;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Takes a finished file whose digest is known; an equal blob that is here already gives way. It survives a power cut. */
  async adopt(path: string, digest: Digest): Promise<void> {
    await syncFile(path);
    await this.place([{ path, digest }]);
  }

  /** Takes finished files that are on the disk already, as stage() and syncFile() leave them. */
  async place(files: readonly { path: string; digest: Digest }[]): Promise<void> {
    for (const { path, digest } of files) await rename(path, this.path(digest));
    for (const directory of new Set(files.map(({ digest }) => dirname(this.path(digest))))) await syncFile(directory);
  }

  /** A small blob as a file that can be placed. */
  async stage(data: Uint8Array): Promise<string> {
    const path = join(this.layout.ingest, randomName());
    await using file = await open(path, "wx");
    await file.writeFile(data);
    await file.datasync();
    return path;
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.layout.chunkList(digest), { force: true });
    await rm(this.path(digest), { force: true });
  }
}
