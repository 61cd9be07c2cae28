/** The registry's model over a storage: the parts of this folder behind the contract. */
import { NaruError } from "../../lib/errors.ts";
import type { Descriptor, Digest } from "../../model/image.ts";
import type { Actor, RegistryCatalog, RegistryEvent, RegistryStorage } from "../contract.ts";
import { blobKey, KEYS } from "../keys.ts";
import { checkRepository } from "../names.ts";
import { BlobGuard } from "./blob-guard.ts";
import { type BlobParts, Blobs } from "./blobs.ts";
import { EventHub } from "./event-hub.ts";
import { Manifests } from "./manifests.ts";
import { RepositoryNames } from "./repository-names.ts";
import { Uploads } from "./uploads.ts";

const LAYOUT_VERSION = 1;

/** The catalog together with what the collector needs of its inside. */
export interface OpenCatalog {
  catalog: RegistryCatalog;
  parts: BlobParts;
  manifests: Manifests;
  uploads: Uploads;
}

/**
 * Opens the model over a storage that no other process uses.
 * @throws conflict when a later naru wrote it
 */
export async function openCatalog(storage: RegistryStorage): Promise<OpenCatalog> {
  await checkLayout(storage);
  const parts: BlobParts = {
    storage,
    guard: new BlobGuard(),
    names: await RepositoryNames.load(storage),
    events: new EventHub(),
  };
  const blobs = new Blobs(parts);
  const manifests = new Manifests(parts, blobs);
  const uploads = new Uploads(parts, blobs);
  return { catalog: facade(parts, blobs, manifests, uploads), parts, manifests, uploads };
}

async function checkLayout(storage: RegistryStorage): Promise<void> {
  const bytes = await storage.readSmall(KEYS.layout);
  if (bytes === undefined) {
    await storage.write(KEYS.layout, new TextEncoder().encode(JSON.stringify({ version: LAYOUT_VERSION })));
    return;
  }
  const { version } = JSON.parse(new TextDecoder().decode(bytes)) as { version: number };
  if (version <= LAYOUT_VERSION) return;
  throw new NaruError(
    "conflict",
    `the registry's storage has layout ${version}, this naru knows ${LAYOUT_VERSION}: use a newer naru`,
  );
}

function facade(parts: BlobParts, blobs: Blobs, manifests: Manifests, uploads: Uploads): RegistryCatalog {
  return {
    listRepositories: async (options) => parts.names.list(options),
    listTags: (repository, options) => manifests.listTags(repository, options),
    findDescriptor: (repository, reference) => manifests.findDescriptor(repository, reference),
    findManifest: (repository, reference) => manifests.find(repository, reference),
    putManifest: (repository, reference, manifest, actor, options) =>
      manifests.put(repository, reference, manifest, actor, options),
    deleteManifest: (repository, reference, actor) => manifests.delete(repository, reference, actor),
    listReferrers: (repository, subject) => manifests.listReferrers(repository, subject),
    findBlob: (repository, digest) => blobs.find(repository, digest),
    readBlob: (repository, digest, range) => blobs.read(repository, digest, range),
    localBlobPath: (_repository, digest) => blobs.localPath(digest),
    blobAddress: (_repository, digest) => parts.storage.temporaryAddress(blobKey(digest)),
    adoptBlob: (repository, digest, path) => blobs.adopt(repository, digest, path),
    deleteBlob: (repository, digest, actor) => blobs.delete(repository, digest, actor),
    mountBlob: (repository, digest, from, mayRead, actor) => blobs.mount(repository, digest, from, mayRead, actor),
    beginUpload: (repository) => uploads.begin(repository),
    uploadSize: (repository, id) => uploads.size(repository, id),
    appendUpload: (repository, id, offset, data) => uploads.append(repository, id, offset, data),
    finishUpload: (repository, id, digest, actor) => uploads.finish(repository, id, digest, actor),
    abandonUpload: (repository, id) => uploads.abandon(repository, id),
    deleteRepository: (repository, actor) => manifests.deleteAll(repository, actor),
    listTagRecords: (repository) => manifests.listTagRecords(repository),
    listManifests: (repository) => manifests.list(repository),
    recordPull: (repository: string, target: Descriptor, tag: string | undefined, actor: Actor) =>
      parts.events.tell("pull", repository, target, actor, tag),
    subscribe: (listener: (event: RegistryEvent) => void) => parts.events.subscribe(listener),
    repositorySize: (repository) => repositorySize(manifests, repository),
  };
}

async function repositorySize(manifests: Manifests, repository: string): Promise<number> {
  checkRepository(repository);
  const sizes = new Map<Digest, number>();
  for await (const { descriptor, content } of manifests.listContents(repository)) {
    sizes.set(descriptor.digest, descriptor.size);
    for (const blob of content?.blobs ?? []) sizes.set(blob.digest, blob.size);
  }
  return sizes.values().reduce((sum, size) => sum + size, 0);
}
