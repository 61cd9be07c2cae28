/**
 * A layer of a registry of naru's, read with as few bytes over the wire as can be: what other versions of the same image
 * here hold is taken from them (docs/chunked-transfer.md).
 */
import type { RemoteRepository } from "../../distribution/contract.ts";
import { ChunkIndex, type Stretch } from "../../lib/chunk-list.ts";
import type { Descriptor, Digest } from "../../model/image.ts";
import type { DataLayout } from "../data-layout.ts";
import { type ImageRecords, platformImages } from "../image-records.ts";
import type { LocalChunkLists } from "./local-chunk-lists.ts";

/** Smaller layers are fetched faster than compared. */
const LEAST_LAYER_BYTES = 256 * 1024;
/** Versions of the image that are looked at, the newest first, and the bytes of their layers. */
const IMAGES_LOOKED_AT = 4;
const BYTES_LOOKED_AT = 2 * 1024 * 1024 * 1024;
/** When less than this share is here, the layer is read in one go. */
const LEAST_KNOWN_SHARE = 0.1;

type ReadOptions = NonNullable<Parameters<RemoteRepository["readBlob"]>[1]>;

export class LayerChangesSource {
  constructor(private readonly parts: { layout: DataLayout; records: ImageRecords; lists: LocalChunkLists }) {}

  /** The layer's bytes from `offset` on. @throws what readBlob throws */
  async *read(layer: Descriptor, from: RemoteRepository, options: ReadOptions): AsyncGenerator<Uint8Array> {
    const stretches = await this.plan(layer, from, options.signal);
    if (stretches === undefined) return yield* from.readBlob(layer, options);
    const start = options.offset ?? 0;
    for (const { offset, length, source, sourceOffset } of stretches) {
      const skipped = Math.max(0, start - offset);
      if (skipped >= length) continue;
      const part = { offset: offset + skipped, length: length - skipped };
      if (source === undefined) yield* from.readBlob(layer, { ...options, ...part });
      else yield* readPart(this.parts.layout.blob(source), sourceOffset! + skipped, part.length);
    }
  }

  /** Undefined: the whole layer is to be fetched. */
  private async plan(
    layer: Descriptor,
    from: RemoteRepository,
    signal: AbortSignal | undefined,
  ): Promise<Stretch<Digest>[] | undefined> {
    if (layer.size < LEAST_LAYER_BYTES) return undefined;
    const candidates = this.layersOfOtherVersions(from, layer.digest);
    if (candidates.length === 0) return undefined;
    const list = await from.listChunks(layer.digest, { signal });
    if (list === undefined || list.totalBytes !== layer.size) return undefined;
    const index = new ChunkIndex<Digest>();
    for (const digest of candidates) index.add(digest, await this.parts.lists.get(digest, signal));
    const stretches = index.stretchesOf(list);
    const known = stretches.reduce((sum, { source, length }) => sum + (source === undefined ? 0 : length), 0);
    return known < layer.size * LEAST_KNOWN_SHARE ? undefined : stretches;
  }

  private layersOfOtherVersions(from: RemoteRepository, except: Digest): Digest[] {
    const { records } = this.parts;
    const repository = `${from.domain}/${from.path}`;
    const ids = new Set<Digest>();
    for (const [reference, { id }] of records.references.entries()) {
      if (reference.startsWith(`${repository}:`) || reference.startsWith(`${repository}@`)) ids.add(id);
    }
    const images = [...ids].flatMap((id) => records.images.get(id) ?? []);
    images.sort((one, other) => other.addedAt.localeCompare(one.addedAt));
    const digests = new Set<Digest>();
    let bytes = 0;
    for (const image of images.slice(0, IMAGES_LOOKED_AT).flatMap(platformImages)) {
      for (const { digest, size } of image.layers) {
        const isUseful = digest !== except && size >= LEAST_LAYER_BYTES && !records.damagedBlobs.has(digest);
        if (!isUseful || digests.has(digest) || bytes + size > BYTES_LOOKED_AT) continue;
        bytes += size;
        digests.add(digest);
      }
    }
    return [...digests];
  }
}

async function* readPart(path: string, offset: number, length: number): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const piece of Bun.file(path)
    .slice(offset, offset + length)
    .stream()) {
    left -= piece.length;
    yield piece;
  }
  if (left !== 0) throw new Error(`${path} is shorter than it was`);
}
