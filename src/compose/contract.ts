/**
 * What Compose needs of an engine, and what a plan for a project is made of. A plan is pure data: it is made from a project and
 * from what was observed of it (plan/), shown by `up --dry-run`, and carried out over any ComposeEngine (run/): the
 * command line's speaks HTTP, the daemon's calls the engine in its own process.
 */
import type {
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerStatus,
  ContainerSummary,
  HealthStatus,
  MountPoint,
} from "../model/container.ts";
import type { ImageInspect } from "../model/image.ts";
import type { EndpointSettings, Network, NetworkCreateRequest } from "../model/network.ts";
import type { EventMessage } from "../model/system.ts";
import type { Volume, VolumeCreateRequest } from "../model/volume.ts";

/** Filters of the Docker API: `{ label: ["a=b"] }`. */
export type EngineFilters = Record<string, readonly string[]>;

/** A piece of a container's output. */
export interface OutputChunk {
  stream: 1 | 2;
  bytes: Uint8Array;
}
export interface LogOptions {
  /** The container has a terminal: its output is not framed. */
  tty: boolean;
  follow?: boolean;
  /** Number of last lines, or `all`. */
  tail?: string;
  since?: string;
  until?: string;
  timestamps?: boolean;
  signal?: AbortSignal;
}
/** A command that a lifecycle hook runs in a container. */
export interface HookExec {
  command: string[];
  user?: string;
  privileged?: boolean;
  workingDir?: string;
  environment?: string[];
}

/**
 * An engine in plain Docker API shapes. Every call throws NaruError: "not-found" for what is not there, "conflict" for what is in
 * use or has the name already, else with the engine's own words. Containers, networks and volumes are named by id or name.
 */
export interface ComposeEngine {
  listContainers(
    filters: EngineFilters,
    options?: { all?: boolean; signal?: AbortSignal },
  ): Promise<ContainerSummary[]>;
  inspectContainer(container: string, signal?: AbortSignal): Promise<ContainerInspect>;
  createContainer(name: string, request: ContainerCreateRequest, platform?: string): Promise<ContainerCreateResponse>;
  startContainer(container: string, signal?: AbortSignal): Promise<void>;
  /** `timeout` in seconds, -1 waits for ever; undefined is the container's own. */
  stopContainer(container: string, options?: { timeout?: number; signal?: AbortSignal }): Promise<void>;
  restartContainer(container: string, options?: { timeout?: number; signal?: AbortSignal }): Promise<void>;
  killContainer(container: string, signal: string): Promise<void>;
  pauseContainer(container: string): Promise<void>;
  unpauseContainer(container: string): Promise<void>;
  removeContainer(container: string, options: { force?: boolean; volumes?: boolean }): Promise<void>;
  renameContainer(container: string, name: string): Promise<void>;
  /** The exit code, once the container has ended (or `next-exit`, `removed`). */
  waitContainer(container: string, condition: string, signal?: AbortSignal): Promise<number>;
  /** Unpacks a tar archive into a directory of the container. */
  putArchive(container: string, directory: string, archive: Uint8Array): Promise<void>;
  /** Runs a command in a running container to its end; what it writes goes to `onOutput`. Resolves to its exit code. */
  exec(
    container: string,
    hook: HookExec,
    onOutput: (chunk: OutputChunk) => void,
    signal?: AbortSignal,
  ): Promise<number>;
  logs(container: string, options: LogOptions): AsyncIterable<OutputChunk>;
  /** Output from now on; the promise resolves once no byte can be missed, so attach before the start. */
  attach(
    container: string,
    options: { tty: boolean; logs?: boolean; signal?: AbortSignal },
  ): Promise<AsyncIterable<OutputChunk>>;
  listNetworks(filters: EngineFilters, signal?: AbortSignal): Promise<Network[]>;
  inspectNetwork(network: string): Promise<Network>;
  createNetwork(request: NetworkCreateRequest): Promise<{ Id: string }>;
  removeNetwork(network: string): Promise<void>;
  connectNetwork(network: string, container: string, settings?: EndpointSettings): Promise<void>;
  disconnectNetwork(network: string, container: string, options?: { force?: boolean }): Promise<void>;
  listVolumes(filters: EngineFilters, signal?: AbortSignal): Promise<Volume[]>;
  inspectVolume(volume: string): Promise<Volume>;
  createVolume(request: VolumeCreateRequest): Promise<Volume>;
  removeVolume(volume: string, options?: { force?: boolean }): Promise<void>;
  inspectImage(reference: string, signal?: AbortSignal): Promise<ImageInspect>;
  removeImage(reference: string, options?: { force?: boolean }): Promise<void>;
  /** Pulls one image; `onProgress` hears the lines of the pull as Docker sends them. */
  pullImage(
    reference: string,
    options: { platform?: string; signal?: AbortSignal; onProgress?: (line: PullLine) => void },
  ): Promise<void>;
  /** What happens from `since` (seconds, fractions allowed) on, until the signal. */
  events(
    filters: EngineFilters,
    options: { since?: string; until?: string; signal: AbortSignal },
  ): AsyncIterable<EventMessage>;
}
/** A line of a pull: `id` is a layer's, sizes are bytes. */
export interface PullLine {
  id?: string;
  status?: string;
  progressDetail?: { current?: number; total?: number };
}

