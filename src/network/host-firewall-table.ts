/**
 * The nftables table of one naru instance on the host, as data. Bridges and published ports are elements of its sets
 * and maps, so that its rules never change and a packet costs the same however many ports are published.
 *
 * What the rules say, in their order:
 * - guard: nobody behind a bridge may use loopback addresses, which `route_localnet` would otherwise let in.
 * - prerouting, output: what goes to a published port of this machine goes to its container. A port that several containers
 *   share has slots, each of which leads to one of them; every connection draws a slot.
 * - postrouting: the source becomes the bridge's own address where the answer could not come back otherwise (from the
 *   machine's loopback; from a neighbour on the same bridge that answers past us; from the container itself), and this machine's address for what leaves for the world.
 * - redirects: containers whose talk is routed are not told that their neighbours are nearer than us.
 * - forward: no packet crosses from or to internal networks; to the others come only answers and published ports.
 *   Accepting here leaves the last word to the administrator's own tables.
 */

import { ipBytes, parseIp } from "../lib/ip-address.ts";
import type { Expression } from "../linux/nftables-expression.ts";
import { interfaceKey, joinFields, type NftTable, portField } from "../linux/nftables-message.ts";
import type { PlacedElement } from "../linux/nftables-table.ts";
import type { PortProtocol, PublishedPort } from "./network-records.ts";

const SETS = {
  bridges: "bridges",
  internal: "internal",
  masqueraded: "masqueraded",
  same: "same-bridge",
  switched: "switched",
  routed: "routed",
  toItself: "to-itself",
  ports: "ports",
  anyAddressPorts: "any-address-ports",
  sharedPorts: "shared-ports",
  sharedAnyAddressPorts: "shared-any-address-ports",
} as const;

const IPV4 = 2;
const RTN_LOCAL = 2;
const IPPROTO_ICMP = 1;
const ICMP_REDIRECT = 5;
/** Bits of `ct state`. */
const ESTABLISHED_OR_RELATED = 2 | 4;
/** IPS_DST_NAT of `ct status`. */
const DESTINATION_TRANSLATED = 32;
const PROTOCOL_NUMBER: Record<PortProtocol, number> = { tcp: 6, udp: 17, sctp: 132 };

const word = (value: number): Uint8Array => Uint8Array.of(value & 255, (value >> 8) & 255, 0, 0);

const inSet = (key: "iifname" | "oifname", set: string, isInverted = false): Expression[] => [
  { op: "meta", key, register: 1 },
  { op: "lookup", register: 1, set, isInverted },
];
const onOneBridge = (set: string): Expression[] => [
  { op: "meta", key: "iifname", register: 1 },
  { op: "meta", key: "oifname", register: 2 },
  { op: "lookup", register: 1, set },
];
/** Frames that only cross a bridge (br_netfilter) have no incoming interface here: the addresses tell. */
const toItself: Expression[] = [
  { op: "meta", key: "nfproto", register: 1 },
  { op: "compare", register: 1, is: "equal", value: Uint8Array.of(IPV4) },
  { op: "payload", base: "network", offset: 12, bytes: 4, register: 1 },
  { op: "payload", base: "network", offset: 16, bytes: 4, register: 9 },
  { op: "lookup", register: 1, set: SETS.toItself },
];
const isIpv4: Expression[] = [
  { op: "meta", key: "nfproto", register: 1 },
  { op: "compare", register: 1, is: "equal", value: Uint8Array.of(IPV4) },
];
/** Offsets in the IPv4 header: 12 source, 16 destination. */
const loopback = (offset: 12 | 16): Expression[] => [
  ...isIpv4,
  { op: "payload", base: "network", offset, bytes: 1, register: 1 },
  { op: "compare", register: 1, is: "equal", value: Uint8Array.of(127) },
];
const hasBit = (key: "state" | "status", mask: number): Expression[] => [
  { op: "ct", key, register: 1 },
  { op: "mask", register: 1, mask },
  { op: "compare", register: 1, is: "different", value: word(0) },
];
const toThisMachine: Expression[] = [
  { op: "destination-type", register: 1 },
  { op: "compare", register: 1, is: "equal", value: word(RTN_LOCAL) },
  ...isIpv4,
];
const icmpRedirect: Expression[] = [
  ...isIpv4,
  { op: "meta", key: "l4proto", register: 1 },
  { op: "compare", register: 1, is: "equal", value: Uint8Array.of(IPPROTO_ICMP) },
  { op: "payload", base: "transport", offset: 0, bytes: 1, register: 1 },
  { op: "compare", register: 1, is: "equal", value: Uint8Array.of(ICMP_REDIRECT) },
];
const accept: Expression = { op: "verdict", verdict: "accept" };
const drop: Expression = { op: "verdict", verdict: "drop" };
const masquerade: Expression = { op: "masquerade" };

