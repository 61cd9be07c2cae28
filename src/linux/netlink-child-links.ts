/** Interfaces that stand on another one: macvlan, ipvlan, VLANs; and dummies to stand on. Pure encoders (linux/if_link.h). */
import { attribute, message, NLM_F, nested, text, u16, u32 } from "./netlink-message.ts";
import { IFLA, INFO, linkHeader } from "./netlink-route.ts";
import type { NetlinkRequest } from "./netlink-socket.ts";

const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
const IPVLAN_MODES = { l2: 0, l3: 1, l3s: 2 } as const;
const IPVLAN_FLAGS = { bridge: 0, private: 1, vepa: 2 } as const;
const ATTRIBUTE = { macvlanMode: 1, ipvlanMode: 1, ipvlanFlags: 2, vlanId: 1 } as const;

export type MacvlanMode = keyof typeof MACVLAN_MODES;
export type IpvlanMode = keyof typeof IPVLAN_MODES;
export type IpvlanFlag = keyof typeof IPVLAN_FLAGS;
/** How containers stand on the parent. */
export type ChildKind =
  | { kind: "macvlan"; mode: MacvlanMode }
  /** All of an ipvlan's interfaces have the parent's hardware address. */
  | { kind: "ipvlan"; mode: IpvlanMode; flag: IpvlanFlag };

interface ChildSpec {
  name: string;
  parentIndex: number;
  child: ChildKind;
  /** Undefined: in our own namespace. */
  namespaceFd?: number;
  /** Of a macvlan. */
  mac?: Uint8Array;
}

/** A container's interface on a parent, still down. EOPNOTSUPP when the kernel has no such interfaces. */
export function createChild({ name, parentIndex, child, namespaceFd, mac }: ChildSpec): NetlinkRequest {
  const parts = [linkHeader(), text(IFLA.IFNAME, name), u32(IFLA.LINK, parentIndex)];
  if (namespaceFd !== undefined) parts.push(u32(IFLA.NET_NS_FD, namespaceFd));
  if (mac !== undefined && child.kind === "macvlan") parts.push(attribute(IFLA.ADDRESS, mac));
  const data =
    child.kind === "macvlan"
      ? [u32(ATTRIBUTE.macvlanMode, MACVLAN_MODES[child.mode])]
      : [u16(ATTRIBUTE.ipvlanMode, IPVLAN_MODES[child.mode]), u16(ATTRIBUTE.ipvlanFlags, IPVLAN_FLAGS[child.flag])];
  parts.push(nested(IFLA.LINKINFO, text(INFO.KIND, child.kind), nested(INFO.DATA, ...data)));
  return creation(parts, `create the ${child.kind} interface ${name}`);
}

/** The part of a parent's traffic with this VLAN id, up. */
export function createVlan(name: string, parentIndex: number, id: number): NetlinkRequest {
  const parts = [linkHeader({ up: true }), text(IFLA.IFNAME, name), u32(IFLA.LINK, parentIndex)];
  parts.push(nested(IFLA.LINKINFO, text(INFO.KIND, "vlan"), nested(INFO.DATA, u16(ATTRIBUTE.vlanId, id))));
  return creation(parts, `create the VLAN interface ${name}`);
}

/** A parent without a wire, up: what stands on it reaches only each other. */
export function createDummy(name: string): NetlinkRequest {
  const parts = [linkHeader({ up: true }), text(IFLA.IFNAME, name), nested(IFLA.LINKINFO, text(INFO.KIND, "dummy"))];
  return creation(parts, `create the interface ${name}`);
}

function creation(parts: Buffer[], what: string): NetlinkRequest {
  return { message: message(16, NLM_F.CREATE | NLM_F.EXCL, Buffer.concat(parts)), what };
}
