/** Reading a request for a new network: what is wrong with it, in Docker's words, and what bridge it asks for. Pure. */
import { NaruError } from "../lib/errors.ts";
import { findGoBool } from "../lib/go-bool.ts";
import { containsAddress, formatPrefix, type IpPrefix, lastValue, parseIp, parsePrefix } from "../lib/ip-address.ts";
import type { IPAMPool, NetworkCreateRequest } from "../model/network.ts";
import type { NetworkDriver } from "./network-records.ts";

export const PREDEFINED_NETWORKS: readonly string[] = ["bridge", "host", "none", "default"];

const OPTION = {
  name: "com.docker.network.bridge.name",
  icc: "com.docker.network.bridge.enable_icc",
  masquerade: "com.docker.network.bridge.enable_ip_masquerade",
  hostBinding: "com.docker.network.bridge.host_binding_ipv4",
  mtu: "com.docker.network.driver.mtu",
  gatewayModeIpv4: "com.docker.network.bridge.gateway_mode_ipv4",
  gatewayModeIpv6: "com.docker.network.bridge.gateway_mode_ipv6",
  /** Our own; off unless it is "true". See BridgeRecord. */
  routesNeighbours: "dev.naru.network.routes_neighbours",
} as const;
const GATEWAY_MODES = ["nat", "nat-unprotected", "routed", "isolated"];
const LONGEST_INTERFACE_NAME = 15;
const DEFAULT_MTU = 1500;

const invalid = (message: string): never => {
  throw new NaruError("invalid", message);
};

/** @throws {NaruError} for names and scopes that no network may have. */
export function checkNetworkRequest(request: NetworkCreateRequest): void {
  const { Name: name, Scope: scope, Ingress: ingress } = request;
  if (name.trim() === "") invalid("invalid name: name is empty");
  if (PREDEFINED_NETWORKS.includes(name)) {
    throw new NaruError("forbidden", `operation is not permitted on predefined ${name} network `);
  }
  if (ingress) throw new NaruError("forbidden", "Ingress network can only be global scope network");
  if (scope === "swarm") {
    throw new NaruError("forbidden", "cannot create a swarm scoped network when swarm is not active");
  }
  const ipamDriver = request.IPAM?.Driver;
  if (ipamDriver === "null") invalid("ipv4 pool is empty");
  if (ipamDriver && ipamDriver !== "default") throw new NaruError("not-found", `plugin "${ipamDriver}" not found`);
  if (request.ConfigOnly && request.ConfigFrom?.Network) {
    throw new NaruError("forbidden", "a configuration network cannot depend on another configuration network");
  }
  if (request.EnableIPv4 === false && !request.EnableIPv6) invalid("IPv4 or IPv6 must be enabled");
}

/** @throws {NaruError} for drivers that exist once or not at all. */
export function readDriver(request: NetworkCreateRequest): NetworkDriver {
  const driver = request.Driver || "bridge";
  if (request.ConfigOnly) return "null";
  if (driver === "bridge" || driver === "macvlan" || driver === "ipvlan") return driver;
  if (driver === "host" || driver === "null") {
    throw new NaruError("forbidden", `only one instance of "${driver}" network is allowed`);
  }
  if (driver === "overlay") {
    const words = 'Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';
    throw new NaruError("forbidden", `This node is not a swarm manager. ${words}`);
  }
  throw new NaruError("not-found", `plugin "${driver}" not found`);
}

/** A subnet that the user chose. */
export interface WishedSubnet {
  subnet: IpPrefix;
  range?: IpPrefix;
  gateway?: string;
  auxiliaryAddresses: string[];
}

/**
 * The subnets of the request.
 * @throws {NaruError} invalid, with every mistake: "invalid network config:\n* invalid subnet …"
 */
export function readSubnets(pools: readonly IPAMPool[]): WishedSubnet[] {
  const problems: string[] = [];
  const wished = pools.map((pool) => readPool(pool, problems));
  if (problems.length === 1) invalid(`invalid network config:\n${problems[0]}`);
  if (problems.length > 1) invalid(`invalid network config:\n${problems.map((text) => `* ${text}`).join("\n")}`);
  const subnets = wished.filter((subnet) => subnet !== undefined);
  for (const { subnet, gateway } of subnets) if (gateway !== undefined) checkGateway(gateway, subnet);
  for (const version of [4, 6]) {
    if (subnets.filter(({ subnet }) => subnet.version === version).length > 1) {
      throw new NaruError("forbidden", "bridge driver doesn't support multiple subnets");
    }
  }
  return subnets;
}

function readPool(pool: IPAMPool, problems: string[]): WishedSubnet | undefined {
  const text = pool.Subnet ?? "";
  const subnet = readCidr("subnet", text, problems);
  if (subnet === undefined) return undefined;
  const wished: WishedSubnet = { subnet, auxiliaryAddresses: [] };
  if (pool.IPRange) wished.range = readRange(pool.IPRange, subnet, problems);
  if (pool.Gateway) {
    checkAddress(`gateway ${pool.Gateway}`, pool.Gateway, subnet, problems);
    wished.gateway = pool.Gateway;
  }
  for (const [name, address] of Object.entries(pool.AuxiliaryAddresses ?? {})) {
    checkAddress(`auxiliary address ${name}`, address, subnet, problems);
    wished.auxiliaryAddresses.push(address);
  }
  return wished;
}

