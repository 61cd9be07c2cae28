/** The interface of a container on a bridge: a pair of connected interfaces, addresses, routes. */
import {
  addAddress,
  createVeth,
  deleteAddress,
  deleteDefaultRoute,
  deleteNeighbour,
  setBridgePort,
  setDefaultRoute,
  setLink,
} from "../linux/netlink-route.ts";
import type { NetlinkRequest, NetlinkSocket } from "../linux/netlink-socket.ts";
import { errorCode } from "../linux/sys-error.ts";
import { findLink, parseMac } from "./bridge-interface.ts";
import { ipBytes, parseIp } from "./ip-address.ts";
import type { BridgeRecord, EndpointRecord } from "./network-records.ts";

/** Both sides of the wire: our namespace and the container's. */
export interface WireEnds {
  hostRoute: NetlinkSocket;
  containerRoute: NetlinkSocket;
}

const toBytes = (address: string): Uint8Array => ipBytes(parseIp(address)!);

function addresses(endpoint: EndpointRecord): { address: Uint8Array; prefixBits: number }[] {
  const found: { address: Uint8Array; prefixBits: number }[] = [];
  if (endpoint.ipv4 !== undefined)
    found.push({ address: toBytes(endpoint.ipv4), prefixBits: endpoint.ipv4PrefixBits! });
  if (endpoint.ipv6 !== undefined)
    found.push({ address: toBytes(endpoint.ipv6), prefixBits: endpoint.ipv6PrefixBits! });
  return found;
}

/** Makes the pair and gives the container's end its addresses. Half-made pairs are the caller's to remove. @throws {SysError} */
export function plugIn(
  { hostRoute, containerRoute }: WireEnds,
  endpoint: EndpointRecord,
  bridge: BridgeRecord & { index: number },
  namespaceFd: number,
): void {
  const { hostInterfaceName: hostName, interfaceName: peerName } = endpoint;
  const mac = parseMac(endpoint.mac);
  const veth = createVeth({ hostName, bridgeIndex: bridge.index, peerName, namespaceFd, mac, mtu: bridge.mtu });
  hostRoute.request([veth]);
  if (!bridge.allowsTalk) hostRoute.request([setBridgePort(hostName, { hairpin: false, isolated: true })]);
  const { index } = findLink(containerRoute, peerName)!;
  // Up last: the announcement to the neighbours that the kernel then makes tells the addresses.
  containerRoute.request([
    ...addresses(endpoint).map((address) => addAddress(index, address)),
    setLink(peerName, { up: true }),
  ]);
}

/** Lets frames leave by the port of the bridge that they came from. @throws {SysError} */
export function setHairpin(
  hostRoute: NetlinkSocket,
  { hostInterfaceName }: EndpointRecord,
  bridge: BridgeRecord | undefined,
): void {
  if (bridge === undefined) return;
  hostRoute.request([setBridgePort(hostInterfaceName, { hairpin: true, isolated: !bridge.allowsTalk })]);
}

/** Gives the container's interface its IPv6 address, once IPv6 is switched on for it. @throws {SysError} */
export function addIpv6Address(containerRoute: NetlinkSocket, endpoint: EndpointRecord): void {
  const link = findLink(containerRoute, endpoint.interfaceName);
  if (link === undefined || endpoint.ipv6 === undefined) return;
  containerRoute.request([
    addAddress(link.index, { address: toBytes(endpoint.ipv6), prefixBits: endpoint.ipv6PrefixBits! }),
  ]);
}

/**
 * Makes the container silent on the network at once, for its addresses may be given to another while the kernel still
 * takes the interface apart.
 */
export function silence({ hostRoute, containerRoute }: WireEnds, endpoint: EndpointRecord, bridgeIndex: number): void {
  const link = ignoringAbsence(() => findLink(containerRoute, endpoint.interfaceName));
  if (link !== undefined) {
    containerRoute.request(addresses(endpoint).map((address) => deleteAddress(link.index, address)));
  }
  forgetNeighbours(hostRoute, endpoint, bridgeIndex);
}

/** Takes the host's memory of the container's hardware address away. */
function forgetNeighbours(hostRoute: NetlinkSocket, endpoint: EndpointRecord, bridgeIndex: number): void {
  hostRoute.request(addresses(endpoint).map(({ address }) => deleteNeighbour(bridgeIndex, address)));
}

/** Points the default routes of both IP versions at the gateways of these endpoints; without one the route goes. */
export function setDefaultRoutes(
  containerRoute: NetlinkSocket,
  ipv4: EndpointRecord | undefined,
  ipv6: EndpointRecord | undefined,
): void {
  const requests: NetlinkRequest[] = [];
  for (const [endpoint, gateway, addressBytes] of [
    [ipv4, ipv4?.ipv4Gateway, 4],
    [ipv6, ipv6?.ipv6Gateway, 16],
  ] as const) {
    const link = endpoint === undefined ? undefined : findLink(containerRoute, endpoint.interfaceName);
    if (link === undefined || gateway === undefined) requests.push(deleteDefaultRoute(addressBytes));
    else requests.push(setDefaultRoute(link.index, toBytes(gateway)));
  }
  containerRoute.request(requests);
}

function ignoringAbsence<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (errorCode(error) === "EBADF") return undefined;
    throw error;
  }
}
