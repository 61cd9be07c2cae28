/** The Compose specification's structure, restated: which keys may stand where, of which types. */
import {
  amount,
  flag,
  keyed,
  list,
  mapping,
  named,
  numberOrTextMap,
  or,
  type Rule,
  text,
  textOrList,
  texts,
  value,
  whole,
  words,
} from "./schema-rule.ts";

const NAMES = /^[a-zA-Z0-9._-]+$/;
const closed = { noExtensions: true } as const;
const command = value("null|string|array", { items: text });
const extraHosts = value("object|array", { anyKey: value("string|array", { items: text }), items: text });
const external = value("boolean|string|object", { keys: { name: text } });

const ulimits = named(or("integer|string", keyed({ hard: whole, soft: whole }, { required: ["soft", "hard"] })), {
  keyPattern: /^[a-z]+$/,
  isOpen: true,
});
const fileReferences = list(or("string", keyed({ source: text, target: text, uid: text, gid: text, mode: amount })));
const hook = keyed(
  { command, user: text, privileged: flag, working_dir: text, environment: mapping },
  { required: ["command"] },
);
const deviceRequest = { capabilities: texts, count: whole, device_ids: texts, driver: text, options: mapping };

const build = or(
  "string",
  keyed({
    context: text,
    dockerfile: text,
    dockerfile_inline: text,
    entitlements: texts,
    args: mapping,
    ssh: mapping,
    labels: mapping,
    cache_from: texts,
    cache_to: texts,
    no_cache: flag,
    additional_contexts: mapping,
    network: text,
    provenance: flag,
    sbom: flag,
    pull: flag,
    target: text,
    shm_size: whole,
    extra_hosts: extraHosts,
    isolation: text,
    privileged: flag,
    secrets: fileReferences,
    tags: texts,
    ulimits,
    platforms: texts,
  }),
);

const blkioLimits = list(keyed({ path: text, rate: whole }, closed));
const blkio = keyed(
  {
    device_read_bps: blkioLimits,
    device_read_iops: blkioLimits,
    device_write_bps: blkioLimits,
    device_write_iops: blkioLimits,
    weight: whole,
    weight_device: list(keyed({ path: text, weight: whole }, closed)),
  },
  closed,
);

const healthcheck = keyed({
  disable: flag,
  interval: text,
  retries: amount,
  test: textOrList,
  timeout: text,
  start_period: text,
  start_interval: text,
});

const develop = or(
  "null",
  keyed({
    watch: list(
      keyed(
        {
          ignore: textOrList,
          include: textOrList,
          path: text,
          target: text,
          exec: hook,
          initial_sync: value("boolean"),
          action: words("rebuild", "sync", "restart", "sync+restart", "sync+exec"),
        },
        { required: ["path", "action"] },
      ),
    ),
  }),
);

const rollout = keyed({
  parallelism: whole,
  delay: text,
  failure_action: text,
  monitor: text,
  max_failure_ratio: amount,
  order: words("start-first", "stop-first"),
});

const deploy = or(
  "null",
  keyed({
    mode: text,
    endpoint_mode: text,
    replicas: whole,
    labels: mapping,
    rollback_config: rollout,
    update_config: rollout,
    resources: keyed({
      limits: keyed({ cpus: amount, memory: text, pids: whole }),
      reservations: keyed({
        cpus: amount,
        memory: text,
        generic_resources: list(keyed({ discrete_resource_spec: keyed({ kind: text, value: amount }) })),
        devices: list(keyed(deviceRequest, { required: ["capabilities"] })),
      }),
    }),
    restart_policy: keyed({ condition: text, delay: text, max_attempts: whole, window: text }),
    placement: keyed({ constraints: texts, preferences: list(keyed({ spread: text })), max_replicas_per_node: whole }),
  }),
);

const mount = or(
  "string",
  keyed(
    {
      type: words("bind", "volume", "tmpfs", "cluster", "npipe", "image"),
      source: text,
      target: text,
      read_only: flag,
      consistency: text,
      bind: keyed({
        propagation: text,
        create_host_path: flag,
        recursive: words("enabled", "disabled", "writable", "readonly"),
        selinux: words("z", "Z"),
      }),
      volume: keyed({ labels: mapping, nocopy: flag, subpath: text }),
      tmpfs: keyed({ size: value("integer|string", { least: 0 }), mode: amount }),
      image: keyed({ subpath: text }),
    },
    { required: ["type"] },
  ),
);

const port = or(
  "number|string",
  keyed({
    name: text,
    mode: text,
    host_ip: text,
    target: whole,
    published: whole,
    protocol: text,
    app_protocol: text,
  }),
);

const dependsOn = value("array|object", {
  items: text,
  keyPattern: NAMES,
  noExtensions: true,
  anyKey: keyed(
    {
      restart: flag,
      required: value("boolean"),
      condition: words("service_started", "service_healthy", "service_completed_successfully"),
    },
    { required: ["condition"] },
  ),
});

const serviceNetworks = value("array|object", {
  items: text,
  keyPattern: NAMES,
  noExtensions: true,
  anyKey: or(
    "null",
    keyed({
      aliases: texts,
      interface_name: text,
      ipv4_address: text,
      ipv6_address: text,
      link_local_ips: texts,
      mac_address: text,
      driver_opts: numberOrTextMap,
      priority: value("number"),
      gw_priority: value("number"),
    }),
  ),
});

