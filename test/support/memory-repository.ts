/** A repository in memory, which a test may damage. */
import type { RemoteRepository } from "../../src/distribution/contract.ts";
import { NaruError } from "../../src/lib/errors.ts";
import type { Descriptor, Digest, Manifest } from "../../src/model/image.ts";
import { digestOf } from "./registry-content.ts";

interface StoredManifest {
  mediaType: string;
  bytes: Uint8Array<ArrayBuffer>;
}

export class MemoryRepository implements RemoteRepository {
  readonly domain = "registry.test";
  readonly path = "team/app";
  readonly blobs = new Map<Digest, Uint8Array>();
  readonly manifests = new Map<Digest, StoredManifest>();
  readonly tags = new Map<string, Digest>();
  /** Runs once, after the next manifest was stored. */
  afterPush: (() => Promise<void>) | undefined;

  async resolve(reference: string): Promise<Descriptor> {
    return (await this.fetchManifest(reference)).descriptor;
  }
  async fetchManifest(reference: string) {
    const digest = this.tags.get(reference) ?? (reference as Digest);
    const found = this.manifests.get(digest);
    if (!found) throw new NaruError("not-found", `manifest for ${reference} not found`);
    const descriptor: Descriptor = { mediaType: found.mediaType, digest, size: found.bytes.length };
    return { descriptor, bytes: found.bytes };
  }
  async *readBlob({ digest }: Descriptor) {
    const bytes = this.blobs.get(digest);
    if (!bytes) throw new NaruError("not-found", `blob ${digest} not found`);
    yield bytes;
  }
  async listChunks() {
    return undefined;
  }
  async hasBlob(digest: Digest) {
    return this.blobs.has(digest);
  }
  async mountBlob() {
    return false;
  }
  async pushBlob({ digest }: { digest: Digest }, source: { open(offset: number): AsyncIterable<Uint8Array> }) {
    const pieces: Uint8Array[] = [];
    for await (const piece of source.open(0)) pieces.push(piece);
    this.blobs.set(digest, Buffer.concat(pieces));
  }
  async pushManifest(reference: string, { mediaType, bytes }: { mediaType: string; bytes: Uint8Array }) {
    const digest = digestOf(bytes);
    this.manifests.set(digest, { mediaType, bytes: new Uint8Array(bytes) });
    if (reference !== digest) this.tags.set(reference, digest);
    const after = this.afterPush;
    this.afterPush = undefined;
    await after?.();
    return { mediaType, digest, size: bytes.length };
  }
  async listReferrers(digest: Digest, { artifactType }: { artifactType?: string } = {}): Promise<Descriptor[]> {
    const found: Descriptor[] = [];
    for (const [referrer, { mediaType, bytes }] of this.manifests) {
      const manifest = JSON.parse(new TextDecoder().decode(bytes)) as Manifest | null;
      if (manifest?.subject?.digest !== digest) continue;
      if (artifactType !== undefined && manifest.artifactType !== artifactType) continue;
      const { annotations } = manifest;
      found.push({ mediaType, digest: referrer, size: bytes.length, artifactType: manifest.artifactType, annotations });
    }
    return found;
  }
  async *listTags() {
    yield* this.tags.keys();
  }
  async deleteManifest(reference: string) {
    this.manifests.delete(this.tags.get(reference) ?? (reference as Digest));
    this.tags.delete(reference);
  }
}
