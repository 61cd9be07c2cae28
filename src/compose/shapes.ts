/**
 * The keys of each part of a project in the order docker compose writes them (that of its Go structs), and how each value is
 * written. A key is `name:kind`; `?` keeps zero values, `!` keeps even what is not there (in JSON).
 */
const SHAPES = {
  service: `profiles:list annotations:map attach:bool? build:@build develop:@develop blkio_config:@blkio cap_add:list cap_drop:list
    cgroup_parent:str cgroup:str cpu_count:int cpu_percent:num cpu_period:int cpu_quota:int cpu_rt_period:int cpu_rt_runtime:int cpus:num
    cpuset:str cpu_shares:int command:shell! configs:[reference] container_name:str credential_spec:@credential depends_on:{dependency}
    deploy:@deploy device_cgroup_rules:list devices:[device] dns:list dns_opt:list dns_search:list dockerfile:str domainname:str
    entrypoint:shell! provider:@provider environment:env env_file:envFiles expose:list external_links:list extra_hosts:hosts group_add:list gpus:[request] hostname:str
    healthcheck:@health image:str init:bool? ipc:str isolation:str labels:labels label_file:list links:list logging:@logging mem_limit:bytes
    mem_reservation:bytes memswap_limit:bytes mem_swappiness:bytes mac_address:str models:{serviceModel} network_mode:str
    networks:{serviceNetwork} oom_kill_disable:bool oom_score_adj:int pid:str pids_limit:int platform:str ports:[port] privileged:bool
    pull_policy:str read_only:bool restart:str runtime:str scale:int? secrets:[reference] security_opt:list shm_size:bytes stdin_open:bool
    stop_grace_period:dur? stop_signal:str storage_opt:map sysctls:map tmpfs:list tty:bool ulimits:{ulimit} use_api_socket:bool user:str
    userns_mode:str uts:str volumes:[mount] volumes_from:list working_dir:str post_start:[hook] pre_stop:[hook]`,
  build: `context:str dockerfile:str dockerfile_inline:str entitlements:list args:env provenance:str sbom:str ssh:ssh labels:labels
    cache_from:list cache_to:list no_cache:bool additional_contexts:map pull:bool extra_hosts:hosts isolation:str network:str target:str
    secrets:[reference] shm_size:bytes tags:list ulimits:{ulimit} platforms:list privileged:bool`,
  develop: "watch:[watch]",
  watch: "path:str action:str target:str exec:@hook! include:list ignore:list initial_sync:bool",
  hook: "command:shell! user:str privileged:bool working_dir:str environment:env",
  blkio:
    "weight:int weight_device:[weight] device_read_bps:[rate] device_read_iops:[rate] device_write_bps:[rate] device_write_iops:[rate]",
  weight: "path:str? weight:int?",
  rate: "path:str? rate:bytes?",
  reference: "source:str target:str uid:str gid:str mode:mode",
  credential: "config:str file:str registry:str",
  dependency: "condition:str restart:bool required:bool?",
  deploy: `mode:str replicas:int? labels:labels update_config:@rollout rollback_config:@rollout resources:@resources!
    restart_policy:@restart placement:@placement! endpoint_mode:str`,
  rollout: "parallelism:int? delay:dur failure_action:str monitor:dur max_failure_ratio:num order:str",
  resources: "limits:@resource reservations:@resource",
  resource: "cpus:num memory:bytes pids:int devices:[request] generic_resources:[generic]",
  generic: "discrete_resource_spec:@discrete",
  discrete: "kind:str? value:int?",
  restart: "condition:str delay:dur? max_attempts:int? window:dur?",
  placement: "constraints:list preferences:[spread] max_replicas_per_node:int",
  spread: "spread:str",
  request: "capabilities:list driver:str count:count device_ids:list options:map",
  device: "source:str target:str permissions:str",
  provider: "type:str options:multi",
  envFile: "path:str required:bool? format:str",
  health: "test:test timeout:dur? interval:dur? retries:int? start_period:dur? start_interval:dur? disable:bool",
  logging: "driver:str options:map",
  serviceModel: "endpoint_var:str model_var:str",
  serviceNetwork: `aliases:list driver_opts:map gw_priority:int interface_name:str ipv4_address:str ipv6_address:str
    link_local_ips:list mac_address:str priority:int`,
  port: "name:str mode:str host_ip:str target:int published:str protocol:str app_protocol:str",
  ulimit: "soft:int? hard:int?",
  mount:
    "type:str source:str target:str read_only:bool consistency:str bind:@bind volume:@inVolume tmpfs:@tmpfs image:@inImage",
  bind: "selinux:str propagation:str create_host_path:bool recursive:str",
  inVolume: "labels:map nocopy:bool subpath:str",
  tmpfs: "size:bytes mode:int",
  inImage: "subpath:str",
  network: `name:str driver:str driver_opts:map ipam:@ipam! external:bool internal:bool attachable:bool labels:labels enable_ipv4:bool?
    enable_ipv6:bool?`,
  ipam: "driver:str config:[pool]",
  pool: "subnet:str gateway:str ip_range:str aux_addresses:map",
  volume: "name:str driver:str driver_opts:map external:bool labels:labels",
  file: "name:str file:str environment:str content:str external:bool labels:labels driver:str driver_opts:map template_driver:str",
  model: "name:str model:str context_size:int runtime_flags:list",
} as const;

export type ShapeName = keyof typeof SHAPES;
export interface Field {
  name: string;
  kind: string;
  keepsZero: boolean;
  keepsMissing: boolean;
}
const known = new Map<ShapeName, readonly Field[]>();

/** The keys of a shape, in order. */
export function fieldsOf(shape: ShapeName): readonly Field[] {
  let fields = known.get(shape);
  if (!fields) {
    fields = SHAPES[shape].split(/\s+/).map((word) => {
      const [name = "", kind = ""] = word.split(":");
      return { name, kind: kind.replace(/[?!]$/, ""), keepsZero: kind.endsWith("?"), keepsMissing: kind.endsWith("!") };
    });
    known.set(shape, fields);
  }
  return fields;
}
