/** A service as the specification of its pods. */

import { parseDuration } from "../../lib/go-duration.ts";
import type {
  Container,
  ContainerPort,
  EnvVar,
  Lifecycle,
  PodSpec,
  Probe,
  ResourceRequirements,
  SecurityContext,
} from "../../model/kubernetes/core.ts";
import type { HealthModel, HookModel, ServiceModel } from "../service-model.ts";
import type { Conversion, KubeService } from "./kube-project.ts";
import { kubeName } from "./names.ts";
import { podVolumes } from "./pod-volumes.ts";

/** Keys of a service that pods cannot have, and what to do. */
const WITHOUT_COUNTERPART: Partial<Record<keyof ServiceModel, string>> = {
  blkio_config: "limits of block devices",
  cpuset: "a choice of processors (the kubelet's static CPU policy makes it)",
  cpu_shares: "shares of processors: use reservations",
  devices: "devices: a device plugin of the cluster gives them",
  device_cgroup_rules: "rules for devices",
  external_links: "links",
  init: "an init process in the container: set shareProcessNamespace, or bring one in the image",
  links: "links: services are found by their names",
  logging: "log drivers: the cluster collects logs",
  mac_address: "MAC addresses",
  memswap_limit: "limits of swap",
  mem_swappiness: "swappiness",
  oom_kill_disable: "protection from the OOM killer",
  oom_score_adj: "OOM scores: they follow from the quality-of-service class",
  pids_limit: "limits of processes: the kubelet has one for all pods (podPidsLimit)",
  runtime: "runtimes by name: use a RuntimeClass",
  storage_opt: "storage options",
  ulimits: "ulimits: set them in the image's start script",
  userns_mode: "user namespaces by mode: set hostUsers: false",
  uts: "UTS modes",
  volumes_from: "mounts of another container",
  models: "models: name their addresses in the environment",
  use_api_socket: "the engine's socket",
};

/** @throws {NaruError} invalid */
export function podSpec(conversion: Conversion, { name, model }: KubeService): PodSpec {
  const remark = (words: string) => conversion.remark(name, words);
  for (const [key, words] of Object.entries(WITHOUT_COUNTERPART)) {
    if (model[key as keyof ServiceModel] !== undefined) remark(`${key} is left out: pods have no ${words}`);
  }
  const { volumes, mounts } = podVolumes(conversion, name, model);
  const container: Container = {
    name: kubeName(name),
    image: imageOf(conversion, name, model),
    ...optional("imagePullPolicy", pullPolicy(model.pull_policy)),
    ...optional("command", model.entrypoint ?? undefined),
    ...optional("args", model.command ?? undefined),
    ...optional("workingDir", model.working_dir),
    ...list("env", environment(model)),
    ...list("ports", containerPorts(model)),
    ...list("volumeMounts", mounts),
    ...filled("resources", resources(model, remark)),
    ...optional("readinessProbe", probe(model.healthcheck)),
    ...filled("lifecycle", lifecycle(model, remark)),
    ...filled("securityContext", securityContext(model, remark)),
    ...(model.stdin_open ? { stdin: true } : {}),
    ...(model.tty ? { tty: true } : {}),
  };
  return { containers: [container], ...list("volumes", volumes), ...podSettings(model, remark) };
}

