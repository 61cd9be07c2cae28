/**
 * The nftables table of a cluster's services, as data. Services and their endpoints are elements of its maps, so that its rules
 * never change and a packet costs the same however many services there are.
 *
 * A service's port is known by protocol, address and port ("any address of this machine" is 0.0.0.0). It leads to its only endpoint, or
 * to as many slots as its endpoints need, of which each connection draws one. With session affinity the client's address is
 * remembered with the endpoint that it drew: when the connection's first packet leaves, since only then the endpoint is the packet's own
 * destination, from where rules may take it.
 */
import type { Span } from "../../lib/address-spans.ts";
import type { Expression } from "../../linux/nftables-expression.ts";
import { joinFields, type NftElement, type NftTable, portField } from "../../linux/nftables-message.ts";
import type { PlacedElement } from "../../linux/nftables-table.ts";

export type ServiceProtocol = "TCP" | "UDP" | "SCTP";
export interface ServiceFront {
  readonly protocol: ServiceProtocol;
  /** IPv4; "0.0.0.0" for every address of this machine. */
  readonly ip: string;
  readonly port: number;
}
export interface ServiceBack {
  readonly ip: string;
  readonly port: number;
}
/** A front, where it leads, and for how many seconds a client keeps its endpoint (0: each connection anew). */
export interface ServiceWay {
  readonly front: ServiceFront;
  readonly backs: readonly ServiceBack[];
  readonly affinitySeconds: number;
  /** Clients' addresses that may come in, in spans that neither overlap nor touch; everybody when absent. */
  readonly sources?: readonly Span[];
}

const PROTOCOL_NUMBER: Record<ServiceProtocol, number> = { TCP: 6, UDP: 17, SCTP: 132 };
const IPV4 = 2;
const RTN_LOCAL = 2;
const ANY_ADDRESS = Uint8Array.of(0, 0, 0, 0);
/** Divides evenly among most small numbers; more endpoints than half of it get the larger one. */
const FEW = 60;
const MANY = 840;
const ADDRESS_BYTES = 4;
const MOST_CLIENTS = 65_536;
/** The set of endpoints of services with affinity. */
export const LIVE = "live";
const SETS = { single: "single", few: "few", many: "many", live: LIVE, own: "own" };
const affine = (seconds: number) => `affine-${seconds}`;
/** The map of clients that services with that affinity remember. */
export const clientsSet = (seconds: number) => `clients-${seconds}`;

const word = (value: number): Uint8Array => Uint8Array.of(value & 255, (value >> 8) & 255, 0, 0);
const isIpv4: Expression[] = [
  { op: "meta", key: "nfproto", register: 1 },
  { op: "compare", register: 1, is: "equal", value: Uint8Array.of(IPV4) },
];
const isThisMachine: Expression[] = [
  { op: "destination-type", register: 1 },
  { op: "compare", register: 1, is: "equal", value: word(RTN_LOCAL) },
];

/** How fronts are known in sets. */
export const FRONT_KEY = ["inet_proto", "ipv4_addr", "inet_service"] as const;

/** The 4-byte registers that a rule uses: the client's address, then the front (three), then what follows it. */
export const CLIENT = 8;
export const FRONT = 9;
const AFTER = 12;

/** Fills CLIENT and FRONT; the front's address is 0.0.0.0 for those that stand for every address of this machine. */
export function readPacket(isLocal: boolean): Expression[] {
  const address: Expression = isLocal
    ? { op: "load", register: FRONT + 1, value: ANY_ADDRESS }
    : { op: "payload", base: "network", offset: 16, bytes: 4, register: FRONT + 1 };
  return [
    ...isIpv4,
    ...(isLocal ? isThisMachine : []),
    { op: "payload", base: "network", offset: 12, bytes: 4, register: CLIENT },
    { op: "meta", key: "l4proto", register: FRONT },
    address,
    { op: "payload", base: "transport", offset: 2, bytes: 2, register: FRONT + 2 },
  ];
}

const goTo = (register: number): Expression => ({ op: "dnat4", addressRegister: register, portRegister: register + 1 });

