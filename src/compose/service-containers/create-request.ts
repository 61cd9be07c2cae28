import { NaruError } from "../../lib/errors.ts";
import { parseDuration } from "../../lib/go-duration.ts";
import type { ContainerCreateRequest, HealthConfig, HostConfig } from "../../model/container.ts";
import { LABELS } from "../labels.ts";
import type { HealthModel, ProjectModel, ServiceModel } from "../service-model.ts";
import { COMPOSE_VERSION } from "../version.ts";
import { effectiveCapabilities } from "./capabilities.ts";
import { containerName, imageOf, type Separator } from "./container-name.ts";
import { containerMounts, type Inherited, type InjectedFile } from "./mounts.ts";
import { containerLinks, containerNetworks, containerPorts } from "./networking.ts";
import { type ContainersOf, containerHash, resolvedService } from "./references.ts";
import { defined, resourcesOf } from "./resources.ts";
import { restartPolicy } from "./restart-policy.ts";
import { securityOptions } from "./security.ts";

/** Which container of a service is wished, and what is there already. */
interface ContainerWish {
  service: string;
  number: number;
  separator: Separator;
  containersOf: ContainersOf;
  /** The id of the service's image, else undefined. */
  imageId: string | undefined;
  inherited?: Inherited;
  /** The name of the service's container that this one replaces, such as `web-1`. */
  replaces?: string;
  /** Labels beside the service's own, and other values of compose's. */
  labels?: Readonly<Record<string, string>>;
  /** False for `run` without --use-aliases. */
  useAliases?: boolean;
  /** Made by `run`. */
  isOneOff?: boolean;
  /** Variables of the client's configuration for proxies. */
  proxies?: Readonly<Record<string, string>>;
}
interface ContainerOrder {
  name: string;
  platform: string | undefined;
  request: ContainerCreateRequest;
  /** To be written into the container before its start. */
  files: InjectedFile[];
  warnings: string[];
}

/** What is asked of the engine for one container of a service. Throws NaruError where the service wishes what is not supported. */
export async function containerOrder(project: ProjectModel, wish: ContainerWish): Promise<ContainerOrder> {
  const { service: key, number, separator } = wish;
  const plain = project.services[key]!;
  refuseUnsupported(key, plain);
  const service = resolvedService(plain, wish.containersOf);
  const name = containerName(project.name, { name: key, ownName: service.container_name }, number, separator);
  const mounts = containerMounts(project, key, service, wish.inherited);
  const names = (linked: string) => wish.containersOf(linked).map((container) => container.name);
  const links = containerLinks(project.name, service, number, names);
  const aliases = { container: name, service: key, useAliases: wish.useAliases ?? true, links };
  const networks = containerNetworks(project, service, aliases);
  const ports = containerPorts(service);
  const security = await securityOptions(service.security_opt ?? [], project.folder);
  const request: ContainerCreateRequest = {
    ...configOf(service, wish.proxies),
    Image: imageOf(project.name, key, service.image, separator),
    ExposedPorts: ports.exposed,
    Labels: labelsOf(project, wish, service),
    HostConfig: defined({
      ...hostConfigOf(service),
      ...resourcesOf(service),
      Binds: mounts.binds,
      Mounts: mounts.mounts,
      NetworkMode: networks.mode,
      PortBindings: ports.published,
      SecurityOpt: security.options,
      Links: links,
    }),
    NetworkingConfig: networks.endpoints && { EndpointsConfig: networks.endpoints },
  };
  // Empty, not missing: so docker compose sends it, and so it is shown.
  request.HostConfig!.ExtraHosts ??= [];
  if (security.showsSystemPaths) Object.assign(request.HostConfig!, { MaskedPaths: [], ReadonlyPaths: [] });
  return { name, platform: service.platform, request, files: mounts.files, warnings: mounts.warnings };
}

function configOf(service: ServiceModel, proxies: Readonly<Record<string, string>> = {}): ContainerCreateRequest {
  const variables: Record<string, string | null> = { ...proxies, ...service.environment };
  const env = Object.entries(variables).map(([name, value]) => (value === null ? name : `${name}=${value}`));
  return {
    Hostname: service.hostname,
    Domainname: service.domainname,
    User: service.user,
    AttachStdout: true,
    AttachStderr: true,
    Tty: service.tty,
    OpenStdin: service.stdin_open,
    Env: env.length > 0 ? env : null,
    Cmd: service.command,
    Entrypoint: service.entrypoint,
    Healthcheck: healthOf(service.healthcheck),
    WorkingDir: service.working_dir,
    StopSignal: service.stop_signal,
    StopTimeout: service.stop_grace_period === undefined ? undefined : seconds(service.stop_grace_period),
  };
}