// Concatenated keys and data lie in neighbouring 4-byte registers: 1 (the same as 8), 9, 10.
const toPublishedPort: Expression[][] = [
  [
    ...toThisMachine,
    { op: "meta", key: "l4proto", register: 1 },
    { op: "payload", base: "network", offset: 16, bytes: 4, register: 9 },
    { op: "payload", base: "transport", offset: 2, bytes: 2, register: 10 },
    { op: "lookup", register: 1, set: SETS.ports, dataRegister: 1 },
    { op: "dnat4", addressRegister: 1, portRegister: 9 },
  ],
  [
    ...toThisMachine,
    { op: "meta", key: "l4proto", register: 1 },
    { op: "payload", base: "transport", offset: 2, bytes: 2, register: 9 },
    { op: "lookup", register: 1, set: SETS.anyAddressPorts, dataRegister: 1 },
    { op: "dnat4", addressRegister: 1, portRegister: 9 },
  ],
];

/** Divides evenly among 2, 3, 4, 5, 6, 10 and 12 containers. */
const SHARING_SLOTS = 60;
const drawSlot = (register: number): Expression => ({ op: "random", below: SHARING_SLOTS, register });
const toSharedPort: Expression[][] = [
  [
    ...toThisMachine,
    { op: "meta", key: "l4proto", register: 1 },
    { op: "payload", base: "network", offset: 16, bytes: 4, register: 9 },
    { op: "payload", base: "transport", offset: 2, bytes: 2, register: 10 },
    drawSlot(11),
    { op: "lookup", register: 1, set: SETS.sharedPorts, dataRegister: 1 },
    { op: "dnat4", addressRegister: 1, portRegister: 9 },
  ],
  [
    ...toThisMachine,
    { op: "meta", key: "l4proto", register: 1 },
    { op: "payload", base: "transport", offset: 2, bytes: 2, register: 9 },
    drawSlot(10),
    { op: "lookup", register: 1, set: SETS.sharedAnyAddressPorts, dataRegister: 1 },
    { op: "dnat4", addressRegister: 1, portRegister: 9 },
  ],
];
const sharedSets = [
  {
    name: SETS.sharedPorts,
    key: ["inet_proto", "ipv4_addr", "inet_service", "mark"],
    data: ["ipv4_addr", "inet_service"],
  },
  {
    name: SETS.sharedAnyAddressPorts,
    key: ["inet_proto", "inet_service", "mark"],
    data: ["ipv4_addr", "inet_service"],
  },
] as const;

