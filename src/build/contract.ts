/**
 * Contract of the builder. A Dockerfile is parsed (dockerfile/), turned into a graph of content-addressed steps
 * (frontend/), and the graph is solved against the image store (solver/). The clients' ways in (the classic /build,
 * BuildKit's gRPC, naru's own context protocol) all make a `BuildRequest` and read `BuildEvent`s.
 */

import type { Attestation } from "../image/contract.ts";
import { type ErrorKind, NaruError } from "../lib/errors.ts";
import type { BuildEvent, BuildStep, BuildWarning, ProvenanceVersion, SourceRange } from "../model/build.ts";
import type { ContainerConfig } from "../model/container.ts";
import type { Descriptor, Digest, Platform } from "../model/image.ts";
import type { BuildPlan, PlanningServices } from "./solver/graph.ts";

export type { BuildEvent, BuildStep, BuildWarning, ProvenanceVersion, SourceRange };

/** Where in a Dockerfile a build failed. */
export interface FailurePlace {
  file: string;
  text: Uint8Array;
  ranges: SourceRange[];
  /** The very word, when it is known: line from 1, column from 0, length in characters. */
  caret?: { line: number; column: number; length: number };
}

/**
 * A build that failed. `message` is one line in the words that docker's clients print; the lines of the Dockerfile with a
 * caret are drawn from `place` (dockerfile/excerpt.ts).
 */
export class BuildFailure extends NaruError {
  constructor(
    message: string,
    readonly place: FailurePlace | undefined,
    readonly options: { kind?: ErrorKind; cause?: unknown; step?: Digest } = {},
  ) {
    super(options.kind ?? "invalid", message, { cause: options.cause });
    this.name = "BuildFailure";
  }
}

/** A file tree that steps copy from or mount: where its bytes are does not matter to the graph. */
export interface ContextSource {
  /** "context", "dockerfile", or the name of a named context. */
  readonly name: string;
  /**
   * Brings the wanted part here and keeps it until the build ends. Paths are relative; patterns as in .dockerignore. What was
   * already sent in an earlier build of the same context is not sent again.
   * @returns an absolute directory that must not be changed
   */
  sync(options: {
    include?: readonly string[];
    exclude?: readonly string[];
    /** Told how many bytes have come so far. */
    onTransfer?(bytes: number): void;
    signal: AbortSignal;
  }): Promise<string>;
  /** Stands for the files that the last sync() brought, when that is known: equal versions, equal files. */
  readonly version?: string | undefined;
  /** True: the directory is another one in the next build, so nothing about its files is worth remembering. */
  readonly isTemporary?: boolean;
}

