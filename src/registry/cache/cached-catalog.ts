/**
 * A pull-through cache around the catalog: repositories under an upstream's prefix are filled from it as they are asked for.
 * Tags are compared with the upstream when their time is over, and served as they were when it does not answer; digests never
 * change. All other repositories are untouched, so pushes go on beside it.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { RegistryClient, RemoteRepository } from "../../distribution/contract.ts";
import { errorText, isKind, NaruError } from "../../lib/errors.ts";
import type { Descriptor, Digest } from "../../model/image.ts";
import type { Actor, RegistryCatalog, StoredManifest, StoredObject } from "../contract.ts";
import { ForwardingCatalog } from "../forwarding-catalog.ts";
import { parseManifestLinks } from "../manifest-links.ts";
import { BlobFill } from "./blob-fill.ts";
import type { CachedName, Upstreams } from "./upstreams.ts";
import type { UseRecord } from "./use-record.ts";

/** Who stores what the upstream gave, in events. */
export const CACHE_USER = "naru-cache";
const CACHE_ACTOR: Actor = { user: CACHE_USER, remoteAddress: "" };
/** An upstream that failed is left alone for so long, while there is something to serve instead. */
const FAILURE_PAUSE_MS = 10_000;
/** With an old answer at hand nobody waits longer for a new one. */
const COMPARE_TIMEOUT_MS = 5000;
const MANIFEST_TIMEOUT_MS = 60_000;
const KNOWN_BLOBS = 20_000;

export type CacheOutcome = "hit" | "miss" | "revalidated" | "stale" | "failed";

interface CacheParts {
  inner: RegistryCatalog;
  client: RegistryClient;
  upstreams: Upstreams;
  use: UseRecord;
  /** Directory of downloads under way; on the storage's file system where there is one. */
  fillDir: string;
  log: { warn(message: string, fields?: Record<string, unknown>): void };
  count(what: "manifest" | "blob", outcome: CacheOutcome, bytes: number): void;
}

export class CachedCatalog extends ForwardingCatalog {
  readonly #fills = new Map<string, Promise<BlobFill>>();
  readonly #lookups = new Map<string, Promise<StoredManifest | undefined>>();
  readonly #pausedUntil = new Map<string, number>();
  /** Sizes of blobs that served manifests name, by "repository@digest": nothing else is fetched. */
  readonly #known = new Map<string, Descriptor>();

  readonly #whole = new Set<Digest>();

  private constructor(private readonly parts: CacheParts) {
    super(parts.inner);
  }

  static async open(parts: CacheParts): Promise<CachedCatalog> {
    // Downloads of a process that was killed.
    await rm(parts.fillDir, { recursive: true, force: true });
    await mkdir(parts.fillDir, { recursive: true, mode: 0o700 });
    return new CachedCatalog(parts);
  }

