/**
 * Interfaces, addresses and routes as rtnetlink requests (rtnetlink(7), linux/if_link.h). Pure encoders; what the kernel answers is read in
 * netlink-route-answers.ts.
 */

import { formatIp, ipFromBytes } from "../lib/ip-address.ts";
import { attribute, message, NLM_F, nested, text, u8, u32 } from "./netlink-message.ts";
import type { NetlinkRequest } from "./netlink-socket.ts";

export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  DELNEIGH: 29,
} as const;
const AF = { UNSPEC: 0, INET: 2, INET6: 10 } as const;
const IFF_UP = 1;
export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  LINKINFO: 18,
  STATS64: 23,
  NET_NS_FD: 28,
} as const;
export const INFO = { KIND: 1, DATA: 2 } as const;
const INFO_SLAVE_KIND = 4;
const INFO_SLAVE_DATA = 5;
const VETH_INFO_PEER = 1;
const BRPORT = { MODE: 4, ISOLATED: 33 } as const;
export const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4, FLAGS: 8 } as const;
const IFA_F_NODAD = 2;
const NDA_DST = 1;
export const RTA = { DST: 1, OIF: 4, GATEWAY: 5 } as const;
const ENOENT = 2;
const EEXIST = 17;
const EADDRNOTAVAIL = 99;
/** Both: a kernel without IPv6. */
const EOPNOTSUPP = 95;
const EAFNOSUPPORT = 97;
const ENODEV = 19;
const ESRCH = 3;

/** The raw bytes of an address, 4 or 16, and the length of its prefix. */
export interface RawPrefix {
  address: Uint8Array;
  prefixBits: number;
}

const family = (address: Uint8Array): number => (address.length === 4 ? AF.INET : AF.INET6);

/** ifinfomsg: family, pad, device type, index, flags, mask of flags. */
export function linkHeader(options: { index?: number; up?: boolean } = {}): Buffer {
  const header = Buffer.alloc(16);
  header[0] = AF.UNSPEC;
  header.writeInt32LE(options.index ?? 0, 4);
  if (options.up !== undefined) {
    header.writeUInt32LE(options.up ? IFF_UP : 0, 8);
    header.writeUInt32LE(IFF_UP, 12);
  }
  return header;
}

/** A bridge, up. EEXIST when the name is taken. */
export function createBridge(name: string, options: { mtu?: number; mac: Uint8Array }): NetlinkRequest {
  const parts = [linkHeader({ up: true }), text(IFLA.IFNAME, name), attribute(IFLA.ADDRESS, options.mac)];
  if (options.mtu !== undefined) parts.push(u32(IFLA.MTU, options.mtu));
  parts.push(nested(IFLA.LINKINFO, text(INFO.KIND, "bridge")));
  return {
    message: message(RTM.NEWLINK, NLM_F.CREATE | NLM_F.EXCL, Buffer.concat(parts)),
    what: `create bridge ${name}`,
  };
}

interface VethSpec {
  /** Our end, a port of the bridge. */
  hostName: string;
  bridgeIndex: number;
  /** The container's end, made in the namespace of `namespaceFd`. */
  peerName: string;
  namespaceFd: number;
  mac: Uint8Array;
  mtu: number;
}

/** A pair of interfaces: one a port of the bridge, up; the other in the container's namespace, still down. */
export function createVeth(spec: VethSpec): NetlinkRequest {
  const peer = [
    linkHeader(),
    text(IFLA.IFNAME, spec.peerName),
    attribute(IFLA.ADDRESS, spec.mac),
    u32(IFLA.MTU, spec.mtu),
    u32(IFLA.NET_NS_FD, spec.namespaceFd),
  ];
  const body = Buffer.concat([
    linkHeader({ up: true }),
    text(IFLA.IFNAME, spec.hostName),
    u32(IFLA.MTU, spec.mtu),
    u32(IFLA.MASTER, spec.bridgeIndex),
    nested(IFLA.LINKINFO, text(INFO.KIND, "veth"), nested(INFO.DATA, nested(VETH_INFO_PEER, ...peer))),
  ]);
  return {
    message: message(RTM.NEWLINK, NLM_F.CREATE | NLM_F.EXCL, body),
    what: `create interface ${spec.hostName}`,
  };
}

/** Flags of a bridge port: hairpin (frames may leave by the port they came from), isolated (not to other isolated ones). */
export function setBridgePort(name: string, options: { hairpin: boolean; isolated: boolean }): NetlinkRequest {
  const flags = [u8(BRPORT.MODE, options.hairpin ? 1 : 0), u8(BRPORT.ISOLATED, options.isolated ? 1 : 0)];
  const info = nested(IFLA.LINKINFO, text(INFO_SLAVE_KIND, "bridge"), nested(INFO_SLAVE_DATA, ...flags));
  const body = Buffer.concat([linkHeader(), text(IFLA.IFNAME, name), info]);
  return { message: message(RTM.NEWLINK, 0, body), what: `set up bridge port ${name}` };
}

/** Changes an interface. */
export function setLink(name: string, change: { up?: boolean; mtu?: number }): NetlinkRequest {
  const parts = [linkHeader(change.up === undefined ? {} : { up: change.up }), text(IFLA.IFNAME, name)];
  if (change.mtu !== undefined) parts.push(u32(IFLA.MTU, change.mtu));
  return { message: message(RTM.NEWLINK, 0, Buffer.concat(parts)), what: `set up interface ${name}` };
}

/** Gives an interface that is down another name. */
export function renameLink(index: number, name: string): NetlinkRequest {
  const body = Buffer.concat([linkHeader({ index }), text(IFLA.IFNAME, name)]);
  return { message: message(RTM.NEWLINK, 0, body), what: `name interface ${index} ${name}` };
}

