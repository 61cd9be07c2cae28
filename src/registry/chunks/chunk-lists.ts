/**
 * Which chunks the registry's blobs consist of: computed when a naru client first asks, kept beside the blobs, removed with
 * them. A client learns of chunks only from the repository that it works on.
 */
import { ChunkIndex, ChunkList, type Stretch } from "../../lib/chunk-list.ts";
import { workerEntry } from "../../lib/worker-entry.ts";
import { WorkerPool } from "../../lib/worker-pool.ts";
import type { Digest, Manifest } from "../../model/image.ts";
import { isIndexType } from "../../model/media-types.ts";
import type { RegistryCatalog, RegistryStorage } from "../contract.ts";
import { chunkListKey } from "../keys.ts";
import { RegistryError } from "../registry-error.ts";

const WORKER_IDLE_MS = 3000;
/** What a push is compared with: blobs of the newest manifests. More would cost more time than bytes. */
const MANIFESTS_LOOKED_AT = 4;
const BYTES_LOOKED_AT = 2 * 1024 * 1024 * 1024;
/** Smaller blobs are sent faster than compared. */
const LEAST_BLOB_BYTES = 64 * 1024;

export class ChunkLists {
  private readonly underWay = new Map<Digest, Promise<ChunkList>>();
  private readonly workers: WorkerPool;

  constructor(
    private readonly catalog: RegistryCatalog,
    private readonly storage: RegistryStorage,
  ) {
    const entry = workerEntry("src/registry/chunks/chunk-worker.ts", import.meta.url);
    this.workers = new WorkerPool(() => new Worker(entry), { maxWorkers: 1, idleMs: WORKER_IDLE_MS });
  }

  /** The list of a blob of this repository. @throws BLOB_UNKNOWN */
  async get(repository: string, digest: Digest): Promise<ChunkList> {
    const found = await this.catalog.findBlob(repository, digest);
    if (found === undefined)
      throw new RegistryError("BLOB_UNKNOWN", "blob unknown to registry", { detail: { digest } });
    const stored = await this.storage.readSmall(chunkListKey(digest));
    if (stored !== undefined) return ChunkList.decode(stored);
    const computing = this.underWay.get(digest) ?? this.compute(repository, digest);
    this.underWay.set(digest, computing);
    try {
      return await computing;
    } finally {
      this.underWay.delete(digest);
    }
  }

  /** Where the chunks of a blob that is to be pushed lie in blobs that the repository has. */
  async locate(repository: string, list: ChunkList): Promise<Stretch<Digest>[]> {
    const index = new ChunkIndex<Digest>();
    for (const digest of await this.newestBlobs(repository)) index.add(digest, await this.get(repository, digest));
    return index.stretchesOf(list);
  }

  private async compute(repository: string, digest: Digest): Promise<ChunkList> {
    const input = await this.catalog.readBlob(repository, digest);
    const encoded = await this.workers.run<Uint8Array>("chunkList", {}, { input });
    await this.storage.write(chunkListKey(digest), encoded);
    return ChunkList.decode(encoded);
  }

  private async newestBlobs(repository: string): Promise<Digest[]> {
    const manifests = await Array.fromAsync(this.catalog.listManifests(repository));
    const images = manifests.filter(({ descriptor }) => !isIndexType(descriptor.mediaType));
    images.sort((one, other) => other.storedAt - one.storedAt);
    const digests = new Set<Digest>();
    let bytes = 0;
    for (const { descriptor } of images.slice(0, MANIFESTS_LOOKED_AT)) {
      const found = await this.catalog.findManifest(repository, descriptor.digest);
      const { layers = [] } = JSON.parse(new TextDecoder().decode(found?.bytes ?? NO_MANIFEST)) as Partial<Manifest>;
      for (const { digest, size } of layers) {
        if (size < LEAST_BLOB_BYTES || !digest.startsWith("sha256:") || bytes + size > BYTES_LOOKED_AT) continue;
        if ((await this.catalog.findBlob(repository, digest)) === undefined) continue;
        if (!digests.has(digest)) bytes += size;
        digests.add(digest);
      }
    }
    return [...digests];
  }
}

const NO_MANIFEST = new TextEncoder().encode("{}");