  override async findManifest(repository: string, reference: string): Promise<StoredManifest | undefined> {
    const name = this.parts.upstreams.find(repository);
    if (name !== undefined) return await this.#findCached(name, reference);
    const found = await this.inner.findManifest(repository, reference);
    const mirrored = found === undefined ? this.parts.upstreams.findMirrored(repository) : undefined;
    return mirrored === undefined ? found : await this.#findCached(mirrored, reference);
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
      if (found !== undefined) return this.#seenWhole(digest, found);
    }
    this.#whole.delete(digest);
    const blob = await this.#knownBlob(name, digest);
    return blob && { size: blob.size, modifiedAt: 0 };
  }

  /** Only of blobs that findBlob() saw whole: others are on their way, and readBlob() knows how far they are. */
  override localBlobPath(repository: string, digest: Digest): string | undefined {
    const name = this.#nameOf(repository);
    if (name === undefined) return this.inner.localBlobPath(repository, digest);
    const path = this.#whole.has(digest) ? this.inner.localBlobPath(name.stored, digest) : undefined;
    if (path !== undefined) this.parts.count("blob", "hit", 0);
    return path;
  }

  override async readBlob(repository: string, digest: Digest, range?: { start: number; end: number }) {
    const name = this.#nameOf(repository);
    if (name === undefined) return await this.inner.readBlob(repository, digest, range);
    for (const place of new Set([repository, name.stored])) {
      const found = await this.inner.findBlob(place, digest);
      if (found === undefined) continue;
      this.parts.count("blob", "hit", found.size);
      return await this.inner.readBlob(place, digest, range);
    }
    const blob = await this.#knownBlob(name, digest);
    if (blob === undefined) return await this.inner.readBlob(repository, digest, range);
    const fill = await this.#fill(name, blob);
    return fill.read(range?.start ?? 0, range?.end ?? blob.size);
  }

  override async listTags(repository: string, options: { after?: string; limit?: number }): Promise<string[]> {
    const name = this.parts.upstreams.find(repository) ?? (await this.#mirroredOnly(repository));
    if (name === undefined) return await this.inner.listTags(repository, options);
    try {
      const remote = await this.#remote(name);
      const tags = (
        await Array.fromAsync(remote.listTags({ signal: AbortSignal.timeout(MANIFEST_TIMEOUT_MS) }))
      ).sort();
      const { after, limit = tags.length } = options;
      return tags.filter((tag) => after === undefined || tag > after).slice(0, limit);
    } catch (error) {
      if (isKind(error, "not-found")) return await this.inner.listTags(name.stored, options);
      this.#failed(name, error);
      return await this.inner.listTags(name.stored, options);
    }
  }

  override async listReferrers(repository: string, subject: Digest): Promise<Descriptor[]> {
    const name = this.#nameOf(repository);
    const here = await this.inner.listReferrers(name?.stored ?? repository, subject).catch(() => []);
    if (name === undefined || this.#isPaused(name)) return here;
    try {
      const remote = await this.#remote(name);
      // Not merged: what the upstream has is the whole truth about its repositories.
      return await remote.listReferrers(subject, { signal: AbortSignal.timeout(MANIFEST_TIMEOUT_MS) });
    } catch (error) {
      if (!isKind(error, "not-found")) this.#failed(name, error);
      return here;
    }
  }

  override async putManifest(
    repository: string,
    reference: string,
    manifest: { mediaType: string; bytes: Uint8Array },
    actor: Actor,
    options?: { mayLackContent?: boolean },
  ) {
    this.#refusePush(repository);
    return await this.inner.putManifest(repository, reference, manifest, actor, options);
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
  async settle(): Promise<void> {
    const fills = await Promise.allSettled([...this.#fills.values()]);
    await Promise.allSettled(fills.map((fill) => (fill.status === "fulfilled" ? fill.value.finished : undefined)));
  }

  #seenWhole(digest: Digest, found: StoredObject): StoredObject {
    if (this.#whole.size >= KNOWN_BLOBS) this.#whole.clear();
    this.#whole.add(digest);
    return found;
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
    throw new NaruError(
      "forbidden",
      `${repository} is a copy of ${host}/${name.path}: push there, or under another name here`,
    );
  }

  async #findCached(name: CachedName, reference: string): Promise<StoredManifest | undefined> {
    const key = `${name.stored} ${reference}`;
    let lookup = this.#lookups.get(key);
    if (lookup === undefined) {
      lookup = this.#lookUp(name, reference).finally(() => this.#lookups.delete(key));
      this.#lookups.set(key, lookup);
    }
    const found = await lookup;
    if (found !== undefined) {
      this.parts.use.used(name.stored, found.descriptor.digest);
      this.#learn(name.stored, found);
    }
    return found;
  }

  async #lookUp(name: CachedName, reference: string): Promise<StoredManifest | undefined> {
    const { use, count } = this.parts;
    const here = await this.inner.findManifest(name.stored, reference);
    const isTag = !reference.includes(":");
    const isFresh = !isTag || Date.now() - use.comparedAt(name.stored, reference) < name.upstream.ttlMs;
    if (here !== undefined && isFresh) {
      count("manifest", "hit", here.bytes.length);
      return here;
    }
    if (here !== undefined && this.#isPaused(name)) {
      count("manifest", "stale", here.bytes.length);
      return here;
    }
    try {
      return await this.#ask(name, reference, here);
    } catch (error) {
      return await this.#answerWithout(name, reference, here, error);
    }
  }

  /** Asks the upstream: first only for the digest when there is something to compare it with. */
  async #ask(name: CachedName, reference: string, here: StoredManifest | undefined): Promise<StoredManifest> {
    const { use, count } = this.parts;
    const remote = await this.#remote(name);
    const isTag = !reference.includes(":");
    if (here !== undefined) {
      const current = await remote.resolve(reference, { signal: AbortSignal.timeout(COMPARE_TIMEOUT_MS) });
      if (current.digest === here.descriptor.digest) {
        use.compared(name.stored, reference);
        count("manifest", "revalidated", here.bytes.length);
        return here;
      }
    }
    const fetched = await remote.fetchManifest(reference, { signal: AbortSignal.timeout(MANIFEST_TIMEOUT_MS) });
    const manifest = { mediaType: fetched.descriptor.mediaType, bytes: fetched.bytes };
    await this.inner.putManifest(name.stored, reference, manifest, CACHE_ACTOR, { mayLackContent: true });
    if (isTag) use.compared(name.stored, reference);
    count("manifest", "miss", fetched.bytes.length);
    this.#pausedUntil.delete(name.upstream.host);
    return { descriptor: fetched.descriptor, bytes: fetched.bytes };
  }

  async #answerWithout(
    name: CachedName,
    reference: string,
    here: StoredManifest | undefined,
    error: unknown,
  ): Promise<StoredManifest | undefined> {
    const { use, count } = this.parts;
    // Registries say "unauthorized" of what is not there too, as long as nobody logged in.
    if (here === undefined && isUnknownThere(error)) return undefined;
    if (isKind(error, "not-found") && here !== undefined) {
      if (reference.includes(":")) return here;
      await this.inner.deleteManifest(name.stored, reference, CACHE_ACTOR).catch(() => {});
      use.forget(name.stored, { tag: reference });
      return undefined;
    }
    this.#failed(name, error);
    count("manifest", here === undefined ? "failed" : "stale", here?.bytes.length ?? 0);
    if (here !== undefined) return here;
    throw new NaruError("unavailable", `${name.upstream.host} did not give ${name.path}: ${errorText(error)}`, {
      cause: error,
    });
  }

  async #fill(name: CachedName, blob: Descriptor): Promise<BlobFill> {
    const { inner, fillDir, count } = this.parts;
    // Content is the same in every repository, but only one that was asked for it may hold it.
    const key = `${name.stored}@${blob.digest}`;
    const running = this.#fills.get(key);
    if (running !== undefined) {
      count("blob", "hit", blob.size);
      return await running;
    }
    count("blob", "miss", blob.size);
    const begin = async () => {
      const remote = await this.#remote(name);
      const path = join(fillDir, crypto.randomUUID());
      const fill = await BlobFill.begin(blob, path, remote.readBlob(blob), (whole) =>
        inner.adoptBlob(name.stored, blob.digest, whole),
      );
      fill.finished
        .catch((error) => {
          count("blob", "failed", 0);
          this.#failed(name, error);
        })
        .finally(() => this.#fills.delete(key));
      return fill;
    };
    const fill = begin();
    this.#fills.set(key, fill);
    fill.catch(() => this.#fills.delete(key));
    return await fill;
  }

  async #remote({ upstream, path }: CachedName): Promise<RemoteRepository> {
    const credentials = await upstream.credentials?.();
    return this.parts.client.repository({ domain: upstream.host, path }, { credentials, actions: "pull" });
  }

  /** The descriptor of a blob that a manifest of this repository names. */
  async #knownBlob({ stored }: CachedName, digest: Digest): Promise<Descriptor | undefined> {
    const known = this.#known.get(`${stored}@${digest}`);
    if (known !== undefined) return known;
    // After a restart, or for a client that keeps manifests: those of the repository say it.
    try {
      for await (const { descriptor } of this.inner.listManifests(stored)) {
        const manifest = await this.inner.findManifest(stored, descriptor.digest);
        if (manifest !== undefined) this.#learn(stored, manifest);
      }
    } catch (error) {
      if (!isKind(error, "not-found")) throw error;
    }
    return this.#known.get(`${stored}@${digest}`);
  }

  #learn(stored: string, manifest: StoredManifest): void {
    for (const blob of parseManifestLinks(manifest.bytes).blobs) {
      const key = `${stored}@${blob.digest}`;
      this.#known.delete(key);
      this.#known.set(key, blob);
    }
    for (const key of this.#known.keys()) {
      if (this.#known.size <= KNOWN_BLOBS) break;
      this.#known.delete(key);
    }
  }

  #isPaused({ upstream }: CachedName): boolean {
    return (this.#pausedUntil.get(upstream.host) ?? 0) > Date.now();
  }

  #failed({ upstream, path }: CachedName, error: unknown): void {
    if (!isUnknownThere(error)) this.#pausedUntil.set(upstream.host, Date.now() + FAILURE_PAUSE_MS);
    this.parts.log.warn("the upstream failed", { host: upstream.host, repository: path, reason: errorText(error) });
  }
}

function isUnknownThere(error: unknown): boolean {
  return isKind(error, "not-found") || isKind(error, "unauthorized") || isKind(error, "forbidden");
}