/** The ways of choosing an endpoint: each leaves it in two registers from the one that is named with it on. */
const CHOICES: readonly { set: string; slots?: number; endpoint: number }[] = [
  { set: SETS.single, endpoint: AFTER },
  { set: SETS.few, slots: FEW, endpoint: AFTER + 1 },
  { set: SETS.many, slots: MANY, endpoint: AFTER + 1 },
];

function choose({ set, slots, endpoint }: (typeof CHOICES)[number]): Expression[] {
  return [
    ...(slots === undefined ? [] : [{ op: "random", below: slots, register: AFTER } as const]),
    { op: "lookup", register: FRONT, set, dataRegister: endpoint },
  ];
}

function translation(isLocal: boolean, timeouts: readonly number[]): Expression[][] {
  const packet = readPacket(isLocal);
  const known = timeouts.map((seconds): Expression[] => [
    ...packet,
    { op: "lookup", register: FRONT, set: affine(seconds) },
    { op: "lookup", register: CLIENT, set: clientsSet(seconds), dataRegister: AFTER },
    goTo(AFTER),
  ]);
  return [...known, ...CHOICES.map((choice) => [...packet, ...choose(choice), goTo(choice.endpoint)])];
}

/** For connections on their way to an endpoint of a front with affinity: the client comes here again. */
function remembering(seconds: number): Expression[][] {
  const frontAddresses: Expression[] = [
    { op: "original", key: "address4", register: FRONT + 1 },
    { op: "load", register: FRONT + 1, value: ANY_ADDRESS },
  ];
  return frontAddresses.map((frontAddress) => [
    ...isIpv4,
    { op: "payload", base: "network", offset: 12, bytes: 4, register: CLIENT },
    { op: "meta", key: "l4proto", register: FRONT },
    frontAddress,
    { op: "original", key: "port", register: FRONT + 2 },
    { op: "payload", base: "network", offset: 16, bytes: 4, register: AFTER },
    { op: "payload", base: "transport", offset: 2, bytes: 2, register: AFTER + 1 },
    { op: "lookup", register: FRONT, set: SETS.live },
    { op: "lookup", register: FRONT, set: affine(seconds) },
    { op: "remember", set: clientsSet(seconds), register: CLIENT, dataRegister: AFTER, milliseconds: seconds * 1000 },
  ]);
}

/**
 * What is still addressed to a cluster address after translation has no endpoint: the client is told at once. TCP clients by a reset:
 * a local one would miss an ICMP message that comes while it still sends.
 */
function rejections(cidr: string): Expression[][] {
  const [address = "", bits = "32"] = cidr.split("/");
  const mask = (0xffffffff << (32 - Number(bits))) >>> 0;
  const isInRange: Expression[] = [
    ...isIpv4,
    { op: "payload", base: "network", offset: 16, bytes: 4, register: 1 },
    // Registers hold the packet's bytes; the mask is given in the machine's order.
    { op: "mask", register: 1, mask: swapBytes(mask) },
    { op: "compare", register: 1, is: "equal", value: addressBytes(address) },
  ];
  return [
    [
      ...isInRange,
      { op: "meta", key: "l4proto", register: 1 },
      { op: "compare", register: 1, is: "equal", value: Uint8Array.of(PROTOCOL_NUMBER.TCP) },
      { op: "reject", by: "reset" },
    ],
    [...isInRange, { op: "reject", by: "unreachable" }],
  ];
}

const swapBytes = (value: number): number => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.readUInt32LE();
};

/** An endpoint that drew itself would get packets from its own address, which no kernel takes: this machine speaks for it. */
const fromItself: Expression[] = [
  ...isIpv4,
  { op: "payload", base: "network", offset: 12, bytes: 4, register: CLIENT },
  { op: "payload", base: "network", offset: 16, bytes: 4, register: FRONT },
  { op: "lookup", register: CLIENT, set: SETS.own },
  { op: "masquerade" },
];

/** The element that stands for an endpoint that may draw itself. */
export function ownElement(ip: string): PlacedElement {
  return { set: SETS.own, key: joinFields(addressBytes(ip), addressBytes(ip)) };
}

