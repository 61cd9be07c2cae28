/** Interfaces, addresses and routes as the kernel tells them (rtnetlink(7), linux/if_link.h). Pure decoders. */

import { attributeText, type NetlinkMessage, parseAttributes } from "./netlink-message.ts";
import { IFA, IFLA, type RawPrefix, RTA } from "./netlink-route.ts";

interface LinkCounters {
  rxPackets: number;
  txPackets: number;
  rxBytes: number;
  txBytes: number;
  rxErrors: number;
  txErrors: number;
  rxDropped: number;
  txDropped: number;
}
export interface Link {
  index: number;
  name: string;
  mac: Uint8Array;
  /** Index of the bridge that it is a port of. */
  master: number | undefined;
  counters: LinkCounters | undefined;
}

export function decodeLink({ body }: NetlinkMessage): Link {
  const attributes = parseAttributes(body.subarray(16));
  const stats = attributes.get(IFLA.STATS64);
  return {
    index: body.readInt32LE(4),
    name: attributeText(attributes.get(IFLA.IFNAME)),
    mac: attributes.get(IFLA.ADDRESS) ?? new Uint8Array(),
    master: attributes.get(IFLA.MASTER)?.readUInt32LE(0),
    counters: stats === undefined ? undefined : decodeCounters(stats),
  };
}

/** rtnl_link_stats64: packets, bytes, errors, dropped, each received and sent. */
function decodeCounters(stats: Buffer): LinkCounters {
  const at = (index: number): number => Number(stats.readBigUInt64LE(index * 8));
  return {
    rxPackets: at(0),
    txPackets: at(1),
    rxBytes: at(2),
    txBytes: at(3),
    rxErrors: at(4),
    txErrors: at(5),
    rxDropped: at(6),
    txDropped: at(7),
  };
}

interface LinkAddress extends RawPrefix {
  /** Of the interface. */
  index: number;
}

export function decodeAddress({ body }: NetlinkMessage): LinkAddress {
  const attributes = parseAttributes(body.subarray(8));
  const address = attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS) ?? new Uint8Array();
  return { index: body.readUInt32LE(4), address, prefixBits: body[1] ?? 0 };
}

/** Destination of a route in the main table; undefined for a default route and for other tables. */
export function decodeRouteDestination({ body }: NetlinkMessage): LinkAddress | undefined {
  const attributes = parseAttributes(body.subarray(12));
  const address = attributes.get(RTA.DST);
  const prefixBits = body[1] ?? 0;
  if (address === undefined || prefixBits === 0 || body[4] !== 254) return undefined;
  return { address, prefixBits, index: attributes.get(RTA.OIF)?.readUInt32LE(0) ?? 0 };
}