const service = keyed({
  develop,
  deploy,
  annotations: mapping,
  attach: flag,
  build,
  blkio_config: blkio,
  cap_add: texts,
  cap_drop: texts,
  cgroup: words("host", "private"),
  cgroup_parent: text,
  command,
  configs: fileReferences,
  container_name: value("string", { pattern: /[a-zA-Z0-9][a-zA-Z0-9_.-]+/ }),
  cpu_count: value("string|integer", { least: 0 }),
  cpu_percent: value("string|integer", { least: 0, most: 100 }),
  cpu_shares: amount,
  cpu_quota: amount,
  cpu_period: amount,
  cpu_rt_period: amount,
  cpu_rt_runtime: amount,
  cpus: amount,
  cpuset: text,
  credential_spec: keyed({ config: text, file: text, registry: text }),
  depends_on: dependsOn,
  device_cgroup_rules: texts,
  devices: list(or("string", keyed({ source: text, target: text, permissions: text }, { required: ["source"] }))),
  dns: textOrList,
  dns_opt: texts,
  dns_search: textOrList,
  domainname: text,
  entrypoint: command,
  env_file: value("string|array", {
    items: or("string", keyed({ path: text, format: text, required: flag }, { ...closed, required: ["path"] })),
  }),
  label_file: textOrList,
  environment: mapping,
  expose: list(amount),
  extends: or("string", keyed({ service: text, file: text }, { ...closed, required: ["service"] })),
  provider: keyed(
    {
      type: text,
      options: named(value("string|number|boolean|array", { items: value("string|number|boolean") }), closed),
    },
    { required: ["type"] },
  ),
  external_links: texts,
  extra_hosts: extraHosts,
  gpus: value("string|array", { oneOf: ["all"], items: keyed(deviceRequest) }),
  group_add: list(amount),
  healthcheck,
  hostname: text,
  image: text,
  init: flag,
  ipc: text,
  isolation: text,
  labels: mapping,
  links: texts,
  logging: keyed({ driver: text, options: named(value("string|number|null"), closed) }),
  mac_address: text,
  mem_limit: amount,
  mem_reservation: whole,
  mem_swappiness: whole,
  memswap_limit: amount,
  network_mode: text,
  models: value("array|object", {
    items: text,
    keyPattern: NAMES,
    isOpen: true,
    anyKey: or("null", keyed({ endpoint_var: text, model_var: text })),
  }),
  networks: serviceNetworks,
  oom_kill_disable: flag,
  oom_score_adj: value("string|integer", { least: -1000, most: 1000 }),
  pid: value("string|null"),
  pids_limit: amount,
  platform: text,
  ports: list(port),
  post_start: list(hook),
  pre_stop: list(hook),
  privileged: flag,
  profiles: texts,
  pull_policy: value("string", {
    pattern: /always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+/,
  }),
  pull_refresh_after: text,
  read_only: flag,
  restart: text,
  runtime: text,
  scale: whole,
  security_opt: texts,
  shm_size: amount,
  secrets: fileReferences,
  sysctls: mapping,
  stdin_open: flag,
  stop_grace_period: text,
  stop_signal: text,
  storage_opt: value("object"),
  tmpfs: textOrList,
  tty: flag,
  ulimits,
  use_api_socket: value("boolean"),
  user: text,
  uts: text,
  userns_mode: text,
  volumes: list(mount),
  volumes_from: texts,
  working_dir: text,
});

const pool = keyed({ subnet: text, ip_range: text, gateway: text, aux_addresses: named(text, closed) });
const network = or(
  "null",
  keyed({
    name: text,
    driver: text,
    driver_opts: numberOrTextMap,
    external,
    internal: flag,
    enable_ipv4: flag,
    enable_ipv6: flag,
    ipam: keyed({ driver: text, config: list(pool), options: named(text, closed) }),
    attachable: flag,
    labels: mapping,
  }),
);
const volume = or("null", keyed({ name: text, driver: text, driver_opts: numberOrTextMap, external, labels: mapping }));
const secret = keyed({
  name: text,
  environment: text,
  file: text,
  external,
  labels: mapping,
  driver: text,
  driver_opts: numberOrTextMap,
  template_driver: text,
});
const config = keyed({
  name: text,
  content: text,
  environment: text,
  file: text,
  external,
  labels: mapping,
  template_driver: text,
});
const model = keyed(
  { name: text, model: text, context_size: value("integer"), runtime_flags: texts },
  { required: ["model"] },
);
const include = or("string", keyed({ path: textOrList, env_file: textOrList, project_directory: text }, closed));
const section = (anyKey: Rule): Rule => named(anyKey, { keyPattern: NAMES, noExtensions: true });

/** The rule of a whole Compose file. */
export const COMPOSE_FILE: Rule = keyed({
  version: text,
  name: text,
  include: list(include),
  services: section(service),
  volumes: section(volume),
  secrets: section(secret),
  configs: section(config),
  networks: { ...section(network), isOpen: true },
  models: { ...section(model), isOpen: true },
});
