/** What is different about a container that is to be made anew: for people who ask beforehand. */
import type { ContainerCreateRequest, ContainerInspect, HostConfig } from "../../model/container.ts";
import type { ImageInspect } from "../../model/image.ts";

/** Fields of a container's configuration by the key of a service that sets them. The image has them where the service has not. */
const CONFIG_KEYS = {
  command: "Cmd",
  entrypoint: "Entrypoint",
  user: "User",
  working_dir: "WorkingDir",
  tty: "Tty",
  stdin_open: "OpenStdin",
  stop_signal: "StopSignal",
  stop_grace_period: "StopTimeout",
  healthcheck: "Healthcheck",
} as const;
/** Without a wish these are empty. */
const HOST_KEYS: Readonly<Record<string, readonly (keyof HostConfig)[]>> = {
  ports: ["PortBindings"],
  cap_add: ["CapAdd"],
  cap_drop: ["CapDrop"],
  cpus: ["NanoCpus"],
  mem_limit: ["Memory"],
  mem_reservation: ["MemoryReservation"],
  pids_limit: ["PidsLimit"],
  devices: ["Devices", "DeviceRequests"],
  dns: ["Dns"],
  extra_hosts: ["ExtraHosts"],
  privileged: ["Privileged"],
  read_only: ["ReadonlyRootfs"],
  security_opt: ["SecurityOpt"],
  sysctls: ["Sysctls"],
  tmpfs: ["Tmpfs"],
  ulimits: ["Ulimits"],
};
/** Without a wish the engine has its own. */
const DEFAULTED_KEYS: Readonly<Record<string, keyof HostConfig>> = {
  network_mode: "NetworkMode",
  restart: "RestartPolicy",
  shm_size: "ShmSize",
  init: "Init",
  pid: "PidMode",
};
const COMPOSE_LABELS = "com.docker.compose.";

/** The keys of the service that differ, variables and labels by name: `environment GREETING`, `ports`. Empty when none is found. */
export function explainChange(
  wished: ContainerCreateRequest,
  present: ContainerInspect,
  image: ImageInspect | undefined,
): string[] {
  const own = image?.Config ?? {};
  const differing: string[] = [];
  if (wished.Image !== present.Config.Image) differing.push("image");
  for (const [key, field] of Object.entries(CONFIG_KEYS)) {
    const expected = wished[field] ?? (own as Partial<ContainerCreateRequest>)[field];
    if (!isSame(expected, present.Config[field])) differing.push(key);
  }
  const variables = differingKeys(variablesOf(own.Env), variablesOf(wished.Env), variablesOf(present.Config.Env));
  if (variables.length > 0) differing.push(`environment ${variables.join(" ")}`);
  const labels = differingKeys(own.Labels ?? {}, ownLabels(wished.Labels), ownLabels(present.Config.Labels));
  if (labels.length > 0) differing.push(`labels ${labels.join(" ")}`);
  const host: Partial<HostConfig> = wished.HostConfig ?? {};
  for (const [key, fields] of Object.entries(HOST_KEYS)) {
    if (fields.some((field) => !isSame(host[field], present.HostConfig[field]))) differing.push(key);
  }
  for (const [key, field] of Object.entries(DEFAULTED_KEYS)) {
    if (host[field] !== undefined && !isSame(host[field], present.HostConfig[field])) differing.push(key);
  }
  if (!isSame(mountsOf(host), mountsOf(present.HostConfig))) differing.push("volumes");
  const networks = Object.keys(wished.NetworkingConfig?.EndpointsConfig ?? {}).sort();
  if (!isSame(networks, Object.keys(present.NetworkSettings.Networks ?? {}).sort())) differing.push("networks");
  return differing;
}

/** Nothing, in whatever form: engines show what was not wished as null, as zero or as an empty list. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return true;
  return typeof value === "object" && Object.values(value).every(isEmpty);
}

function isSame(one: unknown, other: unknown): boolean {
  if (isEmpty(one) || isEmpty(other)) return isEmpty(one) && isEmpty(other);
  if (typeof one !== "object" || typeof other !== "object") return one === other;
  const [left, right] = [one as Record<string, unknown>, other as Record<string, unknown>];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => isSame(left[key], right[key]));
}

function variablesOf(lines: readonly string[] | null | undefined): Record<string, string> {
  return Object.fromEntries(
    (lines ?? []).map((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

function ownLabels(labels: Record<string, string> | null | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(labels ?? {}).filter(([name]) => !name.startsWith(COMPOSE_LABELS)));
}

/** Keys whose value is another than the image's with the wishes laid over. */
function differingKeys(
  image: Record<string, string>,
  wished: Record<string, string>,
  present: Record<string, string>,
): string[] {
  const expected = { ...image, ...wished };
  const names = new Set([...Object.keys(expected), ...Object.keys(present)]);
  return [...names].filter((name) => expected[name] !== present[name]).sort();
}

/** A volume without a name of its own: such ones are taken over from container to container. */
const ANONYMOUS = /^[0-9a-f]{64}$/;

function mountsOf({ Binds, Mounts }: Partial<HostConfig>): string[] {
  const isNamed = (source: string | undefined) => source !== undefined && source !== "" && !ANONYMOUS.test(source);
  const binds = (Binds ?? []).filter((bind) => bind.includes(":") && isNamed(bind.split(":")[0]));
  const mounts = (Mounts ?? []).filter(({ Source }) => isNamed(Source));
  return [
    ...binds.map((bind) => bind.replace(/:rw$/, "")),
    ...mounts.map(({ Type, Source, Target, ReadOnly }) => `${Type} ${Source}:${Target}${ReadOnly ? ":ro" : ""}`),
  ].sort();
}
