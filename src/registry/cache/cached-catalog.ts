/**
 * A pull-through cache around the catalog: repositories under an upstream's prefix are filled from it as they are asked for.
 * All other repositories are untouched, so pushes go on beside it.
 */
import type { RegistryClient } from "../../distribution/contract.ts";
import { isKind, NaruError } from "../../lib/errors.ts";
import type { Descriptor, Digest } from "../../model/image.ts";
import type { RegistryCatalog, StoredManifest, StoredObject } from "../contract.ts";
import { ForwardingCatalog } from "../forwarding-catalog.ts";
import { CachedBlobs } from "./cached-blobs.ts";
import { CachedManifests, type CountCached, MANIFEST_TIMEOUT_MS } from "./cached-manifests.ts";
import { UpstreamLink, type WarningLog } from "./upstream-link.ts";
import type { CachedName, Upstreams } from "./upstreams.ts";
import type { UseRecord } from "./use-record.ts";

const SEEN_WHOLE = 20_000;

interface CacheParts {
  inner: RegistryCatalog;
  client: RegistryClient;
  upstreams: Upstreams;
  use: UseRecord;
  /** Directory of downloads under way; on the storage's file system where there is one. */
  fillDir: string;
  log: WarningLog;
  count: CountCached;
}

export class CachedCatalog extends ForwardingCatalog {
  /** Blobs that are here, and whether as a copy of an upstream's. */
  readonly #whole = new Map<Digest, boolean>();
  readonly #manifests: CachedManifests;

  private constructor(
    private readonly parts: CacheParts,
    private readonly link: UpstreamLink,
    private readonly blobs: CachedBlobs,
  ) {
    super(parts.inner);
    this.#manifests = new CachedManifests(parts.inner, link, parts.use, parts.count);
  }

  static async open(parts: CacheParts): Promise<CachedCatalog> {
    const link = new UpstreamLink(parts.client, parts.log);
    return new CachedCatalog(parts, link, await CachedBlobs.open(parts.inner, link, parts.fillDir, parts.count));
  }

  override async findManifest(repository: string, reference: string): Promise<StoredManifest | undefined> {
    let name = this.parts.upstreams.find(repository);
    if (name === undefined) {
      const own = await this.inner.findManifest(repository, reference);
      name = own === undefined ? this.parts.upstreams.findMirrored(repository) : undefined;
      if (name === undefined) return own;
    }
    const found = await this.#manifests.find(name, reference);
    if (found !== undefined) this.blobs.learn(name.stored, found);
    return found;
  }

