import type { ContainerCreateRequest, HostConfig, PortMap } from "../../model/container.ts";
import type { EndpointSettings } from "../../model/network.ts";
import type { ProjectModel, ServiceModel } from "../service-model.ts";

/** The option by which an interface gets its name. */
const INTERFACE_NAME = "com.docker.network.endpoint.ifname";

interface NetworkingWish {
  mode: string;
  endpoints: Record<string, EndpointSettings> | undefined;
}
interface NetworkNames {
  /** The container's own name. */
  container: string;
  service: string;
  /** False leaves out the service's name and aliases (`run`). */
  useAliases: boolean;
  links: readonly string[];
}

/** Which networks a container joins; the first, by priority, is its own. */
export function containerNetworks(project: ProjectModel, service: ServiceModel, names: NetworkNames): NetworkingWish {
  if (service.network_mode) return { mode: service.network_mode, endpoints: undefined };
  const networks = service.networks ?? {};
  const keys = Object.keys(networks).sort(
    (a, b) => (networks[b]?.priority ?? 0) - (networks[a]?.priority ?? 0) || (a < b ? -1 : 1),
  );
  if (keys.length === 0) return { mode: "none", endpoints: undefined };
  const endpoints: Record<string, EndpointSettings> = {};
  for (const key of keys) endpoints[project.networks[key]!.name] = endpointOf(service, key, names);
  const mode = project.networks[keys[0]!]!.name;
  if (service.mac_address && !endpoints[mode]!.MacAddress) endpoints[mode]!.MacAddress = service.mac_address;
  return { mode, endpoints };
}

function endpointOf(service: ServiceModel, key: string, names: NetworkNames): EndpointSettings {
  const own = service.networks?.[key];
  const aliases = [names.container];
  if (names.useAliases) aliases.push(names.service, ...(own?.aliases ?? []));
  const endpoint: EndpointSettings = { Aliases: aliases };
  if (names.links.length > 0) endpoint.Links = [...names.links];
  if (!own) return endpoint;
  endpoint.IPAMConfig = {
    ...(own.ipv4_address && { IPv4Address: own.ipv4_address }),
    ...(own.ipv6_address && { IPv6Address: own.ipv6_address }),
    ...(own.link_local_ips && { LinkLocalIPs: own.link_local_ips }),
  };
  if (own.mac_address) endpoint.MacAddress = own.mac_address;
  const options = { ...own.driver_opts, ...(own.interface_name && { [INTERFACE_NAME]: own.interface_name }) };
  if (Object.keys(options).length > 0) endpoint.DriverOpts = options;
  if (own.gw_priority) endpoint.GwPriority = own.gw_priority;
  return endpoint;
}

/** Ports that a container opens and publishes. */
export function containerPorts(service: ServiceModel): {
  exposed: ContainerCreateRequest["ExposedPorts"];
  published: NonNullable<HostConfig["PortBindings"]>;
} {
  const exposed: Record<string, object> = {};
  const published: PortMap = {};
  for (const port of service.expose ?? []) exposed[port] = {};
  for (const { target, protocol = "tcp", host_ip = "", published: hostPort = "" } of service.ports ?? []) {
    const key = `${target}/${protocol}`;
    exposed[key] = {};
    published[key] = [...(published[key] ?? []), { HostIp: host_ip, HostPort: hostPort }];
  }
  return { exposed: Object.keys(exposed).length > 0 ? exposed : undefined, published };
}

/** Legacy links: each container of the linked service under its alias and its names. */
export function containerLinks(
  project: string,
  service: ServiceModel,
  number: number,
  containersOf: (service: string) => readonly string[],
): string[] {
  const links: string[] = [];
  for (const link of service.links ?? []) {
    const [target = "", alias = target] = link.split(":");
    for (const container of containersOf(target))
      links.push(
        `${container}:${alias}`,
        `${container}:${target}-${number}`,
        `${container}:${project}-${target}-${number}`,
      );
  }
  for (const link of service.external_links ?? []) {
    const [target = "", alias = target] = link.split(":");
    links.push(`${target}:${alias}`);
  }
  return links;
}
