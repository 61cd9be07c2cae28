/** Memberships of containers in networks: their addresses and names, and which of them leads to the world. */
import { randomBytes } from "node:crypto";
import { NaruError } from "../lib/errors.ts";
import { formatIp, parseIp } from "../lib/ip-address.ts";
import type { EndpointSettings } from "../model/network.ts";
import type { AddressPool } from "./address-pool.ts";
import { formatMac, randomMac } from "./bridge-interface.ts";
import type { LiveNetwork } from "./live-networks.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "./network-records.ts";

/**
 * A new membership with addresses of its own; `releaseAddresses` gives them back.
 * @throws {NaruError} "Address already in use" and the like
 */
export function createEndpoint(
  network: NetworkRecord,
  bridge: LiveNetwork | undefined,
  settings: EndpointSettings,
  names: { interfaceName: string; hostInterfaceName: string; mac?: string },
): EndpointRecord {
  const endpoint: EndpointRecord = {
    networkId: network.id,
    networkName: network.name,
    endpointId: randomBytes(32).toString("hex"),
    settings,
    interfaceName: "",
    interfaceIndex: 0,
    hostInterfaceName: "",
    mac: "",
  };
  if (bridge === undefined) return endpoint;
  endpoint.interfaceName = names.interfaceName;
  endpoint.hostInterfaceName = names.hostInterfaceName;
  endpoint.mac = settings.MacAddress || names.mac || formatMac(randomMac());
  if (isRouted(network) && !network.internal) endpoint.routesByInterface = true;
  const hasGateway = !network.internal && !endpoint.routesByInterface;
  try {
    for (const [index, pool] of bridge.pools.entries()) {
      takeAddress(endpoint, pool, hasGateway ? bridge.subnets[index]?.gateway : undefined);
    }
    // Alone in its subnet, it asks the gateway for everybody else.
    if (network.bridge?.routesNeighbours && endpoint.ipv4 !== undefined) endpoint.ipv4PrefixBits = 32;
  } catch (error) {
    releaseAddresses(endpoint, bridge);
    throw error;
  }
  return endpoint;
}

/** The parent routes for its containers instead of switching: there is no gateway to go by. */
function isRouted({ parent }: NetworkRecord): boolean {
  return parent?.child.kind === "ipvlan" && parent.child.mode !== "l2";
}

function takeAddress(endpoint: EndpointRecord, pool: AddressPool, gateway: string | undefined): void {
  const { version } = pool.subnet;
  const { IPv4Address, IPv6Address } = endpoint.settings.IPAMConfig ?? {};
  const text = version === 4 ? IPv4Address : IPv6Address;
  const wanted = text ? parseIp(text) : undefined;
  if (text && wanted?.version !== version) throw new NaruError("invalid", `invalid IPv${version} address: ${text}`);
  const address = formatIp(pool.allocate(wanted));
  if (version === 4) {
    endpoint.ipv4 = address;
    endpoint.ipv4PrefixBits = pool.subnet.prefixBits;
    endpoint.ipv4Gateway = gateway;
  } else {
    endpoint.ipv6 = address;
    endpoint.ipv6PrefixBits = pool.subnet.prefixBits;
    endpoint.ipv6Gateway = gateway;
  }
}

/** After a restart: marks the addresses of a membership on record as taken. */
export function reserveAddresses(endpoint: EndpointRecord, bridge: LiveNetwork | undefined): void {
  eachAddress(endpoint, bridge, (pool, address) => pool.reserve(address));
}

export function releaseAddresses(endpoint: EndpointRecord, bridge: LiveNetwork | undefined): void {
  eachAddress(endpoint, bridge, (pool, address) => pool.release(address));
}

function eachAddress(
  { ipv4, ipv6 }: EndpointRecord,
  bridge: LiveNetwork | undefined,
  visit: (pool: AddressPool, address: NonNullable<ReturnType<typeof parseIp>>) => void,
): void {
  for (const text of [ipv4, ipv6]) {
    const address = text === undefined ? undefined : parseIp(text);
    const pool = bridge?.pools.find(({ subnet }) => subnet.version === address?.version);
    if (address !== undefined && pool !== undefined) visit(pool, address);
  }
}

const NAME_OPTION = "com.docker.network.endpoint.ifname";
/** The kernel's. */
const LONGEST_INTERFACE_NAME = 15;

/**
 * What the interface of a new membership is called: as its options say, or the next "ethN".
 * @throws {NaruError} invalid for a name that cannot be, conflict for one that the container has
 */
export function chooseInterfaceName({ DriverOpts }: EndpointSettings, endpoints: readonly EndpointRecord[]): string {
  const wished = DriverOpts?.[NAME_OPTION];
  if (!wished) return nextInterfaceName(endpoints);
  const isName = /^[^\s/:%]+$/.test(wished) && !/^(?:\.{1,2}|all|default)$/.test(wished);
  if (!isName || Buffer.byteLength(wished) > LONGEST_INTERFACE_NAME) {
    throw new NaruError("invalid", `${JSON.stringify(wished)} (${NAME_OPTION}) is no interface name`);
  }
  if (wished === "lo" || endpoints.some(({ interfaceName }) => interfaceName === wished)) {
    const words = `the container has an interface ${wished} already (${NAME_OPTION})`;
    throw new NaruError("conflict", `${words}: choose another name`);
  }
  return wished;
}

/** The lowest "ethN" that the container does not have. */
export function nextInterfaceName(endpoints: readonly EndpointRecord[]): string {
  const taken = new Set(endpoints.map(({ interfaceName }) => interfaceName));
  let index = 0;
  while (taken.has(`eth${index}`)) index++;
  return `eth${index}`;
}

/**
 * The membership whose gateway is the container's default route: highest priority, then those with gateways of both IP
 * versions, then the first by the network's name.
 */
export function gatewayEndpoint({ endpoints }: SandboxRecord, version: 4 | 6): EndpointRecord | undefined {
  const gateways = ({ ipv4Gateway, ipv6Gateway }: EndpointRecord): number =>
    Number(ipv4Gateway !== undefined) + Number(ipv6Gateway !== undefined);
  const candidates = endpoints.filter((endpoint) =>
    version === 4
      ? endpoint.ipv4Gateway !== undefined || (endpoint.routesByInterface && endpoint.ipv4 !== undefined)
      : endpoint.ipv6Gateway !== undefined || (endpoint.routesByInterface && endpoint.ipv6 !== undefined),
  );
  return candidates.sort(
    (a, b) =>
      (b.settings.GwPriority ?? 0) - (a.settings.GwPriority ?? 0) ||
      gateways(b) - gateways(a) ||
      (a.networkName < b.networkName ? -1 : 1),
  )[0];
}
