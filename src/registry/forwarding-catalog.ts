/** A catalog that passes everything on to another: what a cache or a quota changes is all they have to write. */
import type { Digest } from "../model/image.ts";
import type { Actor, RegistryCatalog, RegistryEvent } from "./contract.ts";

type ByteRange = { start: number; end: number };

export class ForwardingCatalog implements RegistryCatalog {
  constructor(protected readonly inner: RegistryCatalog) {}

  listRepositories(options: { after?: string; limit?: number }) {
    return this.inner.listRepositories(options);
  }
  listTags(repository: string, options: { after?: string; limit?: number }) {
    return this.inner.listTags(repository, options);
  }
  findManifest(repository: string, reference: string) {
    return this.inner.findManifest(repository, reference);
  }
  findDescriptor(repository: string, reference: string) {
    return this.inner.findDescriptor(repository, reference);
  }
  putManifest(
    repository: string,
    reference: string,
    manifest: { mediaType: string; bytes: Uint8Array },
    actor: Actor,
    options?: { mayLackContent?: boolean },
  ) {
    return this.inner.putManifest(repository, reference, manifest, actor, options);
  }
  deleteManifest(repository: string, reference: string, actor: Actor) {
    return this.inner.deleteManifest(repository, reference, actor);
  }
  listReferrers(repository: string, subject: Digest) {
    return this.inner.listReferrers(repository, subject);
  }
  findBlob(repository: string, digest: Digest) {
    return this.inner.findBlob(repository, digest);
  }
  readBlob(repository: string, digest: Digest, range?: ByteRange) {
    return this.inner.readBlob(repository, digest, range);
  }
  localBlobPath(repository: string, digest: Digest) {
    return this.inner.localBlobPath(repository, digest);
  }
  blobAddress(repository: string, digest: Digest) {
    return this.inner.blobAddress(repository, digest);
  }
  deleteBlob(repository: string, digest: Digest, actor: Actor) {
    return this.inner.deleteBlob(repository, digest, actor);
  }
  mountBlob(...args: Parameters<RegistryCatalog["mountBlob"]>) {
    return this.inner.mountBlob(...args);
  }
  beginUpload(repository: string) {
    return this.inner.beginUpload(repository);
  }
  uploadSize(repository: string, id: string) {
    return this.inner.uploadSize(repository, id);
  }
  appendUpload(repository: string, id: string, offset: number | undefined, data: AsyncIterable<Uint8Array>) {
    return this.inner.appendUpload(repository, id, offset, data);
  }
  finishUpload(repository: string, id: string, digest: Digest, actor: Actor) {
    return this.inner.finishUpload(repository, id, digest, actor);
  }
  abandonUpload(repository: string, id: string) {
    return this.inner.abandonUpload(repository, id);
  }
  deleteRepository(repository: string, actor: Actor) {
    return this.inner.deleteRepository(repository, actor);
  }
  recordPull(...args: Parameters<RegistryCatalog["recordPull"]>) {
    return this.inner.recordPull(...args);
  }
  listTagRecords(repository: string) {
    return this.inner.listTagRecords(repository);
  }
  listManifests(repository: string) {
    return this.inner.listManifests(repository);
  }
  subscribe(listener: (event: RegistryEvent) => void) {
    return this.inner.subscribe(listener);
  }
  adoptBlob(repository: string, digest: Digest, path: string) {
    return this.inner.adoptBlob(repository, digest, path);
  }
  repositorySize(repository: string) {
    return this.inner.repositorySize(repository);
  }
}