/** What the table holds, without elements. @param timeouts seconds of session affinity that services have */
export function serviceTable(cidrs: readonly string[], timeouts: readonly number[]): Pick<NftTable, "sets" | "chains"> {
  const front = FRONT_KEY;
  const back = ["ipv4_addr", "inet_service"] as const;
  const rules = [...translation(false, timeouts), ...translation(true, timeouts)];
  const remembered = timeouts.flatMap(remembering);
  const unreachable = cidrs.flatMap(rejections);
  return {
    sets: [
      { name: SETS.single, key: front, data: back },
      { name: SETS.few, key: [...front, "mark"], data: back },
      { name: SETS.many, key: [...front, "mark"], data: back },
      { name: SETS.live, key: [...front, ...back] },
      { name: SETS.own, key: ["ipv4_addr", "ipv4_addr"] },
      ...timeouts.flatMap((seconds) => [
        { name: affine(seconds), key: front },
        { name: clientsSet(seconds), key: ["ipv4_addr", ...front] as const, data: back, remembersAtMost: MOST_CLIENTS },
      ]),
    ],
    chains: [
      // Before the engine's own published ports (-100), which services of the cluster do not touch.
      { name: "prerouting", type: "nat", hook: "prerouting", priority: -101, rules },
      { name: "output", type: "nat", hook: "output", priority: -101, rules },
      // Before the engine's own (100), which may change the client's address.
      { name: "postrouting", type: "nat", hook: "postrouting", priority: 99, rules: [...remembered, fromItself] },
      // Endpoints that are this machine's own.
      { name: "input", type: "nat", hook: "input", priority: 99, rules: remembered },
      { name: "unreachable", type: "filter", hook: "forward", priority: -1, rules: unreachable },
      { name: "unreachable-from-here", type: "filter", hook: "output", priority: -1, rules: unreachable },
    ],
  };
}

function addressBytes(text: string): Uint8Array {
  const bytes = Uint8Array.from(text.split("."), Number);
  if (bytes.length !== 4) throw new Error(`${text} is no IPv4 address`);
  return bytes;
}

/** Fields of FRONT_KEY. */
export const frontKey = ({ protocol, ip, port }: ServiceFront): Buffer =>
  joinFields(Uint8Array.of(PROTOCOL_NUMBER[protocol]), addressBytes(ip), portField(port));
const backData = ({ ip, port }: ServiceBack): Buffer => joinFields(addressBytes(ip), portField(port));

/**
 * Of remembered clients, as the map of that affinity lists them: those whose endpoint is one of these elements of "live".
 * @param seconds of affinity
 */
export function clientsOf(live: readonly PlacedElement[], remembered: readonly NftElement[], seconds: number) {
  const keyText = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
  const gone = new Set(live.map(({ key }) => keyText(key)));
  return remembered
    .filter(({ key, data }) => data !== undefined && gone.has(keyText(joinFields(key.subarray(ADDRESS_BYTES), data))))
    .map(({ key }): PlacedElement => ({ set: clientsSet(seconds), key }));
}

/** The elements that stand for a way; none without endpoints. */
export function wayElements({ front, backs, affinitySeconds }: ServiceWay): PlacedElement[] {
  if (backs.length === 0) return [];
  const key = frontKey(front);
  const ways: PlacedElement[] =
    backs.length === 1 ? [{ set: SETS.single, key, data: backData(backs[0]!) }] : slots(key, backs);
  if (affinitySeconds === 0) return ways;
  const live = backs.map((back) => ({ set: SETS.live, key: joinFields(key, backData(back)) }));
  return [...ways, ...live, { set: affine(affinitySeconds), key }];
}

function slots(key: Buffer, backs: readonly ServiceBack[]): PlacedElement[] {
  const [set, count] = backs.length <= FEW / 2 ? [SETS.few, FEW] : [SETS.many, MANY];
  const data = backs.map(backData);
  return Array.from({ length: count }, (_, slot) => ({
    set,
    key: joinFields(key, word(slot)),
    data: data[slot % data.length]!,
  }));
}

/** "TCP 10.96.0.1 443": one front's name. */
export const frontName = ({ protocol, ip, port }: ServiceFront): string => `${protocol} ${ip} ${port}`;
