/** Indexes may hold indexes (OCI image specification, image-index.md, "manifests"): what is found in all of them. */
import { NaruError } from "../lib/errors.ts";
import type { Descriptor, Digest } from "../model/image.ts";
import { isIndexType } from "../model/media-types.ts";
import { parseIndex } from "./archive-layout.ts";
import { MAX_METADATA_BYTES } from "./content-store.ts";

/** More than any real image has; hostile ones are refused before they cost much. */
const MAX_INDEXES = 64;
/** Of all indexes together. */
const MAX_BYTES = 2 * MAX_METADATA_BYTES;

/** A manifest that an index leads to. */
export interface IndexLeaf {
  descriptor: Descriptor;
  /** Of the indexes between the top one and the manifest, the outermost first. */
  indexes: Digest[];
}

/**
 * The manifests of an index and of those in it, each once, in their order. `read` brings an index' bytes, or undefined for
 * one that is not to be had: that is a leaf itself.
 * @throws {NaruError} invalid for what is no index, and for too many or too large ones
 */
export async function indexLeaves(
  top: Descriptor,
  read: (index: Descriptor) => Promise<Uint8Array | undefined>,
): Promise<IndexLeaf[]> {
  const leaves = new Map<Digest, IndexLeaf>();
  const seen = new Set<Digest>();
  let total = 0;
  const walk = async (index: Descriptor, indexes: Digest[]): Promise<boolean> => {
    if (seen.has(index.digest)) return true;
    seen.add(index.digest);
    if (seen.size > MAX_INDEXES) throw new NaruError("invalid", `${top.digest} holds more than ${MAX_INDEXES} indexes`);
    const bytes = await read(index);
    if (bytes === undefined) return false;
    total += bytes.length;
    if (total > MAX_BYTES)
      throw new NaruError("invalid", `the indexes in ${top.digest} have more than ${MAX_BYTES} bytes`);
    for (const descriptor of parseIndex(bytes, index.digest).manifests) {
      const isWalked = isIndexType(descriptor.mediaType) && (await walk(descriptor, [...indexes, descriptor.digest]));
      if (!isWalked && !leaves.has(descriptor.digest)) leaves.set(descriptor.digest, { descriptor, indexes });
    }
    return true;
  };
  await walk(top, []);
  return [...leaves.values()];
}
