/**
 * Where images and layers lie. One file owns this layout:
 *
 *   <dataRoot>/
 *     blobs/<algorithm>/<hex>        compressed layers, manifests, indexes, configurations, as they came
 *     chunks/<hex>                   which chunks a layer's blob consists of, once it was compared with another
 *     snapshots/<n>/fs               an unpacked layer; n is short, since an overlay mount names all of its layers
 *     snapshots/base/fs              what every container has below its image: mount points, /.dockerenv
 *     layers/<container>/{upper,work}
 *     ingest/<random>/               what is being taken in; emptied at start
 *     ingest/partial/<hex>           what has come of a blob until its download was cut off; kept for a day
 *     trash/<random>                 what is being deleted; emptied at start
 *   <execRoot>/mounts/<random>       temporary views of containers' roots; unmounted at start
 */
import { join } from "node:path";
import { algorithmOf, hexOf } from "../lib/digest.ts";
import type { Digest, DigestAlgorithm } from "../model/image.ts";

const ALGORITHMS: readonly DigestAlgorithm[] = ["sha256", "sha512"];

export class DataLayout {
  /** One for each algorithm. */
  readonly blobs: readonly string[];
  readonly chunks: string;
  readonly snapshots: string;
  readonly layers: string;
  readonly ingest: string;
  readonly partial: string;
  readonly trash: string;

  constructor(readonly dataRoot: string) {
    this.blobs = ALGORITHMS.map((algorithm) => join(dataRoot, "blobs", algorithm));
    this.chunks = join(dataRoot, "chunks");
    this.snapshots = join(dataRoot, "snapshots");
    this.layers = join(dataRoot, "layers");
    this.ingest = join(dataRoot, "ingest");
    this.partial = join(dataRoot, "ingest/partial");
    this.trash = join(dataRoot, "trash");
  }

  blob(digest: Digest): string {
    return `${this.dataRoot}/blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
  }

  chunkList(digest: Digest): string {
    return `${this.chunks}/${hexOf(digest)}`;
  }

  snapshotFiles(directory: string): string {
    return `${this.snapshots}/${directory}/fs`;
  }
}

/** A name that nobody else has, for `ingest/` and `trash/`. */
export function randomName(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}
