/** Blobs of copies: which are known from manifests, and downloads under way, each shared by all who want it. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isKind } from "../../lib/errors.ts";
import type { Descriptor, Digest } from "../../model/image.ts";
import type { RegistryCatalog, StoredManifest } from "../contract.ts";
import { parseManifestLinks } from "../manifest-links.ts";
import { BlobFill, CannotKeep } from "./blob-fill.ts";
import type { CountCached } from "./cached-manifests.ts";
import type { UpstreamLink } from "./upstream-link.ts";
import type { CachedName } from "./upstreams.ts";

const KNOWN_BLOBS = 20_000;
/** After a full disk, blobs are handed through for so long without being kept. */
const KEEP_NOTHING_MS = 60_000;

export class CachedBlobs {
  readonly #fills = new Map<string, Promise<BlobFill>>();
  /** Blobs that manifests name, by "repository@digest": nothing else is fetched. */
  readonly #known = new Map<string, Descriptor>();
  #keepsFrom = 0;
  /** Repositories whose manifests have all been read for that. */
  readonly #scans = new Map<string, Promise<void>>();

  private constructor(
    private readonly inner: RegistryCatalog,
    private readonly link: UpstreamLink,
    private readonly fillDir: string,
    private readonly count: CountCached,
  ) {}

  /** `fillDir`: for downloads under way; on the storage's file system where there is one. */
  static async open(
    inner: RegistryCatalog,
    link: UpstreamLink,
    fillDir: string,
    count: CountCached,
  ): Promise<CachedBlobs> {
    // Downloads of a process that was killed.
    await rm(fillDir, { recursive: true, force: true });
    await mkdir(fillDir, { recursive: true, mode: 0o700 });
    return new CachedBlobs(inner, link, fillDir, count);
  }

  /** The descriptor of a blob that a manifest of this repository names. */
  async findNamed({ stored }: CachedName, digest: Digest): Promise<Descriptor | undefined> {
    const key = `${stored}@${digest}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    // After a restart, or for a client that keeps manifests. Once is enough: what is served later is learned then.
    let scan = this.#scans.get(stored);
    if (scan === undefined) {
      scan = this.#scan(stored);
      this.#scans.set(stored, scan);
      scan.catch(() => this.#scans.delete(stored));
    }
    await scan;
    return this.#known.get(key);
  }

  /** Remembers what a manifest names. */
  learn(stored: string, manifest: StoredManifest): void {
    for (const blob of parseManifestLinks(manifest.bytes).blobs) {
      const key = `${stored}@${blob.digest}`;
      this.#known.delete(key);
      this.#known.set(key, blob);
    }
    for (const key of this.#known.keys()) {
      if (this.#known.size <= KNOWN_BLOBS) break;
      this.#known.delete(key);
      this.#scans.clear();
    }
  }

  /** The bytes of a blob that is not here yet, from the download that all share. */
  async read(name: CachedName, blob: Descriptor, start: number, end: number): Promise<AsyncIterable<Uint8Array>> {
    const isShared = Date.now() >= this.#keepsFrom || this.#fills.has(`${name.stored}@${blob.digest}`);
    if (isShared) {
      const fill = await this.#fill(name, blob).catch((error) => this.#cannotKeep(error));
      if (fill !== undefined) return fill.read(start, end);
    }
    this.count("blob", "miss", blob.size);
    const remote = await this.link.open(name);
    const source = remote.readBlob(blob, { offset: start });
    // To its own end the source compares the digest.
    return end === blob.size ? source : upTo(end - start, source);
  }

  /** The download of a blob, begun when there is none. */
  async #fill(name: CachedName, blob: Descriptor): Promise<BlobFill> {
    // Content is the same in every repository, but only one that was asked for it may hold it.
    const key = `${name.stored}@${blob.digest}`;
    const running = this.#fills.get(key);
    this.count("blob", running === undefined ? "miss" : "hit", blob.size);
    if (running !== undefined) return await running;
    const fill = this.#begin(name, blob, () => this.#fills.delete(key));
    this.#fills.set(key, fill);
    fill.catch(() => this.#fills.delete(key));
    return await fill;
  }

  /** Resolves when no download is under way. */
  async settle(): Promise<void> {
    const fills = await Promise.allSettled([...this.#fills.values()]);
    await Promise.allSettled(fills.map((fill) => (fill.status === "fulfilled" ? fill.value.finished : undefined)));
  }

  async #begin(name: CachedName, blob: Descriptor, onEnd: () => void): Promise<BlobFill> {
    const remote = await this.link.open(name);
    const store = (path: string) => this.inner.adoptBlob(name.stored, blob.digest, path);
    const fill = await BlobFill.begin(blob, join(this.fillDir, crypto.randomUUID()), remote.readBlob(blob), store);
    fill.finished
      .catch((error) => {
        this.count("blob", "failed", 0);
        if (error instanceof CannotKeep) this.#cannotKeep(error);
        else this.link.failed(name, error);
      })
      .finally(onEnd);
    return fill;
  }

  /** @throws what is no trouble of this machine's */
  #cannotKeep(error: unknown): undefined {
    if (!(error instanceof CannotKeep)) throw error;
    this.#keepsFrom = Date.now() + KEEP_NOTHING_MS;
    this.link.warn("a blob could not be kept; for a minute blobs are only handed through", error);
  }

  async #scan(stored: string): Promise<void> {
    try {
      for await (const { descriptor } of this.inner.listManifests(stored)) {
        const manifest = await this.inner.findManifest(stored, descriptor.digest);
        if (manifest !== undefined) this.learn(stored, manifest);
      }
    } catch (error) {
      if (!isKind(error, "not-found")) throw error;
    }
  }
}

async function* upTo(length: number, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const piece of pieces) {
    yield piece.subarray(0, left);
    left -= piece.length;
    if (left <= 0) return;
  }
}