/** Secrets, agents and logins that live with the client and are asked for when a step wants them. */
export interface ClientSession {
  /** Undefined: the client has none of that id. */
  readSecret(id: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** One connection to the client's SSH agent; undefined when it forwards none of that id. */
  openSshAgent?(id: string, signal: AbortSignal): Promise<AgentConnection | undefined>;
  findCredentials(
    registryHost: string,
    signal: AbortSignal,
  ): Promise<{ username: string; password: string; identityToken?: string } | undefined>;
}
export interface AgentConnection {
  /** Undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  write(data: Uint8Array): Promise<void>;
  close(): void;
}

/** An OCI image layout that a client has: a directory of `--build-context oci-layout://`, or an exported cache. */
export interface ClientLayout {
  /** For progress and errors. */
  readonly name: string;
  /** The manifest or index that is meant. @throws {NaruError} not-found */
  root(signal: AbortSignal): Promise<Digest>;
  /** @throws {NaruError} not-found */
  read(digest: Digest, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export type LayoutBlob = Pick<Descriptor, "digest" | "size">;

/** Blobs on their way into an OCI image layout of a client's. */
export interface LayoutBlobs {
  /** Manifest or index; its blob is the last. */
  root: Descriptor;
  blobs: readonly LayoutBlob[];
  read(digest: Digest): AsyncIterable<Uint8Array>;
}

/** Where a result goes. Several may be wanted at once. */
export type BuildOutput =
  | {
      type: "image";
      names: string[];
      push: boolean;
      compression?: "gzip" | "zstd" | "uncompressed";
      /** Also of the base image's layers. */
      forceCompression?: boolean;
      ociMediaTypes?: boolean;
      annotations?: Record<string, string>;
    }
  /** The files of the result, as a tar stream or to be unpacked by the client. */
  | { type: "tar" | "local"; write: (tar: AsyncIterable<Uint8Array>) => Promise<void> }
  | {
      type: "oci" | "docker";
      names: string[];
      compression?: "gzip" | "zstd" | "uncompressed";
      /** Also of the base image's layers. */
      forceCompression?: boolean;
      annotations?: Record<string, string>;
      /** As an archive, or as the blobs of a layout that the client keeps. */
      write: ((tar: AsyncIterable<Uint8Array>) => Promise<void>) | { layout(blobs: LayoutBlobs): Promise<void> };
    }
  | { type: "cacheonly" };

export type CacheTarget =
  | { type: "inline" }
  | { type: "registry"; ref: string; mode: "min" | "max"; attributes: Record<string, string> }
  /** A directory of the client's, as an OCI layout. */
  | {
      type: "local";
      mode: "min" | "max";
      attributes: Record<string, string>;
      write: (blobs: LayoutBlobs) => Promise<void>;
    };
export type CacheOrigin =
  | { type: "registry"; ref: string; attributes: Record<string, string> }
  | { type: "local"; layout: ClientLayout };

/** A build whose result stands for an image in another one (bake's `target:`); its own outputs are not made there. */
export interface OtherBuild {
  build: BuildRequest;
}

export interface AttestationWish {
  provenance?: "inline" | "min" | "max";
  /** Of SLSA's predicate; v1 when it is not told. */
  provenanceVersion?: ProvenanceVersion;
  /** What the provenance calls the builder. */
  builderId?: string;
  sbom: boolean;
}

export interface BuildRequest {
  /** The Dockerfile's text and the name to show for it. */
  dockerfile: { name: string; text: Uint8Array };
  /** Text of .dockerignore or of NAME.dockerignore, which wins. */
  ignoreFile?: { name: string; text: Uint8Array };
  /** Main context; undefined when there is none (a Dockerfile alone). */
  context?: ContextSource;
  /**
   * Named contexts: a tree, or another image ("docker-image://…"), or a git or http URL, or what another build makes, or the
   * image of a layout of the client's.
   */
  namedContexts: Record<string, ContextSource | string | OtherBuild | { layout: ClientLayout }>;
  target: string;
  buildArgs: Record<string, string>;
  labels: Record<string, string>;
  platforms: Platform[];
  outputs: BuildOutput[];
  cacheTo: CacheTarget[];
  cacheFrom: CacheOrigin[];
  noCache: boolean;
  /** Stages that are built anew all the same. */
  noCacheStages: string[];
  pull: boolean;
  squash: boolean;
  networkMode: "default" | "none" | "host" | (string & {});
  extraHosts: string[];
  shmSizeBytes: number;
  ulimits: { Name: string; Soft: number; Hard: number }[];
  cgroupParent: string;
  hostname: string;
  /** Limits of the classic builder. */
  resources: {
    memory?: number;
    memorySwap?: number;
    cpuShares?: number;
    cpuSetCpus?: string;
    cpuSetMems?: string;
    cpuPeriod?: number;
    cpuQuota?: number;
  };
  /** "network.host", "security.insecure", "device": what the user allowed this build. */
  entitlements: string[];
  /** "inline": the least, attached to images without being asked for; what would differ from build to build is left out. */
  attestations: AttestationWish;
  /** `--check`: only the checks run. `--print` forms: outline, targets. */
  onlyCheck?: "lint" | "outline" | "targets";
  session?: ClientSession;
  /** What is built, when that is no Dockerfile: a graph of the client's own. */
  plan?(services: PlanningServices): Promise<BuildPlan>;
}

export interface BuildResult {
  /** Absent for outputs without an image. */
  imageId?: Digest;
  /** As --metadata-file shows it. */
  metadata: Record<string, unknown>;
  config?: { Config: ContainerConfig };
  warnings: BuildWarning[];
  /** How the result was made, in full (SLSA); for the history of builds. */
  provenance?(): Attestation;
  /** For `onlyCheck`: the JSON of BuildKit's sub-request (lint, outline or targets), which clients format. */
  answer?: Record<string, unknown>;
}

/** A row of `buildx du` and of the build cache in `system df -v`. */
export interface BuildCacheRecord {
  ID: string;
  Parents: string[] | null;
  Type: "internal" | "frontend" | "source.local" | "source.git.checkout" | "exec.cachemount" | "regular";
  Description: string;
  InUse: boolean;
  Shared: boolean;
  Size: number;
  CreatedAt: string;
  LastUsedAt: string | null;
  UsageCount: number;
}

/** A rule of the cache's. Bytes; 0 or absent: no such limit. */
export interface CacheLimit {
  /** Also what images have. */
  all: boolean;
  filters: ReadonlyMap<string, readonly string[]>;
  keepBytes?: number;
  maxUsedBytes?: number;
  minFreeBytes?: number;
  keepDurationMs?: number;
}

export interface Builder {
  /**
   * Solves the request. Aborting ends the running steps and leaves nothing behind.
   * `onEvent` may return a promise: a process' output waits while it is pending.
   * @throws {BuildFailure} with the place in the Dockerfile
   */
  build(
    request: BuildRequest,
    onEvent: (event: BuildEvent) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<BuildResult>;
  listCache(): Promise<BuildCacheRecord[]>;
  /** What the cache is brought below by itself, in that order. */
  listLimits(): Promise<CacheLimit[]>;
  pruneCache(options: {
    all: boolean;
    filters: ReadonlyMap<string, readonly string[]>;
    keepBytes?: number;
    maxUsedBytes?: number;
    minFreeBytes?: number;
  }): Promise<{ deleted: BuildCacheRecord[]; spaceReclaimed: number }>;
  /** Ends the builds that are under way and lets go of what the builder holds. */
  close(): Promise<void>;
}
