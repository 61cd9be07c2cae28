/**
 * Contract of the container runtime: one OCI runtime call per start, one monitor process per container.
 * A *container process* is the init process of a container or a process exec'd into one; its monitor owns its stdio,
 * terminal, log file and exit status, and outlives the daemon.
 */
import type { ContainerConfig, HostConfig, Resources } from "../model/container.ts";

export interface ExitStatus {
  /** As a shell reports it: 0-255, 128+N for signal N. */
  exitCode: number;
  /** RFC 3339 with nanoseconds, UTC. */
  finishedAt: string;
  oomKilled: boolean;
}

export interface OutputChunk {
  stream: "stdout" | "stderr";
  data: Uint8Array;
}

/** A process under a monitor. */
export interface ContainerProcess {
  /** In the daemon's pid namespace. */
  readonly pid: number;
  /** Resolves exactly once; never rejects (a lost monitor reads as exit code 137). */
  readonly exited: Promise<ExitStatus>;
  /**
   * Output from now on. `onChunk` may return a promise: the monitor pauses the process' output while it is pending.
   * `onEnd` is called after the last chunk when the process has ended.
   */
  subscribe(onChunk: (chunk: OutputChunk) => void | Promise<void>, onEnd: () => void): Subscription;
  /** Resolves when the monitor has taken the bytes. Ignored after closeStdin(). */
  writeStdin(chunk: Uint8Array): Promise<void>;
  closeStdin(): void;
  resize(rows: number, columns: number): Promise<void>;
  /** Resolves when all output that the process wrote before this call is in the log file. */
  flushLog(): Promise<void>;
}
export interface Subscription {
  cancel(): void;
}

/** Directories of an overlay mount; `lowerDirs` come newest layer first. */
export interface OverlayRoot {
  lowerDirs: string[];
  upperDir: string;
  workDir: string;
}

/** A mount whose source has been resolved to a path on the host. */
export interface ResolvedMount {
  type: "bind" | "tmpfs" | "overlay";
  /** Host path for bind; the name in the mount table for tmpfs. */
  source: string;
  destination: string;
  readOnly: boolean;
  /** "rprivate", "rslave", "rshared", … ; empty means rprivate. */
  propagation: string;
  /** Extra mount options in mount(8)'s words ("size=64m", "noexec", "nosuid"). */
  options: string[];
  /** bind: follow submounts (default) or not. */
  recursive: boolean;
}

export interface LogTarget {
  /** Absolute path of the log in the format of json-file, or undefined for driver "none". */
  path: string | undefined;
  /** 0 or less: never rotated. */
  maxSizeBytes: number;
  maxFiles: number;
  /** Rotated files are gzipped. */
  compress?: boolean;
  /** Written as `attrs` beside each line. */
  attributes?: Readonly<Record<string, string>>;
  /** Mode non-blocking: how much may wait for the disk; what does not fit is lost. */
  bufferBytes?: number;
}

export interface StartRequest {
  id: string;
  /** Directory for the bundle, sockets and exit file, under the exec root; created by the runtime. */
  runDir: string;
  /** Already merged with the image's configuration: Entrypoint, Cmd, Env (with PATH, HOSTNAME, TERM, HOME), User, … */
  config: ContainerConfig;
  hostConfig: HostConfig;
  root: OverlayRoot;
  /** In mount order (shorter destinations first); includes /etc/hostname, /etc/hosts, /etc/resolv.conf, /dev/shm. */
  mounts: ResolvedMount[];
  hostname: string;
  domainname: string;
  /** Path of the network namespace; undefined: the host's. */
  networkNamespace: string | undefined;
  /** Kept open by the monitor while no daemon runs (the sockets of the container's name server). */
  heldDescriptors?: readonly number[];
  /** Host pids whose namespaces are joined for pid/ipc/uts modes "container:X". */
  joinPid?: { pid?: number; ipc?: number; uts?: number };
  /** Paths of namespaces of a pod's that are joined; they go before joinPid. */
  joinPath?: { pid?: string; ipc?: string; uts?: string };
  log: LogTarget;
  /** Cgroup path relative to each hierarchy's mount, e.g. "/naru-1a2b/<id>". */
  cgroupPath: string;
  /** When given, receives all output from the first byte (attach before start). */
  onOutput?: { onChunk: (chunk: OutputChunk) => void | Promise<void>; onEnd: () => void };
}

export interface ExecRequest {
  containerId: string;
  execId: string;
  runDir: string;
  containerPid: number;
  command: string[];
  env: string[];
  workingDir: string;
  /** As given: "", "uid", "uid:gid", "name", "name:group". */
  user: string;
  tty: boolean;
  openStdin: boolean;
  privileged: boolean;
  /** Rows, columns. */
  consoleSize?: [number, number];
  /** The container's own configuration: its capabilities, groups, rlimits, no-new-privileges apply. */
  config: ContainerConfig;
  hostConfig: HostConfig;
  onOutput?: { onChunk: (chunk: OutputChunk) => void | Promise<void>; onEnd: () => void };
}

