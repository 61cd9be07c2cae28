/** What the machine itself uses: a subnet chosen for containers must not hide it. */

import { type IpPrefix, ipFromBytes, prefixOf } from "../lib/ip-address.ts";
import { dumpQuery, RTM } from "../linux/netlink-route.ts";
import { decodeAddress, decodeRouteDestination } from "../linux/netlink-route-answers.ts";
import type { NetlinkSocket } from "../linux/netlink-socket.ts";

interface HostPrefix {
  prefix: IpPrefix;
  /** Index of the interface that it lies behind. */
  interfaceIndex: number;
}

/** The subnets of the interfaces' addresses and the destinations of routes, default routes left out. @throws {SysError} */
export function listHostPrefixes(route: NetlinkSocket): HostPrefix[] {
  const addresses = route.query(dumpQuery(RTM.GETADDR), "list addresses").map(decodeAddress);
  const routes = route.query(dumpQuery(RTM.GETROUTE), "list routes").map(decodeRouteDestination);
  return [...addresses, ...routes].flatMap((raw) => {
    if (raw === undefined || raw.address.length === 0) return [];
    const { version, value } = ipFromBytes(raw.address);
    return [{ prefix: prefixOf(version, value, raw.prefixBits), interfaceIndex: raw.index }];
  });
}
