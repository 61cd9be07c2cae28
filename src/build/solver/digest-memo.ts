/** Digests of what steps take from contexts whose version is known: looking at the same files again gives the same. */
import type { TreeDigest } from "./tree-digest.ts";

const MAX_ENTRIES = 256;
/** Listings of paths are what takes memory. */
const MAX_LISTED_PATHS = 50_000;

export class DigestMemo {
  private readonly entries = new Map<string, TreeDigest>();
  private listedPaths = 0;

  find(key: string): TreeDigest | undefined {
    const known = this.entries.get(key);
    if (known === undefined) return undefined;
    // The one that was used last goes last.
    this.entries.delete(key);
    this.entries.set(key, known);
    return known;
  }

  keep(key: string, digest: TreeDigest): void {
    this.forget(key);
    this.entries.set(key, digest);
    this.listedPaths += pathsOf(digest);
    for (const [oldest] of this.entries) {
      if (this.entries.size <= MAX_ENTRIES && this.listedPaths <= MAX_LISTED_PATHS) break;
      this.forget(oldest);
    }
  }

  private forget(key: string): void {
    const known = this.entries.get(key);
    if (known === undefined) return;
    this.entries.delete(key);
    this.listedPaths -= pathsOf(known);
  }
}

function pathsOf({ listing }: TreeDigest): number {
  return listing === undefined ? 0 : Object.keys(listing).length;
}
