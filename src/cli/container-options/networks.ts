import { csvFields, cut } from "../csv.ts";

/** One use of `--network`. */
export interface NetworkSpec {
  name: string;
  aliases: string[];
  links: string[];
  ipv4: string;
  ipv6: string;
  macAddress: string;
  linkLocalIps: string[];
  driverOptions: Record<string, string>;
  gatewayPriority: number;
}

/** The settings of an endpoint as docker's client sends them. */
export interface EndpointRequest {
  IPAMConfig: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] } | null;
  Links: string[] | null;
  Aliases: string[] | null;
  MacAddress: string;
  DriverOpts: Record<string, string> | null;
  GwPriority: number;
  NetworkID: "";
  EndpointID: "";
  Gateway: "";
  IPAddress: "";
  IPPrefixLen: 0;
  IPv6Gateway: "";
  GlobalIPv6Address: "";
  GlobalIPv6PrefixLen: 0;
  DNSNames: null;
}

/** The flags that set properties of the first network. */
interface NetworkFlags {
  networks: NetworkSpec[];
  aliases: string[];
  links: string[];
  ipv4: string;
  ipv6: string;
  macAddress: string;
  linkLocalIps: string[];
}

function namedNetwork(name: string): NetworkSpec {
  return {
    name,
    aliases: [],
    links: [],
    ipv4: "",
    ipv6: "",
    macAddress: "",
    linkLocalIps: [],
    driverOptions: {},
    gatewayPriority: 0,
  };
}

/** Reads one value of `--network`: a name, or `name=…,alias=…,ip=…`. Throws an Error with docker's words. */
export function parseNetwork(text: string): NetworkSpec {
  const network = namedNetwork(text);
  if (!/\w+=\w+(,\w+=\w+)*/.test(text)) return network;
  network.name = "";
  for (const field of csvFields(text)) {
    const [key, value] = cut(field.toLowerCase(), "=").map((part) => part?.trim());
    if (!key || value === undefined) throw new Error(`invalid field ${field}`);
    setNetworkField(network, key, value);
  }
  if (network.name === "") throw new Error("network name/id is not specified");
  return network;
}

function setNetworkField(network: NetworkSpec, key: string, value: string): void {
  switch (key) {
    case "name":
      network.name = value;
      break;
    case "alias":
      network.aliases.push(value);
      break;
    case "ip":
      network.ipv4 = value;
      break;
    case "ip6":
      network.ipv6 = value;
      break;
    case "mac-address":
      network.macAddress = value;
      break;
    case "link-local-ip":
      network.linkLocalIps.push(value);
      break;
    case "driver-opt": {
      const [name, option] = cut(value, "=");
      if (option === undefined || name === "") throw new Error("invalid key value pair format in driver options");
      network.driverOptions[name] = option;
      break;
    }
    case "gw-priority":
      if (!/^[+-]?\d+$/.test(value)) throw new Error(`invalid gw-priority (${value}): invalid syntax`);
      network.gatewayPriority = Number(value);
      break;
    default:
      throw new Error(`invalid field key ${key}`);
  }
}

/** The endpoint settings by network that docker's client sends for the network flags. */
export function endpointRequests(flags: NetworkFlags): Record<string, EndpointRequest> {
  const endpoints: Record<string, EndpointRequest> = {};
  const { networks } = flags;
  if (networks.length === 0) return { default: endpointRequest(withFlags(namedNetwork("default"), flags)) };
  for (const [index, network] of networks.entries()) {
    const complete = index === 0 ? withFlags(network, flags) : network;
    const endpoint = endpointRequest(complete);
    if (Object.hasOwn(endpoints, network.name)) {
      throw new Error(`network ${JSON.stringify(network.name)} is specified multiple times`);
    }
    if (networks.length === 1 && isPlain(complete)) continue;
    endpoints[network.name] = endpoint;
  }
  const userDefined = networks.filter(({ name }) => isUserDefined(name)).length;
  if (userDefined > 0 && userDefined < networks.length) {
    throw new Error("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
  }
  return endpoints;
}

/** True for the name of a network, false for a mode such as `host` or `container:x`. */
function isUserDefined(name: string): boolean {
  return !["default", "bridge", "host", "none"].includes(name) && !name.startsWith("container:");
}

/** The first network also takes what the single flags (`--ip`, `--network-alias`, …) say. */
function withFlags(network: NetworkSpec, flags: NetworkFlags): NetworkSpec {
  const clash = (isSet: boolean, flag: string, other: string) => {
    if (isSet) throw new Error(`conflicting options: cannot specify both ${flag} and per-network ${other}`);
  };
  clash(network.aliases.length > 0 && flags.aliases.length > 0, "--network-alias", "alias");
  clash(network.links.length > 0 && flags.links.length > 0, "--link", "links");
  clash(network.ipv4 !== "" && flags.ipv4 !== "", "--ip", "IPv4 address");
  clash(network.ipv6 !== "" && flags.ipv6 !== "", "--ip6", "IPv6 address");
  clash(network.macAddress !== "" && flags.macAddress !== "", "--mac-address", "MAC address");
  clash(network.linkLocalIps.length > 0 && flags.linkLocalIps.length > 0, "--link-local-ip", "link-local IP addresses");
  return {
    ...network,
    aliases: flags.aliases.length > 0 ? flags.aliases : network.aliases,
    // On the default bridge links belong to the host configuration.
    links: isUserDefined(network.name) && flags.links.length > 0 ? flags.links : network.links,
    ipv4: flags.ipv4 || network.ipv4,
    ipv6: flags.ipv6 || network.ipv6,
    macAddress: flags.macAddress || network.macAddress,
    linkLocalIps: flags.linkLocalIps.length > 0 ? flags.linkLocalIps : network.linkLocalIps,
  };
}

function isPlain(network: NetworkSpec): boolean {
  return JSON.stringify(network) === JSON.stringify(namedNetwork(network.name));
}

function endpointRequest(network: NetworkSpec): EndpointRequest {
  const { name, aliases, links, ipv4, ipv6, macAddress, linkLocalIps, driverOptions, gatewayPriority } = network;
  if (name.trim() === "") throw new Error("no name set for network");
  if (!isUserDefined(name)) {
    if (aliases.length > 0) throw new Error("network-scoped aliases are only supported for user-defined networks");
    if (links.length > 0) throw new Error("links are only supported for user-defined networks");
  }
  if (macAddress !== "" && !/^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i.test(macAddress)) {
    throw new Error(`${macAddress} is not a valid mac address`);
  }
  const hasAddresses = ipv4 !== "" || ipv6 !== "" || linkLocalIps.length > 0;
  return {
    IPAMConfig: hasAddresses
      ? {
          ...(ipv4 && { IPv4Address: ipv4 }),
          ...(ipv6 && { IPv6Address: ipv6 }),
          ...(linkLocalIps.length > 0 && { LinkLocalIPs: linkLocalIps }),
        }
      : null,
    Links: links.length > 0 ? links : null,
    Aliases: aliases.length > 0 ? aliases : null,
    MacAddress: macAddress,
    DriverOpts: Object.keys(driverOptions).length > 0 ? driverOptions : null,
    GwPriority: gatewayPriority,
    NetworkID: "",
    EndpointID: "",
    Gateway: "",
    IPAddress: "",
    IPPrefixLen: 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  };
}