function podSettings(model: ServiceModel, remark: (words: string) => void): Partial<PodSpec> {
  const isHost = (mode: string | undefined) => mode === "host";
  const sharing = [model.network_mode, model.pid, model.ipc].find((mode) => /^(?:service|container):/.test(mode ?? ""));
  if (sharing) remark(`${sharing}: containers that share a namespace belong into one pod; join the two by hand`);
  if (model.network_mode === "none") remark("network_mode: none has no counterpart: use a NetworkPolicy");
  const groups = (model.group_add ?? []).filter((group) => /^\d+$/.test(group)).map(Number);
  if (groups.length < (model.group_add?.length ?? 0)) remark("group_add takes numbers only: names are left out");
  const sysctls = Object.entries(model.sysctls ?? {}).map(([key, value]) => ({ name: key, value }));
  const pod = { ...list("supplementalGroups", groups), ...list("sysctls", sysctls) };
  const graceSeconds = model.stop_grace_period && Math.ceil(parseDuration(model.stop_grace_period) / 1e9);
  if (model.stop_signal) remark(`stop_signal ${model.stop_signal}: set STOPSIGNAL in the image`);
  const [operatingSystem, architecture] = (model.platform ?? "").split("/");
  return {
    // Variables for every Service would hide those of the project.
    enableServiceLinks: false,
    ...(typeof graceSeconds === "number" ? { terminationGracePeriodSeconds: graceSeconds } : {}),
    ...optional("hostname", model.hostname && kubeName(model.hostname)),
    ...(isHost(model.network_mode) ? { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" } : {}),
    ...(isHost(model.pid) ? { hostPID: true } : {}),
    ...(isHost(model.ipc) ? { hostIPC: true } : {}),
    ...list("hostAliases", hostAliases(model, remark)),
    ...filled("dnsConfig", {
      ...list("nameservers", model.dns ?? []),
      ...list("searches", model.dns_search ?? []),
      ...list("options", (model.dns_opt ?? []).map(dnsOption)),
    }),
    ...filled("securityContext", pod),
    ...(architecture
      ? { nodeSelector: { "kubernetes.io/os": operatingSystem!, "kubernetes.io/arch": architecture } }
      : {}),
  };
}

function imageOf({ project, remark }: Conversion, service: string, { image, build }: ServiceModel): string {
  if (build !== undefined) remark(service, "is built here: push its image to where the cluster finds it");
  return image ?? `${project.name}-${service}`;
}

function pullPolicy(policy: string | undefined): string | undefined {
  if (policy === "always" || policy === "never") return policy === "always" ? "Always" : "Never";
  return policy === "missing" || policy === "if_not_present" ? "IfNotPresent" : undefined;
}

/** A variable without a value would come from the user's shell, which no pod has. */
function environment(model: ServiceModel): EnvVar[] {
  return Object.entries(model.environment ?? {}).flatMap(([name, value]) =>
    // "$(X)" is Kubernetes' own way to name variables.
    value === null ? [] : [{ name, value: value.replaceAll("$(", () => "$$(") }],
  );
}

function containerPorts(model: ServiceModel): ContainerPort[] {
  const ports = new Map<string, ContainerPort>();
  for (const { target, protocol = "tcp" } of servicePorts(model)) {
    const name = `${protocol}-${target}`;
    ports.set(name, {
      name,
      containerPort: target,
      ...(protocol === "tcp" ? {} : { protocol: protocol.toUpperCase() }),
    });
  }
  return [...ports.values()];
}

/** Ports that a service is known to have: published ones and exposed ones. */
export function servicePorts(model: ServiceModel): { target: number; protocol: string }[] {
  const published = (model.ports ?? []).map(({ target, protocol = "tcp" }) => ({ target, protocol }));
  const exposed = (model.expose ?? []).flatMap((text) => {
    const [range = "", protocol = "tcp"] = text.split("/");
    const [first, last = first] = range.split("-").map(Number);
    const count = last! - first! + 1;
    return Array.from({ length: Math.max(0, count) }, (_, index) => ({ target: first! + index, protocol }));
  });
  const known = new Map([...published, ...exposed].map((port) => [`${port.protocol} ${port.target}`, port]));
  return [...known.values()];
}

function resources(model: ServiceModel, remark: (words: string) => void): ResourceRequirements {
  const { limits = {}, reservations = {} } = model.deploy?.resources ?? {};
  const amounts = (cpus: number | undefined, memory: string | undefined) => ({
    ...(cpus ? { cpu: cpus >= 1 && Number.isInteger(cpus) ? String(cpus) : `${Math.round(cpus * 1000)}m` } : {}),
    ...(memory && memory !== "0" ? { memory: bytesText(memory) } : {}),
  });
  const limit: Record<string, string> = amounts(limits.cpus ?? model.cpus, limits.memory ?? model.mem_limit);
  for (const { capabilities = [], count } of [...(reservations.devices ?? []), ...(model.gpus ?? [])]) {
    if (!capabilities.includes("gpu") || count === -1)
      remark("devices are given by resource names of the cluster's device plugins: check them");
    if (capabilities.includes("gpu")) limit["nvidia.com/gpu"] = String(count === undefined || count < 1 ? 1 : count);
  }
  const request = amounts(reservations.cpus, reservations.memory ?? model.mem_reservation);
  return { ...filled("limits", limit), ...filled("requests", request) };
}

/** `268435456` is `256Mi`. */
function bytesText(bytes: string): string {
  for (const [unit, size] of [
    ["Gi", 1024 ** 3],
    ["Mi", 1024 ** 2],
    ["Ki", 1024],
  ] as const) {
    if (Number(bytes) >= size && Number(bytes) % size === 0) return `${Number(bytes) / size}${unit}`;
  }
  return bytes;
}

/** Docker only tells that a container is unhealthy; so it gets no traffic, but is not restarted. */
function probe(health: HealthModel | undefined): Probe | undefined {
  const [kind, ...words] = health?.test ?? [];
  if (health === undefined || health.disable || (kind !== "CMD" && kind !== "CMD-SHELL")) return undefined;
  const seconds = (text: string) => Math.max(1, Math.round(parseDuration(text) / 1e9));
  return {
    exec: { command: kind === "CMD" ? words : ["/bin/sh", "-c", words.join(" ")] },
    periodSeconds: seconds(health.interval ?? "30s"),
    timeoutSeconds: seconds(health.timeout ?? "30s"),
    failureThreshold: health.retries ?? 3,
  };
}

function lifecycle(model: ServiceModel, remark: (words: string) => void): Lifecycle {
  const handler = (hooks: HookModel[] | undefined, key: string) => {
    if (!hooks?.length) return undefined;
    if (hooks.some(({ user, privileged, working_dir, environment: own }) => user || privileged || working_dir || own)) {
      remark(`${key}: hooks run as the container does; user, working_dir and environment are left out`);
    }
    if (hooks.length === 1) return { exec: { command: hooks[0]!.command ?? [] } };
    const script = hooks.map(({ command }) => (command ?? []).map(quoted).join(" ")).join(" && ");
    return { exec: { command: ["/bin/sh", "-c", script] } };
  };
  return {
    ...optional("postStart", handler(model.post_start, "post_start")),
    ...optional("preStop", handler(model.pre_stop, "pre_stop")),
  };
}

const quoted = (word: string) => (/^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

function securityContext(model: ServiceModel, remark: (words: string) => void): SecurityContext {
  const [user = "", group = ""] = (model.user ?? "").split(":");
  if ([user, group].some((one) => one !== "" && !/^\d+$/.test(one))) {
    remark(`user ${model.user}: pods take numbers; the image's own user is used`);
  }
  const options = model.security_opt ?? [];
  const isStrict = options.some((option) => /^no-new-privileges(?:[:=]true)?$/.test(option));
  const others = options.filter((option) => !option.startsWith("no-new-privileges"));
  if (others.length > 0)
    remark(`security_opt ${others.join(", ")}: set seccompProfile, appArmorProfile or seLinuxOptions`);
  return {
    ...(/^\d+$/.test(user) ? { runAsUser: Number(user) } : {}),
    ...(/^\d+$/.test(group) ? { runAsGroup: Number(group) } : {}),
    ...(model.privileged ? { privileged: true } : {}),
    ...(model.read_only ? { readOnlyRootFilesystem: true } : {}),
    ...(isStrict ? { allowPrivilegeEscalation: false } : {}),
    ...filled("capabilities", { ...list("add", model.cap_add ?? []), ...list("drop", model.cap_drop ?? []) }),
  };
}

function hostAliases(model: ServiceModel, remark: (words: string) => void) {
  const names = new Map<string, string[]>();
  for (const line of model.extra_hosts ?? []) {
    const [host = "", address = ""] = line.split("=");
    if (address === "host-gateway") remark(`extra_hosts ${host}: a pod has no host-gateway`);
    else names.set(address, [...(names.get(address) ?? []), host]);
  }
  return [...names].map(([ip, hostnames]) => ({ ip, hostnames }));
}

function dnsOption(option: string) {
  const [name = "", value] = option.split(":");
  return value === undefined ? { name } : { name, value };
}

/** The entry when there is a value. */
function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return (value === undefined || value === "" ? {} : { [key]: value }) as Partial<Record<K, V>>;
}

function list<K extends string, V>(key: K, values: readonly V[]): Partial<Record<K, V[]>> {
  return (values.length === 0 ? {} : { [key]: values }) as Partial<Record<K, V[]>>;
}

function filled<K extends string, V extends object>(key: K, value: V): Partial<Record<K, V>> {
  return (Object.keys(value).length === 0 ? {} : { [key]: value }) as Partial<Record<K, V>>;
}
