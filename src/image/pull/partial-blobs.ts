/**
 * What has come of blobs whose download was cut off: the next pull goes on from there. They are kept for a day, and no
 * longer than it takes somebody to prune.
 */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { hexOf } from "../../lib/digest.ts";
import { errorCode } from "../../linux/sys-error.ts";
import type { Digest } from "../../model/image.ts";
import type { DataLayout } from "../data-layout.ts";

const KEPT_MS = 24 * 60 * 60 * 1000;

export class PartialBlobs {
  /** Files that a download writes or a pull is about to take over, with the number of those who do. */
  private readonly holders = new Map<string, number>();

  constructor(private readonly layout: DataLayout) {}

  path(digest: Digest): string {
    return join(this.layout.partial, hexOf(digest));
  }

  /** Bytes that are here; 0 for none. */
  async size(digest: Digest): Promise<number> {
    return (await findStat(this.path(digest)))?.size ?? 0;
  }

  /** Keeps the file from being swept until the answer is called. */
  hold(digest: Digest): () => void {
    const path = this.path(digest);
    const change = (by: number) => {
      const now = (this.holders.get(path) ?? 0) + by;
      if (now > 0) this.holders.set(path, now);
      else this.holders.delete(path);
    };
    change(1);
    return () => change(-1);
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true });
  }

  /** Removes what nobody came back for; with `all` everything that nobody holds. @returns the bytes freed */
  async sweep({ all = false }: { all?: boolean } = {}): Promise<number> {
    await mkdir(this.layout.partial, { recursive: true, mode: 0o700 });
    let freed = 0;
    for (const name of await readdir(this.layout.partial)) {
      const path = join(this.layout.partial, name);
      const found = await findStat(path);
      if (!found || this.holders.has(path)) continue;
      if (!all && found.mtimeMs > Date.now() - KEPT_MS) continue;
      await rm(path, { force: true });
      freed += found.size;
    }
    return freed;
  }
}

async function findStat(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
