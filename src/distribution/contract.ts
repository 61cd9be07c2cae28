/**
 * Contract of the registry client: the wire side of images (OCI distribution specification 1.1; Docker's registry API v2).
 * It knows hosts, credentials, retries and digests, but no image store: pull, push, the registry's pull-through cache,
 * signatures and the command line's `manifest` stand on it.
 */
import type { ChunkList } from "../lib/chunk-list.ts";
import type { Descriptor, Digest } from "../model/image.ts";

/** What a client sends in X-Registry-Auth, or what its own configuration holds for a registry. */
export interface RegistryCredentials {
  username?: string;
  password?: string;
  /** An OAuth2 refresh token, as `login` receives it from some registries. */
  identityToken?: string;
  /** A bearer token to be sent as it is. */
  registryToken?: string;
  serverAddress?: string;
}

/** How registries are reached. A change applies to the next request. */
export interface RegistrySettings {
  /** Mirrors of Docker Hub, asked before it, in order ("https://host[:port]"). */
  mirrors: readonly string[];
  /** Mirrors of other registries by their host. */
  hostMirrors?: Readonly<Record<string, readonly string[]>>;
  /** "host", "host:port" or CIDR: plain HTTP and unknown certificates are accepted there. 127.0.0.0/8 and ::1 always are. */
  insecureRegistries: readonly string[];
  /** Directories with a folder per host[:port] that holds *.crt, *.cert and *.key (certs.d), the first that has it wins. */
  certificateDirs: readonly string[];
  /** Tries per blob without any progress between them; 5 when absent. */
  downloadAttempts?: number;
}

export interface RemoteManifest {
  descriptor: Descriptor;
  /** As they came; their digest has been checked. */
  bytes: Uint8Array<ArrayBuffer>;
}

/** A repository of a registry as one caller with one set of credentials sees it. Tokens are fetched when they are needed. */
export interface RemoteRepository {
  /** "docker.io". */
  readonly domain: string;
  /** "library/debian". */
  readonly path: string;
  /**
   * Descriptor of a tag or digest, without its content.
   * @throws {NaruError} not-found in Docker's words; unauthorized, rate-limited, unavailable, saying what to do
   */
  resolve(reference: string, options?: { signal?: AbortSignal }): Promise<Descriptor>;
  fetchManifest(reference: string, options?: { signal?: AbortSignal }): Promise<RemoteManifest>;
  /**
   * A blob's bytes from `offset` on, in pieces of any size, as fast as they are taken and no faster. Broken connections are
   * resumed where they broke, with back-off; the digest is checked when the whole blob was read from 0.
   * @throws {NaruError} not-found; invalid when the bytes are not those of the digest; unavailable after the last retry
   */
  readBlob(
    blob: Descriptor,
    options?: {
      offset?: number;
      /** Bytes from `offset` on; all when absent. */
      length?: number;
      signal?: AbortSignal;
      onRetry?: (waitSeconds: number) => void;
      /** The caller hashes the bytes itself (in a worker): they are not hashed here too. */
      isCheckedByCaller?: boolean;
    },
  ): AsyncIterable<Uint8Array>;
  /** Which chunks a blob consists of; undefined where the registry does not tell (docs/chunked-transfer.md). */
  listChunks(digest: Digest, options?: { signal?: AbortSignal }): Promise<ChunkList | undefined>;
  hasBlob(digest: Digest, options?: { signal?: AbortSignal }): Promise<boolean>;
  /** Asks the registry to take the blob over from another of its repositories; false when it wants the bytes. */
  mountBlob(digest: Digest, fromPath: string, options?: { signal?: AbortSignal }): Promise<boolean>;
  /**
   * Uploads a blob that is not there. `open` may be called again after a failure, from any offset, for all that follows or for
   * `length` bytes. Where the registry knows chunks and `listChunks` is given, only what it lacks travels.
   */
  pushBlob(
    blob: { digest: Digest; size: number },
    source: {
      open(offset: number, length?: number): AsyncIterable<Uint8Array>;
      listChunks?(): Promise<ChunkList>;
    },
    options?: { signal?: AbortSignal; onProgress?: (bytesSent: number) => void },
  ): Promise<void>;
  pushManifest(
    reference: string,
    manifest: { mediaType: string; bytes: Uint8Array },
    options?: { signal?: AbortSignal },
  ): Promise<Descriptor>;
  /** What refers to this digest: by the referrers API, or by the fallback tag where the registry has none. */
  listReferrers(digest: Digest, options?: { artifactType?: string; signal?: AbortSignal }): Promise<Descriptor[]>;
  listTags(options?: { signal?: AbortSignal }): AsyncIterable<string>;
  /** By tag or digest. */
  deleteManifest(reference: string, options?: { signal?: AbortSignal }): Promise<void>;
}

/** An element of `search`. */
export interface SearchResult {
  name: string;
  description: string;
  star_count: number;
  is_official: boolean;
  is_automated: boolean;
}

export interface RegistryClient {
  /** `actions` is what a token is asked for; "pull,push" includes both. `mountFrom`: other repositories to be read. */
  repository(
    name: { domain: string; path: string },
    access: {
      credentials?: RegistryCredentials;
      actions: "pull" | "pull,push" | "pull,push,delete";
      mountFrom?: readonly string[];
    },
  ): RemoteRepository;
  /** Body of POST /auth's answer. @throws {NaruError} unauthorized */
  checkCredentials(
    credentials: RegistryCredentials,
    options?: { signal?: AbortSignal },
  ): Promise<{ Status: string; IdentityToken: string }>;
  search(
    term: string,
    options: {
      limit: number;
      filters: ReadonlyMap<string, readonly string[]>;
      credentials?: RegistryCredentials;
      signal?: AbortSignal;
    },
  ): Promise<SearchResult[]>;
  /**
   * A request to a registry itself, outside its repositories; `scopes` are what a token is asked for.
   * @returns the JSON of its answer, undefined when that is empty
   * @throws {NaruError} as the registry refuses it
   */
  ask(
    domain: string,
    request: {
      method: string;
      path: string;
      scopes: readonly string[];
      credentials?: RegistryCredentials;
      signal?: AbortSignal;
    },
  ): Promise<unknown>;
}
