/**
 * Contract of the registry server: what it stores and where. `RegistryStorage` is a flat store of named objects (a
 * directory, or a bucket of an S3-compatible server); `RegistryCatalog` is the registry's own model above it, free of HTTP.
 */
import type { Descriptor, Digest } from "../model/image.ts";

export interface StoredObject {
  size: number;
  /** Milliseconds since 1970. */
  modifiedAt: number;
}

/** Keys are relative paths ("blobs/sha256/ab/abcd…"). An object that is seen is whole. */
export interface RegistryStorage {
  stat(key: string): Promise<StoredObject | undefined>;
  /** @throws {NaruError} not-found. `end` is exclusive. */
  read(key: string, range?: { start: number; end: number }): AsyncIterable<Uint8Array>;
  readSmall(key: string): Promise<Uint8Array | undefined>;
  /** Replaces what was there. `durable` (default): survives a power cut once it resolved. */
  write(key: string, data: Uint8Array, options?: { durable?: boolean }): Promise<void>;
  /** Makes what was written without `durable` survive a power cut. */
  settle(keys: readonly string[]): Promise<void>;
  /** A path that may be sent by the kernel, where objects are local files. */
  localPath(key: string): string | undefined;
  /** An address from which clients may fetch the object themselves for a while, where that is wished. */
  temporaryAddress(key: string): string | undefined;
  /** Keys that begin with `prefix`, in order, after `after`. */
  list(prefix: string, options?: { after?: string; limit?: number }): AsyncIterable<{ key: string } & StoredObject>;
  remove(key: string): Promise<void>;
  /** An object that grows over several requests and restarts, and becomes visible under a key at the end. */
  beginUpload(id: string): Promise<void>;
  /** Appends at `offset`, which must be the size so far; keeps what arrived when `data` fails. @returns the new size */
  appendUpload(id: string, offset: number, data: AsyncIterable<Uint8Array>): Promise<number>;
  uploadSize(id: string): Promise<number | undefined>;
  readUpload(id: string): AsyncIterable<Uint8Array>;
  finishUpload(id: string, key: string): Promise<void>;
  /** Takes over a finished local file; it is gone afterwards. */
  adoptFile(path: string, key: string): Promise<void>;
  abandonUpload(id: string): Promise<void>;
  listUploads(): AsyncIterable<{ id: string } & StoredObject>;
  close(): Promise<void>;
}

export interface StoredManifest {
  descriptor: Descriptor;
  bytes: Uint8Array;
}

/** Whoever caused a change, for webhooks and the log. */
export interface Actor {
  /** Empty: anonymous. */
  user: string;
  remoteAddress: string;
}

/** Something that happened, in the order in which it became durable. */
export interface RegistryEvent {
  action: "push" | "pull" | "delete" | "mount";
  repository: string;
  target: Descriptor;
  tag?: string;
  actor: Actor;
  /** RFC 3339. */
  timestamp: string;
}

/**
 * Repositories with their manifests, tags, blobs and referrers. Every method that takes a repository's name checks it.
 * @throws {NaruError} with the codes of the distribution specification (registry-error.ts)
 */
