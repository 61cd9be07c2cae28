import { isTree, type Tree } from "./document.ts";
import { encodeShape } from "./encode.ts";
import { withPlace } from "./error-place.ts";
import type { ComposeProject } from "./load-project.ts";
import type { ShapeName } from "./shapes.ts";
import type { Printable } from "./yaml-text.ts";

/** Texts by name; null where a variable has no value. */
type Texts = Record<string, string>;
export interface FileReference {
  source: string;
  target?: string;
  uid?: string;
  gid?: string;
  /** Octal digits. */
  mode?: string;
}
interface DependencyModel {
  condition: "service_started" | "service_healthy" | "service_completed_successfully";
  restart?: boolean;
  required: boolean;
}
export interface PortModel {
  mode?: string;
  host_ip?: string;
  target: number;
  /** A port, or a range to choose from. */
  published?: string;
  protocol?: string;
}
export interface MountModel {
  type: string;
  source?: string;
  target?: string;
  read_only?: boolean;
  consistency?: string;
  bind?: { selinux?: string; propagation?: string; create_host_path?: boolean; recursive?: string };
  volume?: { labels?: Texts; nocopy?: boolean; subpath?: string };
  /** `size` in bytes, as text. */
  tmpfs?: { size?: string; mode?: number };
  image?: { subpath?: string };
}
export interface HookModel {
  command: string[] | null;
  user?: string;
  privileged?: boolean;
  working_dir?: string;
  environment?: Record<string, string | null>;
}
/** Durations are texts as Go writes them (`1m30s`). */
export interface HealthModel {
  test?: string[];
  timeout?: string;
  interval?: string;
  retries?: number;
  start_period?: string;
  start_interval?: string;
  disable?: boolean;
}
export interface RolloutModel {
  parallelism?: number;
  delay?: string;
  failure_action?: string;
  monitor?: string;
  max_failure_ratio?: number;
  order?: string;
}
export interface DeviceRequestModel {
  capabilities?: string[];
  driver?: string;
  /** -1 is all. */
  count?: number;
  device_ids?: string[];
  options?: Texts;
}
interface ResourceModel {
  cpus?: number;
  memory?: string;
  pids?: number;
  devices?: DeviceRequestModel[];
  generic_resources?: unknown[];
}
interface DeployModel {
  mode?: string;
  replicas?: number;
  labels?: Texts;
  update_config?: RolloutModel;
  rollback_config?: RolloutModel;
  resources?: { limits?: ResourceModel; reservations?: ResourceModel };
  restart_policy?: { condition?: string; delay?: string; max_attempts?: number; window?: string };
  endpoint_mode?: string;
}
interface ServiceNetworkModel {
  aliases?: string[];
  driver_opts?: Texts;
  gw_priority?: number;
  interface_name?: string;
  ipv4_address?: string;
  ipv6_address?: string;
  link_local_ips?: string[];
  mac_address?: string;
  priority?: number;
}
interface BlkioModel {
  weight?: number;
  weight_device?: { Path: string; Weight: number }[];
  device_read_bps?: { Path: string; Rate: string }[];
  device_read_iops?: { Path: string; Rate: string }[];
  device_write_bps?: { Path: string; Rate: string }[];
  device_write_iops?: { Path: string; Rate: string }[];
}