/** Takes many milliseconds inside the kernel: for `requestInBackground`. An interface that is gone already is fine. */
export function deleteLink(name: string): NetlinkRequest {
  const body = Buffer.concat([linkHeader(), text(IFLA.IFNAME, name)]);
  return { message: message(RTM.DELLINK, 0, body), what: `delete interface ${name}`, acceptedErrnos: [ENODEV] };
}

/** IPv6 addresses are usable at once: we gave them out, so nobody else has them (no duplicate address detection). */
export function addAddress(index: number, { address, prefixBits }: RawPrefix): NetlinkRequest {
  const parts = [addressHeader(index, address, prefixBits), attribute(IFA.LOCAL, address)];
  parts.push(attribute(IFA.ADDRESS, address));
  if (address.length === 4 && prefixBits < 31) parts.push(attribute(IFA.BROADCAST, broadcast(address, prefixBits)));
  if (address.length === 16) parts.push(u32(IFA.FLAGS, IFA_F_NODAD));
  return {
    message: message(RTM.NEWADDR, NLM_F.CREATE | NLM_F.EXCL, Buffer.concat(parts)),
    what: `add address ${addressText(address)}/${prefixBits}`,
    acceptedErrnos: [EEXIST],
  };
}

export function deleteAddress(index: number, { address, prefixBits }: RawPrefix): NetlinkRequest {
  const body = Buffer.concat([addressHeader(index, address, prefixBits), attribute(IFA.LOCAL, address)]);
  return {
    message: message(RTM.DELADDR, 0, body),
    what: `delete address ${addressText(address)}/${prefixBits}`,
    acceptedErrnos: [ENODEV, EADDRNOTAVAIL],
  };
}

/** ifaddrmsg: family, prefix, flags, scope, index. */
function addressHeader(index: number, address: Uint8Array, prefixBits: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = family(address);
  header[1] = prefixBits;
  header.writeUInt32LE(index, 4);
  return header;
}

function broadcast(address: Uint8Array, prefixBits: number): Uint8Array {
  const hostMask = 2 ** (32 - prefixBits) - 1;
  const value = Buffer.from(address).readUInt32BE(0);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE((value | hostMask) >>> 0);
  return bytes;
}

/** Forgets which hardware address the host believes an address to have. */
export function deleteNeighbour(index: number, address: Uint8Array): NetlinkRequest {
  const header = Buffer.alloc(12);
  header[0] = family(address);
  header.writeInt32LE(index, 4);
  const body = Buffer.concat([header, attribute(NDA_DST, address)]);
  return { message: message(RTM.DELNEIGH, 0, body), what: "forget a neighbour", acceptedErrnos: [ENOENT, ENODEV] };
}

/**
 * The default route by `gateway` through interface `index`, replacing one that is there.
 * @param isOnLink the gateway is reached by the interface although no route says so
 */
export function setDefaultRoute(index: number, gateway: Uint8Array, isOnLink = false): NetlinkRequest {
  const attributes = [attribute(RTA.GATEWAY, gateway), u32(RTA.OIF, index)];
  const body = routeBody(gateway.length, attributes, { flags: isOnLink ? RTNH_F_ONLINK : 0 });
  return {
    message: message(RTM.NEWROUTE, NLM_F.CREATE | NLM_F.REPLACE, body),
    what: `set default route by ${addressText(gateway)}`,
  };
}

/** The default route straight out of interface `index`, without a gateway, replacing one that is there. */
export function setDefaultDeviceRoute(index: number, addressBytes: 4 | 16): NetlinkRequest {
  return {
    message: message(
      RTM.NEWROUTE,
      NLM_F.CREATE | NLM_F.REPLACE,
      routeBody(addressBytes, [u32(RTA.OIF, index)], { scope: LINK_SCOPE }),
    ),
    what: "set default route by interface",
  };
}

/** Removes the default route of the family; fine when there is none. */
export function deleteDefaultRoute(addressBytes: 4 | 16): NetlinkRequest {
  return {
    message: message(RTM.DELROUTE, 0, routeBody(addressBytes, [])),
    what: "delete default route",
    acceptedErrnos: [ENOENT, ESRCH, EOPNOTSUPP, EAFNOSUPPORT],
  };
}

/** For messages. */
const addressText = (bytes: Uint8Array): string => formatIp(ipFromBytes(bytes));

const LINK_SCOPE = 253;
const RTNH_F_ONLINK = 4;

function routeBody(addressBytes: number, attributes: Buffer[], { scope = 0, flags = 0 } = {}): Buffer {
  // rtmsg: family, dst_len, src_len, tos, table (254: main), protocol (3: boot), scope (0: universe, 253: link), type (1: unicast).
  const isIpv4 = addressBytes === 4;
  const isAddition = attributes.length > 0;
  const header = Buffer.from([
    isIpv4 ? AF.INET : AF.INET6,
    0,
    0,
    0,
    254,
    isAddition ? 3 : 0,
    scope,
    isAddition ? 1 : 0,
  ]);
  const flagBytes = Buffer.alloc(4);
  flagBytes.writeUInt32LE(flags);
  return Buffer.concat([header, flagBytes, ...attributes]);
}

/** A dump of everything of one kind; RTM.GETLINK, GETADDR or GETROUTE. */
export function dumpQuery(type: number): Buffer {
  return message(type, NLM_F.DUMP, linkHeader());
}

/** One interface by its name. ENODEV when there is none. */
export function linkQuery(name: string): Buffer {
  return message(RTM.GETLINK, 0, Buffer.concat([linkHeader(), text(IFLA.IFNAME, name)]));
}
