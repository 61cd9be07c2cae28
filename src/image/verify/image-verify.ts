/** `naru image verify`: everything of an image is read back; what is damaged is noted, so that the next pull replaces it. */
import { stat } from "node:fs/promises";
import { algorithmOf, DigestHasher, shortDigest } from "../../lib/digest.ts";
import type { WorkerPool } from "../../lib/worker-pool.ts";
import type { Digest } from "../../model/image.ts";
import type { ContentStore } from "../content-store.ts";
import type { ProgressLine, VerifyReport } from "../contract.ts";
import type { DataLayout } from "../data-layout.ts";
import type { ImageCatalog } from "../image-catalog.ts";
import type { ImagePublisher } from "../image-publisher.ts";
import { type ImageRecord, type ImageRecords, platformImages } from "../image-records.ts";
import type { SnapshotStore } from "../snapshot-store.ts";
import type { LayerCheckParams, LayerCheckResult } from "./layer-check.ts";

interface VerifyParts {
  layout: DataLayout;
  records: ImageRecords;
  catalog: ImageCatalog;
  content: ContentStore;
  snapshots: SnapshotStore;
  publisher: ImagePublisher;
  pool: WorkerPool;
}

/** How many differences of a layer's files are named. */
const NAMED_DIFFERENCES = 10;

/**
 * Progress per blob and layer, and as the last line {"aux": VerifyReport}. Every image when `refs` is empty.
 * @throws {NaruError} not-found before the first line
 */
export async function* verifyImages(
  parts: VerifyParts,
  refs: string[],
  signal: AbortSignal,
): AsyncGenerator<ProgressLine, void> {
  const all = refs.length === 0 ? [...parts.records.images.values()] : refs.map((ref) => parts.catalog.getRecord(ref));
  const images = [...new Map(all.map((record) => [record.id, record])).values()];
  const run = new Verification(parts, signal);
  for (const record of images) yield* run.check(record);
  yield { aux: run.report() };
}

class Verification {
  private readonly problems: VerifyReport["Problems"] = [];
  /** Layers and blobs of images before; each is read once. */
  private readonly seen = new Set<Digest>();
  private blobs = 0;
  private layers = 0;
  private bytes = 0;
  private images = 0;

  constructor(
    private readonly parts: VerifyParts,
    private readonly signal: AbortSignal,
  ) {}

  report(): VerifyReport {
    return {
      Images: this.images,
      Blobs: this.blobs,
      Layers: this.layers,
      Bytes: this.bytes,
      Problems: this.problems,
    };
  }

  async *check(record: ImageRecord): AsyncGenerator<ProgressLine, void> {
    this.images += 1;
    const { records } = this.parts;
    const name = records.listReferences(record.id)[0] ?? record.id;
    yield { status: `Verifying ${name}` };
    const chainIds = platformImages(record).flatMap((image) => image.chainIds);
    const letGo = this.parts.publisher.keep({ chainIds, blobs: record.blobs.map(({ digest }) => digest) });
    try {
      for (const image of platformImages(record)) {
        for (const [index, { digest, size }] of image.layers.entries()) {
          const chainId = image.chainIds[index]!;
          const diffId = image.config.rootfs.diff_ids[index]!;
          yield* this.once(`${digest} ${chainId}`, digest, size, () =>
            this.checkLayer(record.id, { digest, size, diffId, chainId }),
          );
        }
      }
      for (const blob of record.blobs) {
        yield* this.once(blob.digest, blob.digest, blob.size, () => this.checkSmall(record.id, blob));
      }
    } finally {
      await letGo();
    }
  }

  private async *once(
    key: string,
    digest: Digest,
    size: number,
    work: () => Promise<boolean>,
  ): AsyncGenerator<ProgressLine, void> {
    this.signal.throwIfAborted();
    if (this.seen.has(key as Digest)) return;
    this.seen.add(key as Digest);
    this.seen.add(digest);
    const id = shortDigest(digest);
    yield { id, status: "Verifying", progressDetail: { current: 0, total: size } };
    yield { id, status: (await work()) ? "Verified" : "DAMAGED", progressDetail: {} };
  }

  private async checkLayer(
    image: Digest,
    layer: { digest: Digest; size: number; diffId: Digest; chainId: Digest },
  ): Promise<boolean> {
    const { content, layout, records, snapshots, pool } = this.parts;
    const { digest, size, diffId, chainId } = layer;
    this.layers += 1;
    const snapshot = records.snapshots.get(chainId);
    const filesDir = snapshot && layout.snapshotFiles(snapshot.directory);
    const hasFiles = filesDir !== undefined && (await isDirectory(filesDir));
    if (!hasFiles) await this.snapshotProblem(image, chainId, "the unpacked files are missing");
    const found = await content.findSize(digest);
    if (found !== size) {
      const problem = found === undefined ? "is missing" : `has ${found} bytes instead of ${size}`;
      await this.blobProblem(image, digest, problem);
      return false;
    }
    this.blobs += 1;
    this.bytes += size;
    const params: LayerCheckParams = {
      blobPath: content.path(digest),
      digest,
      diffId,
      filesDir: hasFiles ? filesDir : undefined,
    };
    const { blobProblem, fileProblems } = await pool.run<LayerCheckResult>("checkLayer", params, {
      signal: this.signal,
    });
    if (blobProblem !== undefined) await this.blobProblem(image, digest, blobProblem);
    if (fileProblems.length > 0) await this.snapshotProblem(image, chainId, named(fileProblems));
    if (blobProblem === undefined && records.damagedBlobs.has(digest)) await records.damagedBlobs.delete(digest);
    return blobProblem === undefined && fileProblems.length === 0 && hasFiles && snapshots.isUsable(chainId);
  }

  /** Manifests, indexes and configurations. */
  private async checkSmall(image: Digest, { digest, size }: { digest: Digest; size: number }): Promise<boolean> {
    const { content } = this.parts;
    const found = await content.findSize(digest);
    if (found === undefined) return await this.blobProblem(image, digest, "is missing");
    if (found !== size) return await this.blobProblem(image, digest, `has ${found} bytes instead of ${size}`);
    this.blobs += 1;
    this.bytes += size;
    const hash = new DigestHasher(algorithmOf(digest));
    for await (const chunk of Bun.file(content.path(digest)).stream()) hash.update(chunk);
    const actual = hash.digest();
    return actual === digest || (await this.blobProblem(image, digest, `has the digest ${actual}`));
  }

  private async blobProblem(image: Digest, digest: Digest, problem: string): Promise<false> {
    await this.parts.records.damagedBlobs.put(digest, { foundAt: new Date().toISOString() });
    this.problems.push({ Image: image, Kind: "blob", Digest: digest, Problem: problem });
    return false;
  }

  private async snapshotProblem(image: Digest, chainId: Digest, problem: string): Promise<void> {
    await this.parts.snapshots.markDamaged(chainId);
    this.problems.push({ Image: image, Kind: "layer", Digest: chainId, Problem: problem });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function named(problems: string[]): string {
  const more = problems.length - NAMED_DIFFERENCES;
  return problems.slice(0, NAMED_DIFFERENCES).join("; ") + (more > 0 ? `; and ${more} more` : "");
}