/** A service in its long forms with typed values: what `config --format json` prints of it. Sizes are texts of bytes. */
export interface ServiceModel {
  annotations?: Texts;
  attach?: boolean;
  build?: Record<string, unknown>;
  develop?: { watch?: unknown[] };
  blkio_config?: BlkioModel;
  cap_add?: string[];
  cap_drop?: string[];
  cgroup_parent?: string;
  cgroup?: string;
  cpu_count?: number;
  cpu_percent?: number;
  cpu_period?: number;
  cpu_quota?: number;
  cpu_rt_period?: number;
  cpu_rt_runtime?: number;
  cpus?: number;
  cpuset?: string;
  cpu_shares?: number;
  command: string[] | null;
  configs?: FileReference[];
  container_name?: string;
  credential_spec?: Record<string, string>;
  depends_on?: Record<string, DependencyModel>;
  deploy?: DeployModel;
  device_cgroup_rules?: string[];
  devices?: { source: string; target?: string; permissions?: string }[];
  dns?: string[];
  dns_opt?: string[];
  dns_search?: string[];
  domainname?: string;
  entrypoint: string[] | null;
  provider?: { type: string; options?: Record<string, string[]> };
  environment?: Record<string, string | null>;
  expose?: string[];
  external_links?: string[];
  extra_hosts?: string[];
  group_add?: string[];
  gpus?: DeviceRequestModel[];
  hostname?: string;
  healthcheck?: HealthModel;
  image?: string;
  init?: boolean;
  ipc?: string;
  isolation?: string;
  labels?: Texts;
  links?: string[];
  logging?: { driver?: string; options?: Texts };
  mem_limit?: string;
  mem_reservation?: string;
  memswap_limit?: string;
  mem_swappiness?: string;
  mac_address?: string;
  models?: Record<string, { endpoint_var?: string; model_var?: string } | null>;
  network_mode?: string;
  networks?: Record<string, ServiceNetworkModel | null>;
  oom_kill_disable?: boolean;
  oom_score_adj?: number;
  pid?: string;
  pids_limit?: number;
  platform?: string;
  ports?: PortModel[];
  privileged?: boolean;
  profiles?: string[];
  pull_policy?: string;
  read_only?: boolean;
  restart?: string;
  runtime?: string;
  scale?: number;
  secrets?: FileReference[];
  security_opt?: string[];
  shm_size?: string;
  stdin_open?: boolean;
  stop_grace_period?: string;
  stop_signal?: string;
  storage_opt?: Texts;
  sysctls?: Texts;
  tmpfs?: string[];
  tty?: boolean;
  ulimits?: Record<string, number | { soft: number; hard: number }>;
  use_api_socket?: boolean;
  user?: string;
  userns_mode?: string;
  uts?: string;
  volumes?: MountModel[];
  volumes_from?: string[];
  working_dir?: string;
  post_start?: HookModel[];
  pre_stop?: HookModel[];
}
export interface NetworkModel {
  name: string;
  driver?: string;
  driver_opts?: Texts;
  ipam?: {
    driver?: string;
    config?: { subnet?: string; gateway?: string; ip_range?: string; aux_addresses?: Texts }[];
  };
  external?: boolean;
  internal?: boolean;
  attachable?: boolean;
  labels?: Texts;
  enable_ipv4?: boolean;
  enable_ipv6?: boolean;
}
export interface VolumeModel {
  name: string;
  driver?: string;
  driver_opts?: Texts;
  external?: boolean;
  labels?: Texts;
}
/** A config or a secret: one of file, environment, content, external. */
export interface FileModel {
  name?: string;
  file?: string;
  environment?: string;
  content?: string;
  external?: boolean;
  driver?: string;
  template_driver?: string;
}
/** A project with typed values, as what runs it wants it. */
export interface ProjectModel {
  name: string;
  folder: string;
  /** The Compose files, absolute; `-` is standard input. */
  files: readonly string[];
  envFiles: readonly string[];
  services: Record<string, ServiceModel>;
  networks: Record<string, NetworkModel>;
  volumes: Record<string, VolumeModel>;
  secrets: Record<string, FileModel>;
  configs: Record<string, FileModel>;
  /** Services left out, by profiles or because others were named; their containers are no orphans. */
  disabled: readonly string[];
  /** The services as trees, which their hashes are made of. */
  trees: Readonly<Record<string, Tree>>;
  variables: ReadonlyMap<string, string>;
}

/** The typed form of a loaded project. Throws "invalid" naming the path and the place of a value that has no sense. */
export function projectModel(project: ComposeProject): ProjectModel {
  return withPlace(project.places, () => typedProject(project));
}

function typedProject(project: ComposeProject): ProjectModel {
  const { tree, name, folder, variables } = project;
  const section = <T>(key: string, shape: ShapeName): Record<string, T> => {
    const out: Record<string, T> = {};
    const resources = isTree(tree[key]) ? tree[key] : {};
    for (const each of Object.keys(resources).sort())
      out[each] = objectOf(encodeShape(asTree(resources[each]), shape, `${key}.${each}`, "json")) as T;
    return out;
  };
  return {
    name,
    folder,
    files: project.files,
    envFiles: project.envFiles,
    services: section("services", "service"),
    networks: section("networks", "network"),
    volumes: section("volumes", "volume"),
    secrets: section("secrets", "file"),
    configs: section("configs", "file"),
    disabled: [...Object.keys(project.disabled), ...project.unchosen],
    trees: (isTree(tree.services) ? tree.services : {}) as Record<string, Tree>,
    variables,
  };
}

const asTree = (value: unknown): Tree => (isTree(value) ? value : {});

function objectOf(value: Printable): unknown {
  if (Array.isArray(value)) return value.map(objectOf);
  if (!(value instanceof Map)) return value;
  const out: Record<string, unknown> = {};
  for (const [key, item] of value) out[key] = objectOf(item);
  return out;
}
