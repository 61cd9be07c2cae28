/** After a power cut: what had not reached the disk is made again from what had. */
import { errorText, NaruError } from "../lib/errors.ts";
import type { Descriptor, Digest } from "../model/image.ts";
import type { ContentStore } from "./content-store.ts";
import { type ImageRecords, platformImages } from "./image-records.ts";
import type { SettledFiles } from "./settled-files.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

interface Parts {
  records: ImageRecords;
  content: ContentStore;
  snapshots: SnapshotStore;
  settled: SettledFiles;
}

/** Where a layer's files come from. */
interface LayerOrigin {
  blob: Descriptor;
  diffId: Digest;
  index: number;
}

/**
 * Built layers whose files may be torn go: their steps run again. What images stand on has records of its own. To be called before what
 * no record knows is removed.
 */
export async function forgetSuspectBuilds({ records, settled }: Pick<Parts, "records" | "settled">): Promise<void> {
  for (const [id, layer] of [...records.builtLayers.entries()]) {
    if (settled.isSuspect(layer)) await records.deleteBuiltLayer(id);
  }
}

/**
 * Unpacks layers again whose files may be torn, from their blobs, which an image's record promises to be whole. To be called before
 * anything is mounted.
 * @param warn hears that it takes a while, and what could not be made whole
 */
export async function unpackSuspectLayers(parts: Parts, warn: (message: string) => void): Promise<void> {
  const { records, snapshots, settled } = parts;
  const suspects = [...records.snapshots.entries()].filter(([, snapshot]) => settled.isSuspect(snapshot));
  if (suspects.length === 0) return;
  warn(`unpacking ${suspects.length} layer(s) again: the machine stopped while they were written`);
  const origins = layerOrigins(records);
  for (const [key] of suspects) {
    const chainId = key as Digest;
    await snapshots.markDamaged(chainId);
    const problem = await unpack(parts, chainId, origins.get(chainId));
    if (problem !== undefined) {
      warn(`the unpacked layer ${chainId} may lack files, since the machine stopped while it was written: ${problem}`);
    }
  }
}

/** @returns why it was not possible */
async function unpack(parts: Parts, chainId: Digest, origin: LayerOrigin | undefined): Promise<string | undefined> {
  if (origin === undefined) return "no image has it any more, only containers";
  const { diffId, index, blob } = origin;
  try {
    if ((await parts.content.findSize(blob.digest)) !== blob.size) {
      throw new NaruError("not-found", `its blob ${blob.digest} is missing: pull the image again`);
    }
    await parts.snapshots.ensureFromBlob(chainId, diffId, parts.content.path(blob.digest), { index });
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

function layerOrigins(records: ImageRecords): Map<Digest, LayerOrigin> {
  const origins = new Map<Digest, LayerOrigin>();
  for (const image of [...records.images.values()].flatMap(platformImages)) {
    for (const [index, chainId] of image.chainIds.entries()) {
      origins.set(chainId, { blob: image.layers[index]!, diffId: image.config.rootfs.diff_ids[index]!, index });
    }
  }
  return origins;
}
