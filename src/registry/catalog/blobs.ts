/** Blobs of repositories: a link says that a repository has one, the content is stored once for all. */
import type { Descriptor, Digest } from "../../model/image.ts";
import type { Actor, RegistryStorage, StoredObject } from "../contract.ts";
import { blobKey, linkKey, linksPrefix, partsOfLink } from "../keys.ts";
import { checkRepository } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import type { BlobGuard } from "./blob-guard.ts";
import type { EventHub } from "./event-hub.ts";
import type { RepositoryNames } from "./repository-names.ts";

/** What is known of a blob without reading it. */
const BLOB_TYPE = "application/octet-stream";

export interface BlobParts {
  storage: RegistryStorage;
  guard: BlobGuard;
  names: RepositoryNames;
  events: EventHub;
}

export class Blobs {
  /** Links that a power cut could still take. */
  private readonly unsettled = new Set<string>();

  constructor(private readonly parts: BlobParts) {}

  /** Also keeps it from being collected for the grace period: the caller may rely on the answer. */
  async find(repository: string, digest: Digest): Promise<StoredObject | undefined> {
    const { storage, guard, names } = this.parts;
    checkRepository(repository);
    if (!names.has(repository)) return undefined;
    const sight = await guard.touch(digest);
    const [link, blob] = await Promise.all([storage.stat(linkKey(repository, digest)), storage.stat(blobKey(digest))]);
    const found = link && blob;
    if (found === undefined) guard.retract(digest, sight);
    return found;
  }

  /** @throws BLOB_UNKNOWN */
  async read(repository: string, digest: Digest, range?: { start: number; end: number }) {
    if ((await this.find(repository, digest)) === undefined) throw unknownBlob(digest);
    return this.parts.storage.read(blobKey(digest), range);
  }

  /** The caller has looked whether the repository has it. */
  localPath(digest: Digest): string | undefined {
    return this.parts.storage.localPath(blobKey(digest));
  }

  /** Makes a stored blob one of the repository. The caller holds it. */
  async link(repository: string, digest: Digest): Promise<void> {
    const { storage, names } = this.parts;
    const key = linkKey(repository, digest);
    // Not worth a sync of its own: lost in a power cut, the client uploads or mounts again. A manifest settles it.
    await storage.write(key, new Uint8Array(0), { durable: false });
    this.unsettled.add(key);
    await names.ensure(repository);
  }

  /** See RegistryCatalog.adoptBlob. */
  async adopt(repository: string, digest: Digest, path: string): Promise<void> {
    checkRepository(repository);
    using _held = await this.parts.guard.hold([digest]);
    await this.parts.storage.adoptFile(path, blobKey(digest));
    await this.link(repository, digest);
  }

  /** Makes the links of these blobs outlive a power cut. */
  async settle(repository: string, blobs: readonly Descriptor[]): Promise<void> {
    const keys = blobs.map(({ digest }) => linkKey(repository, digest)).filter((key) => this.unsettled.has(key));
    await this.parts.storage.settle(keys);
    for (const key of keys) this.unsettled.delete(key);
  }

  /** @throws BLOB_UNKNOWN */
  async delete(repository: string, digest: Digest, actor: Actor): Promise<void> {
    const { storage, events } = this.parts;
    const found = await this.find(repository, digest);
    if (found === undefined) throw unknownBlob(digest);
    await storage.remove(linkKey(repository, digest));
    events.tell("delete", repository, blobDescriptor(digest, found.size), actor);
  }

  /** See RegistryCatalog.mountBlob. */
  async mount(
    repository: string,
    digest: Digest,
    from: string | undefined,
    mayRead: (repository: string) => boolean,
    actor: Actor,
  ): Promise<boolean> {
    const { storage, guard, events } = this.parts;
    checkRepository(repository);
    using _held = await guard.hold([digest]);
    const blob = await storage.stat(blobKey(digest));
    if (blob === undefined || !(await this.hasSource(digest, from, mayRead))) return false;
    await this.link(repository, digest);
    events.tell("mount", repository, blobDescriptor(digest, blob.size), actor);
    return true;
  }

  private async hasSource(
    digest: Digest,
    from: string | undefined,
    mayRead: (repository: string) => boolean,
  ): Promise<boolean> {
    const { storage, names } = this.parts;
    if (from !== undefined) {
      checkRepository(from);
      return names.has(from) && mayRead(from) && (await storage.stat(linkKey(from, digest))) !== undefined;
    }
    for await (const { key } of storage.list(linksPrefix(digest))) {
      const { repository } = partsOfLink(key);
      if (names.has(repository) && mayRead(repository)) return true;
    }
    return false;
  }
}

export function unknownBlob(digest: Digest): RegistryError {
  return new RegistryError("BLOB_UNKNOWN", "blob unknown to registry", { detail: { digest } });
}

export function blobDescriptor(digest: Digest, size: number): Descriptor {
  return { mediaType: BLOB_TYPE, digest, size };
}
