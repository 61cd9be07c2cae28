/**
 * What the engine offers to every dialect (Docker API, later Compose, Swarm, Kubernetes). No HTTP here: errors are
 * NaruErrors, streams are async iterables, long actions take an AbortSignal.
 */

import type { RegistryCredentials } from "../distribution/contract.ts";
import type { ProgressLine } from "../image/contract.ts";
import type { PlatformWish } from "../lib/platform.ts";
import type {
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerSummary,
  ContainerTop,
  ExecCreateRequest,
  ExecInspect,
  FilesystemChange,
  HostConfig,
  PathStat,
  PortMap,
  RestartPolicy,
} from "../model/container.ts";
import type { ImageDeleteItem, ImageHistoryItem, ImageInspect, ImageSummary } from "../model/image.ts";
import type { EndpointSettings, Network, NetworkCreateRequest } from "../model/network.ts";
import type { ContainerStats, DiskUsage, EventMessage, Filters } from "../model/system.ts";
import type { Volume, VolumeCreateRequest } from "../model/volume.ts";
import type { OutputChunk } from "../runtime/contract.ts";

export type WaitCondition = "not-running" | "next-exit" | "removed";

/** Both directions of an attached container or exec process. */
export interface AttachSession {
  /** True: one raw terminal stream (all chunks "stdout"). False: stdout and stderr are distinct. */
  readonly tty: boolean;
  /** Ends when the process ended and all its output was delivered, or after close(). */
  readonly output: AsyncIterable<OutputChunk>;
  write(chunk: Uint8Array): Promise<void>;
  /** The client will send no more (half-close). */
  closeInput(): void;
  /** The client went away or typed the detach keys; the process goes on. */
  close(): void;
}
export interface AttachOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Replay the log first. */
  logs: boolean;
  /** Follow live output. */
  stream: boolean;
  /** "ctrl-p,ctrl-q" by default. */
  detachKeys?: string;
}

export interface LogOptions {
  follow: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Unix nanoseconds; undefined: no bound. */
  sinceNs?: bigint;
  untilNs?: bigint;
  timestamps: boolean;
  /** Number of lines from the end; undefined: all. */
  tail?: number;
  details: boolean;
}

export interface PruneReport {
  deleted: string[];
  spaceReclaimed: number;
}

export interface ContainerService {
  create(
    name: string | undefined,
    request: ContainerCreateRequest,
    options?: {
      platform?: string;
      /** The container joins the namespaces of this sandbox; the caller mounts its /etc/hosts, /etc/hostname and /etc/resolv.conf. */
      pod?: string;
    },
  ): Promise<ContainerCreateResponse>;
  /** @throws not-modified when it already runs. */
  start(ref: string, options?: { detachKeys?: string }): Promise<void>;
  stop(ref: string, options: { signal?: string; timeoutSeconds?: number }): Promise<void>;
  restart(ref: string, options: { signal?: string; timeoutSeconds?: number }): Promise<void>;
  kill(ref: string, signal: string): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  rename(ref: string, newName: string): Promise<void>;
  remove(ref: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
  /** Registers the wait before it returns (so headers can be sent), then resolves `result`. */
  wait(
    ref: string,
    condition: WaitCondition,
    signal: AbortSignal,
  ): { result: Promise<{ StatusCode: number; Error?: { Message: string } }> };
  inspect(ref: string, options?: { size?: boolean }): Promise<ContainerInspect>;
  list(options: { all: boolean; limit: number; size: boolean; filters: Filters }): Promise<ContainerSummary[]>;
  attach(ref: string, options: AttachOptions): Promise<AttachSession>;
  resize(ref: string, rows: number, columns: number): Promise<void>;
  logs(
    ref: string,
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<{ tty: boolean; chunks: AsyncIterable<OutputChunk> }>;
  top(ref: string, psArgs: string): Promise<ContainerTop>;
  stats(
    ref: string,
    options: { stream: boolean; oneShot: boolean },
    signal: AbortSignal,
  ): Promise<AsyncIterable<ContainerStats>>;
  changes(ref: string): Promise<FilesystemChange[] | null>;
  exportTar(ref: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  statPath(ref: string, path: string): Promise<PathStat>;
  readArchive(
    ref: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ stat: PathStat; tar: AsyncIterable<Uint8Array> }>;
  writeArchive(
    ref: string,
    path: string,
    tar: AsyncIterable<Uint8Array>,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean; signal: AbortSignal },
  ): Promise<void>;
  commit(
    ref: string,
    options: {
      repo: string;
      tag: string;
      comment: string;
      author: string;
      pause: boolean;
      changes: string[];
      config?: ContainerConfig;
    },
  ): Promise<{ Id: string }>;
  update(ref: string, change: Partial<HostConfig> & { RestartPolicy?: RestartPolicy }): Promise<{ Warnings: string[] }>;
  prune(filters: Filters): Promise<PruneReport>;
}

export interface ExecService {
  create(containerRef: string, request: ExecCreateRequest): Promise<{ Id: string }>;
  /** Undefined when detached. */
  start(
    execId: string,
    options: { detach: boolean; tty: boolean; consoleSize?: [number, number] },
  ): Promise<AttachSession | undefined>;
  resize(execId: string, rows: number, columns: number): Promise<void>;
  inspect(execId: string): ExecInspect;
}

export interface ImageService {
  list(options: { all: boolean; filters: Filters; sharedSize: boolean; manifests?: boolean }): Promise<ImageSummary[]>;
  /** `platform`: one of an index' platforms; without it this machine's is preferred. @throws not-found in Docker's words */
  inspect(ref: string, options?: { platform?: PlatformWish; manifests?: boolean }): Promise<ImageInspect>;
  history(ref: string, platform?: PlatformWish): Promise<ImageHistoryItem[]>;
  tag(ref: string, repo: string, tag: string): Promise<void>;
  /** With `platforms` only what the image has for them goes. */
  remove(
    ref: string,
    options: { force: boolean; noPrune: boolean; platforms?: PlatformWish[] },
  ): Promise<ImageDeleteItem[]>;
  prune(filters: Filters): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimed: number }>;
  /**
   * Brings an image from a registry. `name` with neither tag nor digest: every tag. What is missing there is told before the
   * first message.
   */
  pull(
    request: { name: string; platform: string; credentials?: RegistryCredentials },
    signal: AbortSignal,
  ): AsyncIterable<ProgressLine>;
  /** Sends an image to the registry of its name; a name without a tag: every tag of the repository. */
  push(
    request: { name: string; platform?: PlatformWish; credentials?: RegistryCredentials },
    signal: AbortSignal,
  ): AsyncIterable<ProgressLine>;
  /** Reads images back, all when `refs` is empty; see ImageStore.verify(). */
  verify(refs: string[], signal: AbortSignal): AsyncIterable<ProgressLine>;
  load(
    archive: AsyncIterable<Uint8Array>,
    options: { quiet: boolean; platforms?: PlatformWish[]; signal: AbortSignal },
  ): AsyncIterable<ProgressLine>;
  save(
    refs: string[],
    options: { platforms?: PlatformWish[]; signal: AbortSignal },
  ): Promise<AsyncIterable<Uint8Array>>;
  importTar(
    archive: AsyncIterable<Uint8Array>,
    options: { repo: string; tag: string; message: string; changes: string[]; platform: string; signal: AbortSignal },
  ): Promise<{ Id: string }>;
}

export interface NetworkService {
  list(filters: Filters): Promise<Network[]>;
  inspect(ref: string, options: { scope: string; verbose: boolean }): Promise<Network>;
  create(request: NetworkCreateRequest): Promise<{ Id: string; Warning: string }>;
  remove(ref: string): Promise<void>;
  connect(ref: string, containerRef: string, settings: EndpointSettings | null): Promise<void>;
  disconnect(ref: string, containerRef: string, options: { force: boolean }): Promise<void>;
  prune(filters: Filters): Promise<{ NetworksDeleted: string[] | null }>;
}

export interface VolumeService {
  list(filters: Filters): Promise<{ Volumes: Volume[] | null; Warnings: string[] | null }>;
  inspect(name: string): Promise<Volume>;
  create(request: VolumeCreateRequest): Promise<Volume>;
  remove(name: string, options: { force: boolean }): Promise<void>;
  prune(filters: Filters): Promise<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }>;
}

