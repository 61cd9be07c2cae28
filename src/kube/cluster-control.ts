/** What the Engine API and the command line do with the cluster as a whole. */

/** How a cluster is started; absent values are as they were last, or the defaults. */
export interface ClusterSettings {
  /** HOST:PORT of the API. */
  listen?: string;
  /** "etcd://HOST:PORT[,…]"; absent: a file of its own under the data root. */
  store?: string;
  nodeName?: string;
  /** Where services' addresses come from, "10.96.0.0/16"; absent: the first such range that no cluster of this machine has. */
  serviceCidr?: string;
  /** HOST:PORT where ingresses are served. */
  ingressHttp?: string;
  ingressHttps?: string;
  /** What a container that fails again and again waits at most, "1s" to "5m". */
  maxContainerRestartPeriod?: string;
  /** An audit policy on the daemon's machine (audit.k8s.io/v1), and where what it wants told is written ("-": standard output). */
  auditPolicyFile?: string;
  auditLogPath?: string;
  /** Megabytes of a log before it is put aside, and how many such files are kept; 0: no limit. */
  auditLogMaxsize?: number;
  auditLogMaxbackup?: number;
}

/** Pretended nodes, for planning. Absent sizes: 32 cores, 128Gi, 110 pods. */
export interface SimulationSettings {
  /** How many there shall be in all. */
  nodes: number;
  cpu?: string;
  memory?: string;
  pods?: number;
  /** Any pod may come to the new ones; else only those that tolerate their taint. */
  open?: boolean;
}

export interface SimulationState {
  nodes: number;
  made: number;
  removed: number;
  cpu: string;
  memory: string;
  pods: string;
}

export interface ClusterFacts {
  state: "running" | "stopped";
  /** "https://192.0.2.7:6443" */
  server?: string;
  version?: string;
  store?: string;
  nodes?: { name: string; ready: boolean }[];
  /** How many more nodes are pretended. */
  simulatedNodes?: number;
  pods?: number;
  /** Milliseconds since 1970. */
  startedAt?: number;
}

export interface ClusterControl {
  /**
   * Starts the cluster; it then starts with each daemon. Answers when its API serves.
   * @throws {NaruError} conflict when it runs with other settings, unavailable when the address or the store cannot be had
   */
  start(settings: ClusterSettings): Promise<ClusterFacts>;
  /** Stops it; pods end (their containers have `graceSeconds` for it), objects stay. */
  stop(graceSeconds: number): Promise<void>;
  facts(): ClusterFacts;
  /** Makes and removes pretended nodes. @throws {NaruError} conflict when no cluster runs, invalid for bad settings */
  simulate(settings: SimulationSettings): Promise<SimulationState>;
  /** YAML for clients, for the administrator. @throws {NaruError} conflict when no cluster runs */
  kubeconfig(): string;
}
