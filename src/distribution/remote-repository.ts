/** A repository over the hosts that serve it: the mirrors in order, then the registry itself. */
import { ChunkList, MAX_CHUNK_LIST_BYTES } from "../lib/chunk-list.ts";
import { isDigest } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { familiarName } from "../lib/image-reference.ts";
import type { Descriptor, Digest, Index } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import { pushChanges } from "./blob-changes-upload.ts";
import { type DownloadOptions, readBlob } from "./blob-download.ts";
import { type BlobBytes, pushBlob, type UploadTarget } from "./blob-upload.ts";
import { ConnectionError } from "./connection-error.ts";
import type { RemoteManifest, RemoteRepository } from "./contract.ts";
import type { HttpReply } from "./http-reply.ts";
import { checkAskedDigest, comparableDigest, manifestType, plainType } from "./manifest-answer.ts";
import { pages } from "./paging.ts";
import { ReferrersTag } from "./referrers-tag.ts";
import { manifestError, RegistryError } from "./registry-error.ts";
import type { HostRequest } from "./registry-host.ts";
import { type RepositoryParts, RepositoryRequests, rethrowBare } from "./repository-requests.ts";

interface Signalled {
  signal?: AbortSignal;
}

/** What docker accepts; registries choose by it. */
const MANIFEST_TYPES = [
  MEDIA.index,
  MEDIA.manifest,
  MEDIA.dockerIndex,
  MEDIA.dockerManifest,
  "application/json",
  "*/*;q=0.1",
].join(", ");
/** Docker's limit for manifests. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_LIST_BYTES = 16 * 1024 * 1024;
const TAGS_PER_PAGE = 1000;

export function createRemoteRepository(parts: RepositoryParts): RemoteRepository {
  return new WireRepository(parts);
}

class WireRepository implements RemoteRepository {
  readonly domain: string;
  readonly path: string;
  private readonly familiar: string;
  private readonly referrersTag: ReferrersTag;
  private readonly requests: RepositoryRequests;

  constructor(private readonly parts: RepositoryParts) {
    this.domain = parts.domain;
    this.path = parts.path;
    this.requests = new RepositoryRequests(parts);
    this.familiar = familiarName(`${parts.domain}/${parts.path}`);
    this.referrersTag = new ReferrersTag(this, `${parts.domain}/${parts.path}`);
  }

  async resolve(reference: string, { signal }: Signalled = {}): Promise<Descriptor> {
    const path = this.at(`manifests/${reference}`);
    try {
      const head = { method: "HEAD", headers: { Accept: MANIFEST_TYPES }, signal };
      const reply = await this.requests.eachReader((host, access) => host.send(path, access, head));
      await reply.discard();
      const digest = reply.headers.get("docker-content-digest");
      const length = reply.headers.get("content-length");
      const mediaType = plainType(reply);
      if (digest !== null && isDigest(digest) && length !== null && mediaType.includes("+json")) {
        checkAskedDigest(reference, digest);
        return { mediaType, digest, size: Number(length) };
      }
    } catch (error) {
      // A refused HEAD has no body that says why; GET has, and is what is tried again.
      const mayAskAgain =
        error instanceof RegistryError ? !error.isWithoutReply : error instanceof ConnectionError && error.isPassing;
      if (!mayAskAgain || signal?.aborted) throw error;
    }
    return (await this.fetchManifest(reference, { signal })).descriptor;
  }

  async fetchManifest(reference: string, { signal }: Signalled = {}): Promise<RemoteManifest> {
    const path = this.at(`manifests/${reference}`);
    try {
      return await this.requests.read(
        path,
        { method: "GET", headers: { Accept: MANIFEST_TYPES }, signal },
        async (reply) => {
          const bytes = await reply.bytes(MAX_MANIFEST_BYTES);
          const told = reply.headers.get("docker-content-digest");
          const digest = comparableDigest(bytes, reference, told);
          checkAskedDigest(reference, digest);
          if (isDigest(told) && told !== comparableDigest(bytes, told)) {
            throw new NaruError(
              "invalid",
              `manifest verification failed for digest ${told}: the registry sent ${digest}`,
            );
          }
          return { descriptor: { mediaType: manifestType(reply, bytes), digest, size: bytes.length }, bytes };
        },
      );
    } catch (error) {
      throw manifestError(error, this.familiar, reference);
    }
  }

  readBlob(blob: Descriptor, options: DownloadOptions = {}): AsyncIterable<Uint8Array> {
    const path = this.at(`blobs/${blob.digest}`);
    const open = async (start: number, end: number, signal?: AbortSignal): Promise<HttpReply> => {
      const last = end < blob.size ? end - 1 : "";
      const isPart = start > 0 || end < blob.size;
      const headers: Record<string, string> = isPart ? { Range: `bytes=${start}-${last}` } : {};
      const get = { method: "GET", headers, signal };
      return this.requests.eachReader((host, access) => host.send(path, access, get), blob.urls);
    };
    return readBlob({ open }, blob, this.parts.blobRule, options);
  }

  async listChunks(digest: Digest, { signal }: Signalled = {}): Promise<ChunkList | undefined> {
    for (const { host, access } of this.parts.readFrom()) {
      if (!host.knowsChunks) continue;
      const reply = await host.send(this.at(`_naru/chunks/${digest}`), access, { method: "GET", signal });
      if (reply.isSuccess) return ChunkList.decode(await reply.bytes(MAX_CHUNK_LIST_BYTES));
      await reply.discard();
    }
    return undefined;
  }

  async hasBlob(digest: Digest, { signal }: Signalled = {}): Promise<boolean> {
    const reply = await this.requests.write(this.at(`blobs/${digest}`), { method: "HEAD", signal }, [404]);
    return reply.status !== 404;
  }

  async mountBlob(digest: Digest, fromPath: string, { signal }: Signalled = {}): Promise<boolean> {
    const query = new URLSearchParams({ mount: digest, from: fromPath });
    const reply = await this.requests.write(`${this.at("blobs/uploads/")}?${query}`, { method: "POST", signal }, [404]);
    if (reply.status === 201) return true;
    const session = reply.headers.get("location");
    if (reply.status === 202 && session !== null) await this.dropSession(new URL(session, reply.url.href));
    return false;
  }

  async pushBlob(
    blob: { digest: Digest; size: number },
    source: BlobBytes,
    options: { signal?: AbortSignal; onProgress?: (bytesSent: number) => void } = {},
  ): Promise<void> {
    const { host, access } = this.parts.writeTo();
    const target: UploadTarget = {
      uploadsPath: this.at("blobs/uploads/"),
      chunksPath: this.at("_naru/chunks"),
      send: (path: string | URL, request: HostRequest) => host.send(path, access, request).catch(rethrowBare),
    };
    if (host.knowsChunks && (await pushChanges(target, blob, source, options))) return;
    return await pushBlob(target, blob, source, this.parts.blobRule, options);
  }

  async pushManifest(
    reference: string,
    { mediaType, bytes }: { mediaType: string; bytes: Uint8Array },
    { signal }: Signalled = {},
  ): Promise<Descriptor> {
    checkAskedDigest(reference, comparableDigest(bytes, reference));
    const reply = await this.requests.write(this.at(`manifests/${reference}`), {
      method: "PUT",
      headers: { "Content-Type": mediaType },
      body: () => new Uint8Array(bytes),
      signal,
    });
    const told = reply.headers.get("docker-content-digest");
    const digest = comparableDigest(bytes, reference, told);
    if (isDigest(told) && told !== comparableDigest(bytes, told)) {
      throw new NaruError("invalid", `${this.familiar}: the registry stored ${told} where ${digest} was pushed`);
    }
    const descriptor = { mediaType, digest, size: bytes.length };
    // OCI-Subject says that the registry keeps the list of referrers itself.
    if (reply.headers.get("oci-subject") === null) await this.referrersTag.add(bytes, descriptor, signal);
    return descriptor;
  }

  async listReferrers(
    digest: Digest,
    options: { artifactType?: string; signal?: AbortSignal } = {},
  ): Promise<Descriptor[]> {
    const { artifactType, signal } = options;
    const found = (await this.askReferrers(digest, options)) ?? (await this.referrersTag.list(digest, signal));
    return artifactType === undefined ? found : found.filter((item) => item.artifactType === artifactType);
  }

  async *listTags({ signal }: Signalled = {}): AsyncGenerator<string> {
    const ask = (page: string | URL) =>
      this.requests
        .read(page, { method: "GET", signal }, async (answer) => answer)
        .catch((error: unknown) => {
          throw manifestError(error, this.familiar, "");
        });
    for await (const reply of pages(this.at(`tags/list?n=${TAGS_PER_PAGE}`), ask)) {
      const list = (await reply.json(MAX_LIST_BYTES)) as { tags?: unknown } | null;
      const tags = Array.isArray(list?.tags) ? list.tags : [];
      for (const tag of tags) if (typeof tag === "string") yield tag;
    }
  }

  async deleteManifest(reference: string, { signal }: Signalled = {}): Promise<void> {
    const subjectOf = isDigest(reference) ? await this.referrersTag.findMember(reference, signal) : undefined;
    await this.requests.write(this.at(`manifests/${reference}`), { method: "DELETE", signal });
    if (subjectOf) await this.referrersTag.remove(subjectOf, reference as Digest, signal);
  }

  /** True when the registry has the referrers API. */
  async hasReferrersApi(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    return (await this.askReferrers(digest, { signal })) !== undefined;
  }

  /** undefined where the registry has no referrers API. */
  private async askReferrers(
    digest: Digest,
    { artifactType, signal }: { artifactType?: string; signal?: AbortSignal },
  ): Promise<Descriptor[] | undefined> {
    const query = artifactType === undefined ? "" : `?${new URLSearchParams({ artifactType })}`;
    const found: Descriptor[] = [];
    const get = { method: "GET", headers: { Accept: MEDIA.index }, signal };
    const ask = (page: string | URL) => this.requests.write(page, get, [404], false);
    for await (const reply of pages(this.at(`referrers/${digest}${query}`), ask)) {
      if (reply.status === 404 || !plainType(reply).includes("index")) {
        await reply.discard();
        return undefined;
      }
      const index = (await reply.json(MAX_LIST_BYTES)) as Partial<Index>;
      found.push(...(index.manifests ?? []));
    }
    return found;
  }

  private async dropSession(session: URL): Promise<void> {
    const { host, access } = this.parts.writeTo();
    const reply = await host.send(session, access, { method: "DELETE" }).catch(() => undefined);
    await reply?.discard();
  }

  private at(what: string): string {
    return `/v2/${this.path}/${what}`;
  }
}
