/** Caches from elsewhere: their records are looked at when this machine has none for a key, their layers fetched when one fits. */
import { errorText, NaruError } from "../../lib/errors.ts";
import { canonicalReference, parseReference } from "../../lib/image-reference.ts";
import type { Descriptor, Digest, Index, Manifest } from "../../model/image.ts";
import type { CacheOrigin } from "../contract.ts";
import type { BuildRun } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import {
  CACHE_CONFIG_TYPE,
  type CacheList,
  INLINE_CACHE_KEY,
  parseCacheList,
  type TravellingRecord,
} from "./cache-manifest.ts";
import type { CacheRecord, CacheStore } from "./cache-store.ts";

interface RemoteRecord {
  record: TravellingRecord;
  readBlob(blob: Descriptor): AsyncIterable<Uint8Array>;
}

const MAX_LIST_BYTES = 64 * 1024 * 1024;

export class ImportedCaches {
  private readonly byKey = new Map<Digest, RemoteRecord>();
  private readonly fetching = new Map<string, Promise<CacheRecord | undefined>>();

  constructor(
    private readonly context: SolverContext,
    private readonly cache: CacheStore,
    private readonly run: BuildRun,
  ) {}

  /** Reads the lists. One that cannot be read is told and does not end the build. */
  async open(origins: readonly CacheOrigin[]): Promise<void> {
    await Promise.all(
      origins.map(async (origin) => {
        const name = `importing cache manifest from ${origin.type === "registry" ? origin.ref : origin.layout.name}`;
        const step = { digest: digestOf(name), name, inputs: [], cached: false };
        await this.run
          .showing(step, () => this.read(origin))
          .catch((error) => {
            this.run.signal.throwIfAborted();
            this.context.log.warn(`${name}: ${errorText(error)}`);
          });
      }),
    );
  }

  /** The record for a key, after its layer was brought here. */
  async find(key: Digest): Promise<CacheRecord | undefined> {
    const remote = this.byKey.get(key);
    if (!remote) return undefined;
    const { id } = remote.record;
    const known = this.fetching.get(id);
    if (known) return await known;
    const work = this.fetch(remote);
    this.fetching.set(id, work);
    return await work;
  }

  private async fetch({ record, readBlob }: RemoteRecord): Promise<CacheRecord | undefined> {
    const { layer, ...rest } = record;
    const here = this.cache.get(record.id);
    if (here) return here;
    if (record.isKeyOnly) return { createdAt: "", ...rest, lastUsedAt: "", usageCount: 0 };
    try {
      const { workshop } = this.context;
      const id = layer && (await workshop.importLayer(layer.blob, layer.diffId, readBlob(layer.blob), this.run.signal));
      return await this.cache.add({ ...rest, ...(id === undefined ? {} : { layer: id }) });
    } catch (error) {
      this.run.signal.throwIfAborted();
      // Computed instead.
      this.context.log.warn(`a layer of an imported cache was not fetched: ${errorText(error)}`);
      return undefined;
    }
  }

  private async read(origin: CacheOrigin): Promise<void> {
    if (origin.type === "local") await this.readLocal(origin);
    else if (!this.readImage(origin.ref)) await this.readRegistry(origin.ref);
  }

  /** An image that is here may have its cache inside. */
  private readImage(ref: string): boolean {
    const image = this.context.images.findImage(ref);
    const list = image && parseCacheList((image.config as unknown as Record<string, unknown>)[INLINE_CACHE_KEY]);
    if (!list) return false;
    this.add(list, ({ digest }) => this.context.workshop.readBlob(digest));
    return true;
  }

  private async readRegistry(ref: string): Promise<void> {
    const reference = parseReference(ref);
    const { signal } = this.run;
    const found = await this.run.request.session?.findCredentials(reference.domain, signal);
    const remote = this.context.registries.repository(reference, {
      ...(found ? { credentials: found } : {}),
      actions: "pull",
    });
    const repository = `${reference.domain}/${reference.path}`;
    const tag = canonicalReference(reference).slice(repository.length + 1);
    const read = (descriptor: Descriptor) => remote.readBlob(descriptor, { signal });
    const manifest = await this.chooseManifest((name) => remote.fetchManifest(name, { signal }), tag);
    this.add(await listOf(manifest, read), read);
  }

  /** The manifest itself, or of an index the first that has layers. */
  private async chooseManifest(
    fetch: (name: string) => Promise<{ bytes: Uint8Array }>,
    name: string,
  ): Promise<Manifest> {
    const value = parseJson(await fetch(name).then(({ bytes }) => bytes)) as Manifest | Index;
    if ("manifests" in value) {
      const first = value.manifests.find(({ annotations }) => annotations?.["vnd.docker.reference.type"] === undefined);
      if (!first) throw new NaruError("not-found", `${name} has no manifest`);
      return parseJson(await fetch(first.digest).then(({ bytes }) => bytes)) as Manifest;
    }
    return value;
  }

  private async readLocal({ layout }: CacheOrigin & { type: "local" }): Promise<void> {
    const { signal } = this.run;
    const read = ({ digest }: { digest: Digest }) => {
      checkDigest(digest);
      return layout.read(digest, signal);
    };
    const manifest = parseJson(await gather(read({ digest: await layout.root(signal) }))) as Manifest;
    this.add(await listOf(manifest, read), read);
  }

  private add(list: CacheList, readBlob: RemoteRecord["readBlob"]): void {
    for (const record of list.records) for (const key of record.keys) this.byKey.set(key, { record, readBlob });
  }
}

async function listOf(manifest: Manifest, read: RemoteRecord["readBlob"]): Promise<CacheList> {
  const config = parseJson(await gather(read(manifest.config)));
  const value =
    manifest.config.mediaType === CACHE_CONFIG_TYPE ? config : (config as Record<string, unknown>)[INLINE_CACHE_KEY];
  const list = parseCacheList(value);
  if (!list) throw new NaruError("not-found", "it holds no cache that naru wrote");
  return list;
}

function checkDigest(digest: Digest): void {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new NaruError("invalid", `${JSON.stringify(digest)} is no digest`);
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size > MAX_LIST_BYTES) throw new NaruError("invalid", "the list of cache records is too large");
  }
  return Buffer.concat(parts);
}

function parseJson(data: Uint8Array): unknown {
  return JSON.parse(Buffer.from(data).toString("utf8"));
}