/** What the table holds, without elements. `canShare`: whether the kernel knows random numbers (nft_numgen). */
export function hostTable(canShare = true): Pick<NftTable, "sets" | "chains"> {
  const toPort = canShare ? [...toPublishedPort, ...toSharedPort] : toPublishedPort;
  return {
    sets: [
      { name: SETS.bridges, key: ["ifname"] },
      { name: SETS.internal, key: ["ifname"] },
      { name: SETS.masqueraded, key: ["ifname"] },
      { name: SETS.same, key: ["ifname", "ifname"] },
      { name: SETS.switched, key: ["ifname", "ifname"] },
      { name: SETS.routed, key: ["ifname"] },
      { name: SETS.toItself, key: ["ipv4_addr", "ipv4_addr"] },
      { name: SETS.ports, key: ["inet_proto", "ipv4_addr", "inet_service"], data: ["ipv4_addr", "inet_service"] },
      { name: SETS.anyAddressPorts, key: ["inet_proto", "inet_service"], data: ["ipv4_addr", "inet_service"] },
      ...(canShare ? sharedSets : []),
    ],
    chains: [
      {
        name: "guard",
        type: "filter",
        hook: "prerouting",
        priority: -300,
        rules: [
          [...inSet("iifname", SETS.bridges), ...loopback(16), drop],
          [...inSet("iifname", SETS.bridges), ...loopback(12), drop],
        ],
      },
      {
        name: "redirects",
        type: "filter",
        hook: "output",
        priority: 0,
        rules: [[...inSet("oifname", SETS.routed), ...icmpRedirect, drop]],
      },
      { name: "prerouting", type: "nat", hook: "prerouting", priority: -100, rules: toPort },
      { name: "output", type: "nat", hook: "output", priority: -100, rules: toPort },
      {
        name: "postrouting",
        type: "nat",
        hook: "postrouting",
        priority: 100,
        rules: [
          [...onOneBridge(SETS.switched), ...hasBit("status", DESTINATION_TRANSLATED), masquerade],
          [...toItself, masquerade],
          [...loopback(12), ...inSet("oifname", SETS.bridges), masquerade],
          [...inSet("iifname", SETS.masqueraded), ...inSet("oifname", SETS.bridges, true), masquerade],
        ],
      },
      {
        name: "forward",
        type: "filter",
        hook: "forward",
        priority: 0,
        rules: [
          [...onOneBridge(SETS.same), accept],
          [...inSet("iifname", SETS.internal), drop],
          [...inSet("oifname", SETS.internal), drop],
          [...inSet("oifname", SETS.bridges), ...hasBit("state", ESTABLISHED_OR_RELATED), accept],
          [...inSet("oifname", SETS.bridges), ...hasBit("status", DESTINATION_TRANSLATED), accept],
          [...inSet("oifname", SETS.bridges), drop],
        ],
      },
    ],
  };
}

/** What the firewall must know of a bridge. */
export interface FirewallBridge {
  interfaceName: string;
  isInternal: boolean;
  masquerades: boolean;
  /** See BridgeRecord. */
  routesNeighbours: boolean;
}

/** The sets that a bridge is in, with its key in each. */
export function bridgeElements(bridge: FirewallBridge): PlacedElement[] {
  const key = interfaceKey(bridge.interfaceName);
  const elements: PlacedElement[] = [
    { set: SETS.bridges, key },
    { set: SETS.same, key: interfaceKey(bridge.interfaceName, bridge.interfaceName) },
  ];
  if (bridge.routesNeighbours) elements.push({ set: SETS.routed, key });
  else elements.push({ set: SETS.switched, key: interfaceKey(bridge.interfaceName, bridge.interfaceName) });
  if (bridge.isInternal) elements.push({ set: SETS.internal, key });
  else if (bridge.masquerades) elements.push({ set: SETS.masqueraded, key });
  return elements;
}

/** The map element of a port that is published on an IPv4 address of the host. */
export function portElement(port: PublishedPort, targetIp: string): PlacedElement {
  const protocol = Uint8Array.of(PROTOCOL_NUMBER[port.protocol]);
  const data = joinFields(addressBytes(targetIp), portField(port.containerPort));
  if (port.hostIp === "0.0.0.0") {
    return { set: SETS.anyAddressPorts, key: joinFields(protocol, portField(port.hostPort)), data };
  }
  return { set: SETS.ports, key: joinFields(protocol, addressBytes(port.hostIp), portField(port.hostPort)), data };
}

/** Where a published port leads. */
export interface PortTarget {
  ip: string;
  port: number;
}

/** The map elements of a port on an IPv4 address of the host: one for a single target, else one for each slot. */
export function portElements(port: PublishedPort, targets: readonly PortTarget[]): PlacedElement[] {
  const of = ({ ip, port: containerPort }: PortTarget) => portElement({ ...port, containerPort }, ip);
  if (targets.length < 2) return targets.map(of);
  return Array.from({ length: SHARING_SLOTS }, (_, slot) => {
    const { set, key, ...rest } = of(targets[slot % targets.length]!);
    const shared = set === SETS.anyAddressPorts ? SETS.sharedAnyAddressPorts : SETS.sharedPorts;
    return { ...rest, set: shared, key: joinFields(key, word(slot)) };
  });
}

/** The element that stands for a container with published ports, which it may call itself. */
export function selfElement(targetIp: string): PlacedElement {
  return { set: SETS.toItself, key: joinFields(addressBytes(targetIp), addressBytes(targetIp)) };
}

function addressBytes(text: string): Uint8Array {
  const address = parseIp(text);
  if (address?.version !== 4) throw new Error(`${text} is no IPv4 address`);
  return ipBytes(address);
}
