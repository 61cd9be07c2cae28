/** The interface of a container on a bridge: a pair of connected interfaces, addresses, routes. */

import { ipBytes, parseIp } from "../lib/ip-address.ts";
import {
  addAddress,
  createVeth,
  deleteAddress,
  deleteDefaultRoute,
  deleteNeighbour,
  linkQuery,
  setBridgePort,
  setDefaultDeviceRoute,
  setDefaultRoute,
  setLink,
} from "../linux/netlink-route.ts";
import { decodeLink } from "../linux/netlink-route-answers.ts";
import type { NetlinkRequest, NetlinkSocket } from "../linux/netlink-socket.ts";
import { parseMac } from "./bridge-interface.ts";
import type { BridgeRecord, EndpointRecord } from "./network-records.ts";

/** Both sides of the wire: our namespace and the container's. */
export interface WireEnds {
  hostRoute: NetlinkSocket;
  containerRoute: NetlinkSocket;
}

const toBytes = (address: string): Uint8Array => ipBytes(parseIp(address)!);

/** The addresses of a membership, for the kernel. */
export function endpointAddresses(endpoint: EndpointRecord): { address: Uint8Array; prefixBits: number }[] {
  const found: { address: Uint8Array; prefixBits: number }[] = [];
  if (endpoint.ipv4 !== undefined)
    found.push({ address: toBytes(endpoint.ipv4), prefixBits: endpoint.ipv4PrefixBits! });
  if (endpoint.ipv6 !== undefined)
    found.push({ address: toBytes(endpoint.ipv6), prefixBits: endpoint.ipv6PrefixBits! });
  return found;
}

/**
 * Makes the pair and gives the container's end its IPv4 address; fills in the interface's number. Half-made pairs are the
 * caller's to remove.
 * @throws {SysError}
 */
export async function plugIn(
  { hostRoute, containerRoute }: WireEnds,
  endpoint: EndpointRecord,
  bridge: BridgeRecord & { index: number },
  namespaceFd: number,
): Promise<void> {
  const { hostInterfaceName: hostName, interfaceName: peerName } = endpoint;
  const mac = parseMac(endpoint.mac);
  const requests = [createVeth({ hostName, bridgeIndex: bridge.index, peerName, namespaceFd, mac, mtu: bridge.mtu })];
  // With br_netfilter even what is translated stays on the bridge, also when it leads back to where it came from.
  const port = { hairpin: bridge.routesNeighbours === true, isolated: !bridge.allowsTalk };
  if (port.hairpin || port.isolated) requests.push(setBridgePort(hostName, port));
  await hostRoute.requestInBackground(requests);
  const [link] = await containerRoute.queryInBackground(linkQuery(peerName), `look at interface ${peerName}`);
  endpoint.interfaceIndex = link === undefined ? 0 : decodeLink(link).index;
  // Up last: the announcement to the neighbours that the kernel then makes tells the addresses.
  await containerRoute.requestInBackground([
    ...endpointAddresses({ ...endpoint, ipv6: undefined }).map((address) =>
      addAddress(endpoint.interfaceIndex, address),
    ),
    setLink(peerName, { up: true }),
  ]);
}

/** Lets frames leave by the port of the bridge that they came from. @throws {SysError} */
export async function setHairpin(
  hostRoute: NetlinkSocket,
  { hostInterfaceName }: EndpointRecord,
  bridge: BridgeRecord | undefined,
): Promise<void> {
  if (bridge === undefined) return;
  const port = setBridgePort(hostInterfaceName, { hairpin: true, isolated: !bridge.allowsTalk });
  await hostRoute.requestInBackground([port]);
}

/** Gives the container's interface its IPv6 address, once IPv6 is switched on for it. @throws {SysError} */
export async function addIpv6Address(containerRoute: NetlinkSocket, endpoint: EndpointRecord): Promise<void> {
  const { ipv6, ipv6PrefixBits = 128, interfaceIndex } = endpoint;
  if (ipv6 === undefined) return;
  const address = addAddress(interfaceIndex, { address: toBytes(ipv6), prefixBits: ipv6PrefixBits });
  await containerRoute.requestInBackground([address]);
}

/**
 * Makes the container silent on the network at once, for its addresses may be given to another while the kernel still
 * takes the interface apart; and lets the machine forget the container's hardware address.
 */
export async function silence(
  { hostRoute, containerRoute }: WireEnds,
  endpoint: EndpointRecord,
  bridgeIndex: number,
): Promise<void> {
  const own = endpointAddresses(endpoint);
  await containerRoute.requestInBackground(own.map((address) => deleteAddress(endpoint.interfaceIndex, address)));
  await hostRoute.requestInBackground(own.map(({ address }) => deleteNeighbour(bridgeIndex, address)));
}

/** Points the default routes of both IP versions at the gateways of these endpoints; without one the route goes. */
export async function setDefaultRoutes(
  containerRoute: NetlinkSocket,
  ipv4: EndpointRecord | undefined,
  ipv6: EndpointRecord | undefined,
): Promise<void> {
  const requests: NetlinkRequest[] = [];
  for (const [endpoint, gateway, addressBytes] of [
    [ipv4, ipv4?.ipv4Gateway, 4],
    [ipv6, ipv6?.ipv6Gateway, 16],
  ] as const) {
    if (endpoint?.routesByInterface) requests.push(setDefaultDeviceRoute(endpoint.interfaceIndex, addressBytes));
    else if (endpoint === undefined || gateway === undefined) requests.push(deleteDefaultRoute(addressBytes));
    else {
      const isAlone = addressBytes === 4 && endpoint.ipv4PrefixBits === 32;
      requests.push(setDefaultRoute(endpoint.interfaceIndex, toBytes(gateway), isAlone));
    }
  }
  await containerRoute.requestInBackground(requests);
}