/** Whole seconds of a duration such as `1m30s`. */
export const seconds = (duration: string) => Math.trunc(parseDuration(duration) / 1e9);

function healthOf(health: HealthModel | undefined): HealthConfig | undefined {
  if (!health) return undefined;
  const time = (text: string | undefined) => (text === undefined ? undefined : parseDuration(text));
  return defined({
    Test: health.disable ? ["NONE"] : health.test,
    Interval: time(health.interval),
    Timeout: time(health.timeout),
    StartPeriod: time(health.start_period),
    StartInterval: time(health.start_interval),
    Retries: health.retries,
  });
}

function hostConfigOf(service: ServiceModel): HostConfig {
  const capabilities = effectiveCapabilities(service.cap_add, service.cap_drop);
  return {
    Annotations: service.annotations,
    CapAdd: capabilities.add ?? undefined,
    CapDrop: capabilities.drop ?? undefined,
    Init: service.init,
    IpcMode: service.ipc,
    CgroupnsMode: service.cgroup,
    ReadonlyRootfs: service.read_only,
    RestartPolicy: restartPolicy(service),
    ShmSize: service.shm_size === undefined ? undefined : Number(service.shm_size),
    Sysctls: service.sysctls,
    VolumesFrom: service.volumes_from,
    Dns: service.dns,
    DnsSearch: service.dns_search,
    DnsOptions: service.dns_opt,
    ExtraHosts: service.extra_hosts?.map((host) => host.replace("=", ":")),
    StorageOpt: service.storage_opt,
    UsernsMode: service.userns_mode,
    UTSMode: service.uts,
    Privileged: service.privileged,
    PidMode: service.pid,
    Tmpfs: tmpfsOf(service),
    Isolation: service.isolation,
    Runtime: service.runtime,
    LogConfig: service.logging && { Type: service.logging.driver ?? "", Config: service.logging.options ?? {} },
    GroupAdd: service.group_add,
    OomScoreAdj: service.oom_score_adj,
  };
}

function tmpfsOf({ tmpfs }: ServiceModel): Record<string, string> | undefined {
  if (!tmpfs || tmpfs.length === 0) return undefined;
  return Object.fromEntries(
    tmpfs.map((text) => {
      const colon = text.indexOf(":");
      return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
    }),
  );
}

function labelsOf(project: ProjectModel, wish: ContainerWish, resolved: ServiceModel): Record<string, string> {
  const { service, number, imageId } = wish;
  const dependencies = Object.entries(resolved.depends_on ?? {}).map(
    ([name, { condition, restart }]) => `${name}:${condition}:${restart ?? false}`,
  );
  return {
    ...resolved.labels,
    [LABELS.project]: project.name,
    [LABELS.service]: service,
    [LABELS.version]: COMPOSE_VERSION,
    [LABELS.oneOff]: wish.isOneOff ? "True" : "False",
    [LABELS.workingDir]: project.folder,
    [LABELS.configFiles]: project.files.join(","),
    ...(project.envFiles.length > 0 && { [LABELS.environmentFile]: project.envFiles.join(",") }),
    [LABELS.configHash]: containerHash(project.trees[service]!, service, resolved),
    ...(number > 0 && { [LABELS.number]: String(number) }),
    [LABELS.dependsOn]: dependencies.join(","),
    ...(imageId !== undefined && { [LABELS.image]: imageId }),
    ...(wish.replaces !== undefined && { [LABELS.replace]: wish.replaces }),
    ...wish.labels,
  };
}

/** Refuses what naru does not run, in clear words. */
export function refuseUnsupported(name: string, service: ServiceModel): void {
  const refuse = (words: string) => {
    throw new NaruError("invalid", `service ${JSON.stringify(name)}: ${words}`);
  };
  if (service.provider)
    refuse(
      `its provider ${JSON.stringify(service.provider.type)} was not called: programs that provide services are run by 'compose up' alone`,
    );
  if (service.credential_spec) refuse("credential_spec is for Windows containers, which naru does not run");
}