export interface RuntimeInfo {
  name: string;
  path: string;
  version: string;
  cgroupVersion: "1" | "2";
  cgroupDriver: "cgroupfs" | "systemd";
  /** Whether the kernel can weigh block devices (`--blkio-weight`). */
  hasBlockWeights: boolean;
  /** Whether a read-only bind mount can make the mounts inside it read-only too (Linux 5.12 and a runtime that knows it). */
  hasRecursiveReadOnly: boolean;
  warnings: string[];
}

export interface ContainerRuntime {
  readonly info: RuntimeInfo;
  /**
   * Makes the container and runs its process.
   * @throws {NaruError} invalid, in Docker's words ("failed to create task for container: … exec: \"x\": executable file
   *   not found in $PATH: unknown", "… permission denied: unknown"), from which clients derive exit codes 127 and 126.
   */
  start(request: StartRequest, options?: { signal?: AbortSignal }): Promise<ContainerProcess>;
  /**
   * A hint: a start or exec will probably follow within milliseconds. Lets the kernel prepare for it meanwhile, which
   * saves 6 to 15 ms; costs next to nothing, may be called often and for nothing. Returns at once.
   */
  expectStart(): void;
  /** After a daemon restart: the live process, its recorded exit, or undefined when nothing is known (a reboot). */
  reconnect(id: string, runDir: string): Promise<ContainerProcess | ExitStatus | undefined>;
  /**
   * After a daemon restart: kills and removes what is left of every container of this daemon that is not among those,
   * such as one whose record never became durable.
   */
  sweep(aliveContainerIds: ReadonlySet<string>): Promise<void>;
  /**
   * After a daemon restart: copies of the `heldDescriptors` of a living container's start, in that order, which the caller
   * closes; empty when there were none.
   */
  findHeldDescriptors(runDir: string): Promise<number[]>;
  exec(request: ExecRequest): Promise<ContainerProcess>;
  /**
   * Ids of "user[:group]" by the account files of a root that need not be mounted.
   * @throws {NaruError} internal, in Docker's words, for an unknown name
   */
  findUser(root: OverlayRoot, user: string): Promise<{ uid: number; gid: number }>;
  /** @throws {NaruError} invalid, in Docker's words, when the container does not know that user or group. */
  checkExecUser(request: Pick<ExecRequest, "containerId" | "containerPid" | "user">): Promise<void>;
  /** Sends a signal (number) to the init process; `all` to every process in the container. */
  kill(id: string, runDir: string, signal: number, options?: { all?: boolean }): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** Applies limits to a running container. */
  update(id: string, resources: Resources): Promise<void>;
  /** Removes what the runtime keeps of an ended container: cgroup, runtime state, run directory. Idempotent. */
  delete(id: string, runDir: string): Promise<void>;
  /** Host pids of all processes in the container. */
  listPids(id: string): Promise<number[]>;
  /** Raw figures for `stats`. */
  readStats(id: string): Promise<CgroupStats>;
}

export interface SharedNamespaceRequest {
  /** Paths at which each namespace is mounted; their directory exists. */
  ipc?: string;
  uts?: { path: string; hostname: string };
  pid?: string;
}

/** Namespaces that several containers share and that outlive each of them. */
export interface SharedNamespaces {
  /**
   * All or none. A PID namespace lives as long as its process 1, which belongs to no container: `initPid`, to be killed by the caller.
   * @throws {NaruError} internal
   */
  createShared(request: SharedNamespaceRequest): Promise<{ initPid: number | undefined }>;
  /** Takes a namespace's bind mount away. Idempotent. */
  delete(path: string): Promise<void>;
  /**
   * A non-blocking TCP connection to a port of a network namespace's loopback; the caller closes the descriptor.
   * @throws {NaruError} internal with {SysError} ECONNREFUSED as its cause when nobody listens there; not-found without such a namespace.
   */
  connectInside(networkNamespace: string, port: number): Promise<number>;
}

/** What cgroup v1 or v2 says about one container. Nanoseconds and bytes. */
export interface CgroupStats {
  cpu: {
    totalNs: number;
    userNs: number;
    kernelNs: number;
    perCpuNs?: number[];
    periods: number;
    throttledPeriods: number;
    throttledNs: number;
  };
  memory: { usage: number; maxUsage?: number; limit: number; failcnt?: number; stats: Record<string, number | bigint> };
  pids: { current: number; limit?: number };
  blkio: { name: string; entries: { major: number; minor: number; op: string; value: number }[] }[];
}