export interface RegistryCatalog {
  listRepositories(options: { after?: string; limit?: number }): Promise<string[]>;
  listTags(repository: string, options: { after?: string; limit?: number }): Promise<string[]>;
  /** By tag or digest, without the content. */
  findDescriptor(repository: string, reference: string): Promise<Descriptor | undefined>;
  findManifest(repository: string, reference: string): Promise<StoredManifest | undefined>;
  putManifest(
    repository: string,
    reference: string,
    manifest: { mediaType: string; bytes: Uint8Array },
    actor: Actor,
    /** `mayLackContent`: a pull-through cache brings blobs and children later. */
    options?: { mayLackContent?: boolean },
  ): Promise<{ digest: Digest; subject?: Digest }>;
  deleteManifest(repository: string, reference: string, actor: Actor): Promise<void>;
  listReferrers(repository: string, subject: Digest): Promise<Descriptor[]>;
  findBlob(repository: string, digest: Digest): Promise<StoredObject | undefined>;
  readBlob(
    repository: string,
    digest: Digest,
    range?: { start: number; end: number },
  ): Promise<AsyncIterable<Uint8Array>>;
  localBlobPath(repository: string, digest: Digest): string | undefined;
  /** Where the client is sent for the blob instead, if anywhere. */
  blobAddress(repository: string, digest: Digest): string | undefined;
  deleteBlob(repository: string, digest: Digest, actor: Actor): Promise<void>;
  /** True when the blob was in `from` (or, when absent, in any repository that `mayRead`) and now also is in `repository`. */
  mountBlob(
    repository: string,
    digest: Digest,
    from: string | undefined,
    mayRead: (repository: string) => boolean,
    actor: Actor,
  ): Promise<boolean>;
  /** @returns the upload's id */
  beginUpload(repository: string): Promise<string>;
  uploadSize(repository: string, id: string): Promise<number>;
  appendUpload(
    repository: string,
    id: string,
    offset: number | undefined,
    data: AsyncIterable<Uint8Array>,
  ): Promise<number>;
  /** A digest that does not fit ends the upload. */
  finishUpload(repository: string, id: string, digest: Digest, actor: Actor): Promise<void>;
  abandonUpload(repository: string, id: string): Promise<void>;
  /** Forgets the repository with all tags, manifests and blobs of its own; the next collection frees their space. */
  deleteRepository(repository: string, actor: Actor): Promise<void>;
  /** Every tag with its manifest and when it was set (milliseconds since 1970), in order of names. For retention and the page. */
  listTagRecords(repository: string): AsyncIterable<{ name: string; digest: Digest; updatedAt: number }>;
  /** Every manifest of the repository, tagged or not, and when it was stored. */
  listManifests(repository: string): AsyncIterable<{ descriptor: Descriptor; storedAt: number }>;
  /** Tells the subscribers that a manifest was fetched. */
  recordPull(repository: string, target: Descriptor, tag: string | undefined, actor: Actor): void;
  /** Called after each change and each pull of a manifest. */
  subscribe(listener: (event: RegistryEvent) => void): () => void;
  /** Takes over (moves or copies, then removes) a local file as a blob of the repository; its digest has been checked. */
  adoptBlob(repository: string, digest: Digest, path: string): Promise<void>;
  /** Bytes of the blobs and manifests that a repository refers to, each once. */
  repositorySize(repository: string): Promise<number>;
}

export type RepositoryAction = "pull" | "push" | "delete";

/** Where a request came from, as access rules and the log see it. */
export interface RequestOrigin {
  authorization: string | undefined;
  scheme: "http" | "https";
  /** The Host header: challenges name it. */
  host: string;
  remoteAddress: string;
}

/** What a caller proved to be, and what it may do. */
export interface Grant {
  /** Empty: anonymous. */
  user: string;
  /** For a mount's source and for the repositories that the catalog shows. */
  may(repository: string, action: RepositoryAction): boolean;
}

/** Who may do what: htpasswd, bearer tokens, anonymous pull (access/). */
export interface AccessControl {
  /**
   * `repository` and `action` absent: GET /v2/. A push needs pull and push. `mountFrom` only widens the challenge; the
   * caller then asks the grant whether the source may be read, and falls back to an upload.
   * @throws {AccessRefused} (access/access-refused.ts): unauthorized with the challenge to be sent, forbidden (DENIED), or
   * unavailable with retryAfterSeconds (too many wrong passwords)
   */
  authorize(
    origin: RequestOrigin,
    wanted: { repository?: string; action?: RepositoryAction | "catalog"; mountFrom?: string },
  ): Promise<Grant>;
}

/** One answered request, when its answer was made; a long body may still be under way. */
export interface AnsweredRequest {
  method: string;
  /** The route's name, of which there are few ("manifest", "blob", "upload", "tags", …). */
  route: string;
  status: number;
  durationMs: number;
  bytesIn: number;
  bytesOut: number;
}

/** What stands around the core and is handed to the server when it is there. */
export interface RegistrySurroundings {
  access?: AccessControl;
  /** Name under which a repository is stored; `upstream` is the query parameter `ns` that containerd sends to mirrors. */
  storedName?(repository: string, upstream: string | undefined): string;
  /** The client's address where the connection comes from a proxy; `forwardedFor` is the header X-Forwarded-For. */
  clientAddress?(peer: string, forwardedFor: string | null): string;
  /** Paths outside /v2/: token service, metrics, health, web page. Undefined: not theirs. */
  otherPaths?(request: Request, origin: RequestOrigin): Promise<Response | undefined>;
  observe?(answered: AnsweredRequest): void;
}