/** Those that mean the subnet itself, and in IPv4 all in it, are nobody's. */
function checkGateway(text: string, subnet: IpPrefix): void {
  const { value } = parseIp(text)!;
  const isBroadcast = subnet.version === 4 && value === lastValue(subnet);
  if (subnet.prefixBits >= (subnet.version === 4 ? 31 : 127) || (value !== subnet.base && !isBroadcast)) return;
  throw new NaruError("internal", `failed to allocate gateway (${text}): Address already in use`);
}

function readCidr(what: string, text: string, problems: string[]): IpPrefix | undefined {
  const parsed = parsePrefix(text);
  if (parsed === undefined) {
    problems.push(`invalid ${what} ${text}: invalid CIDR block notation`);
    return undefined;
  }
  if (parsed.prefix.base !== parsed.address.value) {
    problems.push(`invalid ${what} ${text}: it should be ${formatPrefix(parsed.prefix)}`);
    return undefined;
  }
  return parsed.prefix;
}

function readRange(text: string, subnet: IpPrefix, problems: string[]): IpPrefix | undefined {
  const range = readCidr("ip-range", text, problems);
  if (range === undefined) return undefined;
  const parent = `parent subnet ${formatPrefix(subnet)}`;
  if (range.version === subnet.version && range.prefixBits < subnet.prefixBits) {
    problems.push(`invalid ip-range ${text}: CIDR block is bigger than its ${parent}`);
  } else if (range.version !== subnet.version || range.base < subnet.base || lastValue(range) > lastValue(subnet)) {
    problems.push(`invalid ip-range ${text}: ${parent} doesn't contain ip-range`);
  }
  return range;
}

function checkAddress(what: string, text: string, subnet: IpPrefix, problems: string[]): void {
  const address = parseIp(text);
  if (address === undefined) problems.push(`invalid ${what}: invalid address`);
  else if (!containsAddress(subnet, address)) {
    problems.push(`invalid ${what}: parent subnet ${formatPrefix(subnet)} doesn't contain this address`);
  }
}

export interface BridgeOptions {
  interfaceName: string | undefined;
  mtu: number;
  allowsTalk: boolean;
  routesNeighbours: boolean;
  masquerades: boolean;
  hostAddress: string;
}

/**
 * @param network what else was said of it
 * @throws {NaruError} invalid `failed to parse com.docker.… value: …`, or for options that do not go together
 */
export function readBridgeOptions(
  options: Readonly<Record<string, string>>,
  network: { enableIPv6: boolean; internal: boolean },
): BridgeOptions {
  for (const key of [OPTION.gatewayModeIpv4, OPTION.gatewayModeIpv6]) checkGatewayMode(key, options[key]);
  const interfaceName = options[OPTION.name] || undefined;
  if (interfaceName !== undefined && Buffer.byteLength(interfaceName) > LONGEST_INTERFACE_NAME) {
    invalid(
      `the interface name ${interfaceName} (${OPTION.name}) is longer than ${LONGEST_INTERFACE_NAME} bytes: choose a shorter one`,
    );
  }
  if (interfaceName !== undefined && /[\s/:]|^\.{1,2}$/.test(interfaceName)) {
    invalid(`${JSON.stringify(interfaceName)} (${OPTION.name}) is no interface name`);
  }
  const hostAddress = options[OPTION.hostBinding] || "0.0.0.0";
  if (parseIp(hostAddress) === undefined) {
    invalid(`failed to parse ${OPTION.hostBinding} value: ${hostAddress} (nil ip)`);
  }
  const routesNeighbours = readBool(OPTION.routesNeighbours, options[OPTION.routesNeighbours], false);
  // Neighbours find each other by the gateway of IPv4: internal networks have none, and IPv6 would go past it.
  if (routesNeighbours && (network.enableIPv6 || network.internal)) {
    invalid(`${OPTION.routesNeighbours} is for networks of IPv4 alone that are not internal: leave it out`);
  }
  return {
    interfaceName,
    mtu: readMtu(options[OPTION.mtu]),
    allowsTalk: readBool(OPTION.icc, options[OPTION.icc]),
    routesNeighbours,
    masquerades: readBool(OPTION.masquerade, options[OPTION.masquerade]),
    hostAddress,
  };
}

function checkGatewayMode(key: string, mode: string | undefined): void {
  if (mode === undefined || mode === "" || mode === "nat") return;
  if (!GATEWAY_MODES.includes(mode)) invalid(`failed to parse ${key} value: ${mode} (unknown gateway mode ${mode})`);
  invalid(`gateway mode ${mode} (${key}) is not supported: use "nat", or leave the option out`);
}

function readMtu(text: string | undefined): number {
  if (text === undefined || text === "") return DEFAULT_MTU;
  if (!/^[+-]?\d+$/.test(text)) {
    invalid(`failed to parse ${OPTION.mtu} value: ${text} (strconv.Atoi: parsing "${text}": invalid syntax)`);
  }
  const mtu = Number(text);
  if (mtu < 0 || mtu > 65535) invalid(`invalid MTU number: ${mtu}`);
  return mtu === 0 ? DEFAULT_MTU : mtu;
}

function readBool(key: string, text: string | undefined, whenAbsent = true): boolean {
  if (text === undefined || text === "") return whenAbsent;
  return (
    findGoBool(text) ??
    invalid(`failed to parse ${key} value: ${text} (strconv.ParseBool: parsing "${text}": invalid syntax)`)
  );
}
