/** Manifests, tags and referrers of repositories. */
import type { Descriptor, Digest } from "../../model/image.ts";
import type { Actor, RegistryCatalog, StoredManifest } from "../contract.ts";
import {
  blobKey,
  linkKey,
  manifestKey,
  manifestsPrefix,
  referrerKey,
  referrersPrefix,
  tagKey,
  tagsPrefix,
} from "../keys.ts";
import { checkRepository, checkTag, digestOf, isDigest, parseDigest, splitDigest } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import type { BlobParts, Blobs } from "./blobs.ts";
import { listDescriptors, readAhead, readDescriptor, writeDescriptor } from "./json-objects.ts";
import { type ManifestContent, readManifest, referencedDigests } from "./manifest-content.ts";
import { RepositoryLocks } from "./repository-locks.ts";

type Page = { after?: string; limit?: number };

export class Manifests {
  /** Changes of one repository's manifests and tags come one after the other. */
  private readonly locks = new RepositoryLocks();

  constructor(
    private readonly parts: BlobParts,
    private readonly blobs: Blobs,
  ) {}

  async findDescriptor(repository: string, reference: string): Promise<Descriptor | undefined> {
    checkRepository(repository);
    const { storage, guard, names } = this.parts;
    if (!isDigest(reference)) {
      checkTag(reference);
      return names.has(repository) ? await readDescriptor(storage, tagKey(repository, reference)) : undefined;
    }
    const digest = parseDigest(reference);
    if (!names.has(repository)) return undefined;
    const sight = await guard.touch(digest);
    const descriptor = await readDescriptor(storage, manifestKey(repository, digest));
    if (descriptor === undefined) guard.retract(digest, sight);
    return descriptor;
  }

  async find(repository: string, reference: string): Promise<StoredManifest | undefined> {
    const descriptor = await this.findDescriptor(repository, reference);
    if (descriptor === undefined) return undefined;
    const bytes = await this.parts.storage.readSmall(blobKey(descriptor.digest));
    return bytes && { descriptor, bytes };
  }

  /** See RegistryCatalog.putManifest. An answered push is durable. */
  async put(
    repository: string,
    reference: string,
    manifest: { mediaType: string; bytes: Uint8Array },
    actor: Actor,
    { mayLackContent = false }: { mayLackContent?: boolean } = {},
  ): ReturnType<RegistryCatalog["putManifest"]> {
    checkRepository(repository);
    const { storage, guard, names, events } = this.parts;
    const digest = this.digestFor(reference, manifest.bytes);
    const content = readManifest(manifest.mediaType, manifest.bytes);
    // From here until the manifest refers to them, nothing of it is collected.
    using _held = await guard.hold([digest, ...referencedDigests(content)]);
    if (!mayLackContent) await this.checkReferences(repository, content);
    await this.blobs.settle(repository, content.blobs);
    using _turn = await this.locks.acquire(repository);
    await names.ensure(repository);
    if ((await storage.stat(blobKey(digest))) === undefined) await storage.write(blobKey(digest), manifest.bytes);
    const descriptor: Descriptor = { mediaType: content.mediaType, digest, size: manifest.bytes.length };
    if (content.subject !== undefined) {
      const entry = { ...descriptor, artifactType: content.artifactType, annotations: content.annotations };
      await writeDescriptor(storage, referrerKey(repository, content.subject.digest, digest), entry);
    }
    await writeDescriptor(storage, manifestKey(repository, digest), descriptor);
    const tag = isDigest(reference) ? undefined : reference;
    if (tag !== undefined) await writeDescriptor(storage, tagKey(repository, tag), descriptor);
    await names.ensure(repository);
    events.tell("push", repository, descriptor, actor, tag);
    return { digest, subject: content.subject?.digest };
  }

  /** A digest takes its tags along; a tag goes alone. @throws MANIFEST_UNKNOWN */
  async delete(repository: string, reference: string, actor: Actor): Promise<void> {
    checkRepository(repository);
    using _turn = await this.locks.acquire(repository);
    const descriptor = await this.findDescriptor(repository, reference);
    if (descriptor === undefined) throw unknownManifest(repository, reference);
    if (isDigest(reference)) await this.remove(repository, descriptor.digest);
    else await this.parts.storage.remove(tagKey(repository, reference));
    this.parts.events.tell("delete", repository, descriptor, actor, isDigest(reference) ? undefined : reference);
  }

  /** @throws NAME_UNKNOWN */
  async listTags(repository: string, { after, limit }: Page): Promise<string[]> {
    this.checkKnown(repository);
    const prefix = tagsPrefix(repository);
    const tags: string[] = [];
    if (limit === 0) return tags;
    const from = after === undefined || after === "" ? undefined : prefix + after;
    for await (const { key } of this.parts.storage.list(prefix, { after: from, limit }))
      tags.push(key.slice(prefix.length));
    return tags;
  }

  async *listTagRecords(repository: string): AsyncGenerator<{ name: string; digest: Digest; updatedAt: number }> {
    this.checkKnown(repository);
    const prefix = tagsPrefix(repository);
    for await (const { key, descriptor, modifiedAt } of listDescriptors(this.parts.storage, prefix)) {
      yield { name: key.slice(prefix.length), digest: descriptor.digest, updatedAt: modifiedAt };
    }
  }

  async *list(repository: string): AsyncGenerator<{ descriptor: Descriptor; storedAt: number }> {
    this.checkKnown(repository);
    yield* this.listKnown(repository);
  }

  /** As list, of a repository that may have gone meanwhile. */
  async *listKnown(repository: string): AsyncGenerator<{ descriptor: Descriptor; storedAt: number }> {
    for await (const { descriptor, modifiedAt } of listDescriptors(this.parts.storage, manifestsPrefix(repository))) {
      yield { descriptor, storedAt: modifiedAt };
    }
  }