/** A container of a project, as its labels and its state tell. */
export interface ObservedContainer {
  id: string;
  /** Without a slash. */
  name: string;
  service: string;
  number: number;
  /** Made by `run`. */
  isOneOff: boolean;
  state: ContainerStatus;
  health: HealthStatus;
  /** Undefined unless it has ended. */
  exitCode?: number;
  image: string;
  imageId: string;
  /** Unix seconds. */
  created: number;
  labels: Readonly<Record<string, string>>;
  networks: Readonly<Record<string, EndpointSettings>>;
  mounts: readonly MountPoint[];
}
/** All that is there of one project when it was looked at. */
export interface ObservedProject {
  name: string;
  /** One-off containers too. */
  containers: ObservedContainer[];
  /** By full name: those of the project, and external ones that it names. */
  networks: ReadonlyMap<string, Network>;
  volumes: ReadonlyMap<string, Volume>;
  /** By reference as the project writes it; undefined where the image is not here. */
  images: ReadonlyMap<string, ImageInspect | undefined>;
}

/** What a dependency, or `--wait`, waits for. */
export type WaitCondition =
  | "service_started"
  | "service_healthy"
  | "service_completed_successfully"
  | "running_or_healthy";

/** What a service's update does when containers fail (`deploy.update_config`). */
export interface UpdateFailure {
  /** How many of the service's containers may fail before the update has failed: all of them with `failure_action: continue`. */
  tolerated: number;
  /** The old containers stay until the end, and come back when the update has failed. */
  rollsBack: boolean;
}

/** One thing to be done. `service` is a key of the project; `container` is the name a container has or will have. */
export type StepAction =
  | { kind: "create-network"; key: string; network: string }
  /** Containers on it are taken off it first. */
  | { kind: "recreate-network"; key: string; network: string; id: string }
  | { kind: "remove-network"; network: string; id: string }
  | { kind: "create-volume"; key: string; volume: string }
  | { kind: "recreate-volume"; key: string; volume: string; usedBy: readonly ObservedContainer[] }
  | { kind: "remove-volume"; volume: string }
  | { kind: "remove-image"; image: string }
  | { kind: "create-container"; service: string; number: number; container: string }
  | {
      kind: "recreate-container";
      service: string;
      number: number;
      container: string;
      replaces: ObservedContainer;
      /** `start-first` starts the new one, waits until it is ready, and only then ends the old one. */
      order: "stop-first" | "start-first";
      failure: UpdateFailure;
    }
  /** Removes the old container that a replacement kept for the case that the update fails. */
  | { kind: "finish-update"; service: string; container: string; id: string }
  /** `id` of a container that is there already; `tolerated` where it is part of an update (UpdateFailure). */
  | { kind: "start-container"; service: string; container: string; id?: string; tolerated?: number }
  | { kind: "stop-container"; service: string; container: string; id: string }
  | { kind: "remove-container"; service: string; container: string; id: string; isRunning: boolean }
  | { kind: "keep-container"; service: string; container: string; id: string; state: ContainerStatus }
  /** `containers`: only these, by name; all of the service without. `dependent` names the service that waits. */
  | {
      kind: "wait";
      service: string;
      condition: WaitCondition;
      isRequired: boolean;
      dependent?: string;
      containers?: readonly string[];
      tolerated?: number;
    }
  | { kind: "delay"; service: string; seconds: number };

/** A step of a plan. */
export interface Step {
  /** Unique in its plan. */
  id: string;
  action: StepAction;
  /** The steps that must be done before. */
  needs: readonly string[];
  /** Why, for people: "configuration changed", "not there yet", "not in the Compose file any more". */
  reason: string;
}
/** What brings a project from what was observed to what is wished. Steps stand in an order in which they could be done one by one. */
export interface Plan {
  project: string;
  steps: Step[];
  /** Said before anything is done, such as orphans that stay. */
  warnings: string[];
}

/** What a runner tells while it works, as docker compose words it: `Container p-web-1`, `Started`. */
export interface ProgressEvent {
  /** `Container p-web-1`, `Network p_default`, `Volume p_data`, `Image busybox`; with `parent` a layer. */
  id: string;
  parent?: string;
  state: "working" | "done" | "warning" | "error";
  /** `Creating`, `Created`, … */
  text: string;
  /** Bytes of a download. */
  current?: number;
  total?: number;
}
export type OnProgress = (event: ProgressEvent) => void;