  override async findDescriptor(repository: string, reference: string): Promise<Descriptor | undefined> {
    if (this.#nameOf(repository) === undefined) return await this.inner.findDescriptor(repository, reference);
    return (await this.findManifest(repository, reference))?.descriptor;
  }

  override async findBlob(repository: string, digest: Digest): Promise<StoredObject | undefined> {
    const name = this.#nameOf(repository);
    if (name === undefined) return await this.inner.findBlob(repository, digest);
    for (const place of new Set([repository, name.stored])) {
      const found = await this.inner.findBlob(place, digest);
      if (found !== undefined) return this.#seenWhole(digest, place === name.stored, found);
    }
    this.#whole.delete(digest);
    const blob = await this.blobs.findNamed(name, digest);
    return blob && { size: blob.size, modifiedAt: 0 };
  }

  /** Only of blobs that findBlob() saw whole: others are on their way, and readBlob() knows how far they are. */
  override localBlobPath(repository: string, digest: Digest): string | undefined {
    const name = this.#nameOf(repository);
    if (name === undefined) return this.inner.localBlobPath(repository, digest);
    const isCopy = this.#whole.get(digest);
    const path = isCopy === undefined ? undefined : this.inner.localBlobPath(name.stored, digest);
    if (path !== undefined && isCopy) this.parts.count("blob", "hit", 0);
    return path;
  }

  override async readBlob(repository: string, digest: Digest, range?: { start: number; end: number }) {
    const name = this.#nameOf(repository);
    if (name === undefined) return await this.inner.readBlob(repository, digest, range);
    for (const place of new Set([repository, name.stored])) {
      const found = await this.inner.findBlob(place, digest);
      if (found === undefined) continue;
      if (place === name.stored) this.parts.count("blob", "hit", found.size);
      return await this.inner.readBlob(place, digest, range);
    }
    const blob = await this.blobs.findNamed(name, digest);
    if (blob === undefined) return await this.inner.readBlob(repository, digest, range);
    return await this.blobs.read(name, blob, range?.start ?? 0, range?.end ?? blob.size);
  }

  override async listTags(repository: string, options: { after?: string; limit?: number }): Promise<string[]> {
    const name = this.parts.upstreams.find(repository) ?? (await this.#mirroredOnly(repository));
    if (name === undefined) return await this.inner.listTags(repository, options);
    try {
      const remote = await this.link.open(name);
      const signal = AbortSignal.timeout(MANIFEST_TIMEOUT_MS);
      const tags = (await Array.fromAsync(remote.listTags({ signal }))).sort();
      const { after, limit = tags.length } = options;
      return tags.filter((tag) => after === undefined || tag > after).slice(0, limit);
    } catch (error) {
      if (!isKind(error, "not-found")) this.link.failed(name, error);
      return await this.inner.listTags(name.stored, options);
    }
  }

  override async listReferrers(repository: string, subject: Digest): Promise<Descriptor[]> {
    const own = this.parts.upstreams.find(repository)
      ? undefined
      : await this.inner.findDescriptor(repository, subject);
    const name = own === undefined ? this.#nameOf(repository) : undefined;
    const here = await this.inner.listReferrers(name?.stored ?? repository, subject).catch(() => []);
    if (name === undefined || this.link.isPaused(name)) return here;
    try {
      const remote = await this.link.open(name);
      // Not merged: what the upstream has is the whole truth about its repositories.
      return await remote.listReferrers(subject, { signal: AbortSignal.timeout(MANIFEST_TIMEOUT_MS) });
    } catch (error) {
      if (!isKind(error, "not-found")) this.link.failed(name, error);
      return here;
    }
  }

  override async putManifest(...args: Parameters<RegistryCatalog["putManifest"]>) {
    this.#refusePush(args[0]);
    return await this.inner.putManifest(...args);
  }
  override async beginUpload(repository: string): Promise<string> {
    this.#refusePush(repository);
    return await this.inner.beginUpload(repository);
  }
  override async mountBlob(...args: Parameters<RegistryCatalog["mountBlob"]>) {
    this.#refusePush(args[0]);
    return await this.inner.mountBlob(...args);
  }

  /** Resolves when no download is under way. */
  settle(): Promise<void> {
    return this.blobs.settle();
  }

  #nameOf(repository: string): CachedName | undefined {
    return this.parts.upstreams.find(repository) ?? this.parts.upstreams.findMirrored(repository);
  }

  /** A name that is only at the upstream: a repository of one's own of that name comes first. */
  async #mirroredOnly(repository: string): Promise<CachedName | undefined> {
    const name = this.parts.upstreams.findMirrored(repository);
    if (name === undefined) return undefined;
    const own = await this.inner.listTags(repository, { limit: 1 }).catch(() => []);
    return own.length > 0 ? undefined : name;
  }

  #refusePush(repository: string): void {
    const name = this.parts.upstreams.find(repository);
    if (name === undefined) return;
    const { host } = name.upstream;
    const message = `${repository} is a copy of ${host}/${name.path}: push there, or under another name here`;
    throw new NaruError("forbidden", message);
  }

  #seenWhole(digest: Digest, isCopy: boolean, found: StoredObject): StoredObject {
    if (this.#whole.size >= SEEN_WHOLE) this.#whole.clear();
    this.#whole.set(digest, isCopy);
    return found;
  }
}