  /** Also of a subject that is not here (yet). */
  async listReferrers(repository: string, subject: Digest): Promise<Descriptor[]> {
    checkRepository(repository);
    const entries = listDescriptors(this.parts.storage, referrersPrefix(repository, subject));
    return await Array.fromAsync(entries, ({ descriptor }) => descriptor);
  }

  /** Every manifest of a repository with what it refers to (undefined when its content is gone). */
  listContents(repository: string) {
    return readAhead(this.listKnown(repository), async (entry) => ({
      ...entry,
      content: await this.content(entry.descriptor),
    }));
  }

  /** What a stored manifest refers to; undefined when it is gone. */
  private async content(descriptor: Descriptor): Promise<ManifestContent | undefined> {
    const bytes = await this.parts.storage.readSmall(blobKey(descriptor.digest));
    return bytes && readManifest(descriptor.mediaType, bytes);
  }

  /** Removes every tag and manifest, and the repository's own links. */
  async deleteAll(repository: string, actor: Actor): Promise<void> {
    this.checkKnown(repository);
    const { storage, names, events } = this.parts;
    using _turn = await this.locks.acquire(repository);
    for (const { descriptor, content } of await Array.fromAsync(this.listContents(repository))) {
      await this.remove(repository, descriptor.digest);
      for (const { digest } of content?.blobs ?? []) await storage.remove(linkKey(repository, digest));
      events.tell("delete", repository, descriptor, actor);
    }
    await names.remove(repository);
  }

  async taggedDigests(repository: string): Promise<Set<Digest>> {
    const entries = listDescriptors(this.parts.storage, tagsPrefix(repository));
    return new Set(await Array.fromAsync(entries, ({ descriptor }) => descriptor.digest));
  }

  /**
   * Removes those manifests that are still untagged and that nobody used at or after `cutoff`.
   * @returns those that are gone
   */
  async removeUntagged(repository: string, candidates: readonly Digest[], cutoff: number): Promise<Digest[]> {
    if (candidates.length === 0) return [];
    using _turn = await this.locks.acquire(repository);
    const tagged = await this.taggedDigests(repository);
    const removed: Digest[] = [];
    for (const digest of candidates) {
      if (tagged.has(digest)) continue;
      const isGone = await this.parts.guard.removeUnused(digest, cutoff, () => this.removeRecords(repository, digest));
      if (isGone) removed.push(digest);
    }
    return removed;
  }

  /** Tags first: none may name a manifest that is gone, whenever this process ends. */
  private async remove(repository: string, digest: Digest): Promise<void> {
    const { storage } = this.parts;
    for await (const { key, descriptor } of listDescriptors(storage, tagsPrefix(repository))) {
      if (descriptor.digest === digest) await storage.remove(key);
    }
    await this.removeRecords(repository, digest);
  }

  private async removeRecords(repository: string, digest: Digest): Promise<void> {
    const { storage } = this.parts;
    const stored = await readDescriptor(storage, manifestKey(repository, digest));
    const subject = stored && (await this.content(stored))?.subject;
    if (subject !== undefined) await storage.remove(referrerKey(repository, subject.digest, digest));
    await storage.remove(manifestKey(repository, digest));
  }

  /** @throws DIGEST_INVALID when the reference is a digest of other bytes */
  private digestFor(reference: string, bytes: Uint8Array): Digest {
    if (!isDigest(reference)) {
      checkTag(reference);
      return digestOf(bytes);
    }
    const wanted = parseDigest(reference);
    const actual = digestOf(bytes, splitDigest(wanted)[0]);
    if (actual === wanted) return wanted;
    throw new RegistryError("DIGEST_INVALID", "provided digest did not match the manifest", {
      detail: { digest: wanted, computed: actual },
    });
  }

  /** @throws MANIFEST_BLOB_UNKNOWN naming all that is missing; SIZE_INVALID */
  private async checkReferences(repository: string, content: ManifestContent): Promise<void> {
    const { storage } = this.parts;
    const check = async (wanted: Descriptor, linkOf: (digest: Digest) => string) => {
      const [link, blob] = await Promise.all([
        storage.stat(linkOf(wanted.digest)),
        storage.stat(blobKey(wanted.digest)),
      ]);
      if (!link || !blob) return wanted.digest;
      if (blob.size === wanted.size) return undefined;
      throw new RegistryError(
        "SIZE_INVALID",
        `the manifest says that ${wanted.digest} has ${wanted.size} bytes, but it has ${blob.size}`,
      );
    };
    const unique = (descriptors: Descriptor[]) => [
      ...new Map(descriptors.map((entry) => [entry.digest, entry])).values(),
    ];
    const missing = await Promise.all([
      ...unique(content.blobs).map((blob) => check(blob, (digest) => linkKey(repository, digest))),
      ...unique(content.manifests).map((child) => check(child, (digest) => manifestKey(repository, digest))),
    ]);
    const digests = missing.filter((digest) => digest !== undefined);
    if (digests.length === 0) return;
    const what = `the manifest refers to what ${repository} does not have: push it first (${digests.join(", ")})`;
    throw new RegistryError("MANIFEST_BLOB_UNKNOWN", what, { detail: digests.map((digest) => ({ digest })) });
  }

  private checkKnown(repository: string): void {
    checkRepository(repository);
    if (!this.parts.names.has(repository)) throw unknownName(repository);
  }
}

export function unknownManifest(repository: string, reference: string): RegistryError {
  return new RegistryError("MANIFEST_UNKNOWN", "manifest unknown", { detail: { name: repository, reference } });
}

function unknownName(repository: string): RegistryError {
  return new RegistryError("NAME_UNKNOWN", "repository name not known to registry", { detail: { name: repository } });
}