/** What the containers of a pod share. */
export interface PodSandboxRequest {
  /** The pod's uid. */
  id: string;
  /** For lists and messages: "namespace/name". */
  name: string;
  hostname: string;
  /** The machine's own network, or a network of the engine's. */
  network: "host" | { name: string };
  /** Published on the machine's addresses. */
  portBindings: PortMap;
  ipc: "pod" | "host";
  /** "pod": all containers see each other's processes; "container": each has its own. */
  pid: "container" | "pod" | "host";
  shmBytes?: number;
}
export interface PodSandbox {
  id: string;
  name: string;
  request: PodSandboxRequest;
  /** Of its own network, IPv4 first; empty on the machine's. */
  addresses: readonly string[];
}

/** One TCP connection, made on the loopback interface of a pod. */
export interface LoopbackConnection {
  readonly data: AsyncIterable<Uint8Array>;
  write(chunk: Uint8Array): Promise<void>;
  /** Sends no more; what comes is still read. */
  end(): void;
  close(): void;
}

/** Sandboxes outlive their containers and the daemon; whoever opens one closes it. */
export interface PodService {
  /** All or nothing; one that exists is answered as it is. */
  open(request: PodSandboxRequest, options?: { signal?: AbortSignal }): Promise<PodSandbox>;
  /** Its containers have ended by then. Idempotent. */
  close(id: string): Promise<void>;
  find(id: string): PodSandbox | undefined;
  list(): PodSandbox[];
  /** @throws {NaruError} conflict without such a sandbox, internal when nobody listens there */
  connect(id: string, port: number): Promise<LoopbackConnection>;
}

export interface SystemService {
  /** Body of GET /info. */
  info(): Promise<Record<string, unknown>>;
  /** Body of GET /version without the API's own fields (ApiVersion, MinAPIVersion), which the API edge adds. */
  version(): Promise<Record<string, unknown>>;
  diskUsage(
    types: ReadonlySet<"container" | "image" | "volume" | "build-cache"> | undefined,
  ): Promise<Partial<DiskUsage>>;
  /** Past events since `sinceNs` from a bounded memory, then live ones until `untilNs` or abort. */
  events(
    options: { sinceNs?: bigint; untilNs?: bigint; filters: Filters },
    signal: AbortSignal,
  ): AsyncIterable<EventMessage>;
  /** Tells those who follow the events that the daemon has taken over these settings; Docker's event `daemon reload`. */
  announceReload(settings: Record<string, string>): void;
}

export interface Engine {
  containers: ContainerService;
  execs: ExecService;
  images: ImageService;
  networks: NetworkService;
  volumes: VolumeService;
  pods: PodService;
  system: SystemService;
}
