/**
 * The nftables table of a cluster's services, as data. Services and their endpoints are elements of its maps, so that its rules
 * never change and a packet costs the same however many services there are.
 *
 * A service's port is known by protocol, address and port ("any address of this machine" is 0.0.0.0). It leads to its only endpoint, or
 * to as many slots as its endpoints need, of which each connection draws one. With session affinity the client's address is
 * remembered with the endpoint that it drew, and holds as long as that endpoint is one of the service's.
 */
import type { Expression } from "../../linux/nftables-expression.ts";
import { joinFields, type NftElement, type NftTable, portField } from "../../linux/nftables-message.ts";

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
}
export type PlacedElement = { set: string } & NftElement;

const PROTOCOL_NUMBER: Record<ServiceProtocol, number> = { TCP: 6, UDP: 17, SCTP: 132 };
const IPV4 = 2;
const RTN_LOCAL = 2;
/** Divides evenly among most small numbers; more endpoints than half of it get the larger one. */
const FEW = 60;
const MANY = 840;
const MOST_CLIENTS = 65_536;
const SETS = { single: "single", few: "few", many: "many", live: "live", own: "own" };
const affine = (seconds: number) => `affine-${seconds}`;
const clients = (seconds: number) => `clients-${seconds}`;

const word = (value: number): Uint8Array => Uint8Array.of(value & 255, (value >> 8) & 255, 0, 0);
const isIpv4: Expression[] = [
  { op: "meta", key: "nfproto", register: 1 },
  { op: "compare", register: 1, is: "equal", value: Uint8Array.of(IPV4) },
];
const isThisMachine: Expression[] = [
  { op: "destination-type", register: 1 },
  { op: "compare", register: 1, is: "equal", value: word(RTN_LOCAL) },
];

/** The 4-byte registers that a rule uses: the client's address, then the front (three), then what follows it. */
const CLIENT = 8;
const FRONT = 9;
const AFTER = 12;

/** Fills CLIENT and FRONT; the front's address is 0.0.0.0 for those that stand for every address of this machine. */
function readPacket(isLocal: boolean): Expression[] {
  const address: Expression = isLocal
    ? { op: "load", register: FRONT + 1, value: Uint8Array.of(0, 0, 0, 0) }
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
  const affineRules = timeouts.flatMap((seconds) => {
    const isAffine: Expression = { op: "lookup", register: FRONT, set: affine(seconds) };
    const remember = (endpoint: number): Expression => ({
      op: "remember",
      set: clients(seconds),
      register: CLIENT,
      dataRegister: endpoint,
      milliseconds: seconds * 1000,
    });
    return [
      [
        ...packet,
        isAffine,
        { op: "lookup", register: CLIENT, set: clients(seconds), dataRegister: AFTER } as const,
        { op: "lookup", register: FRONT, set: SETS.live } as const,
        remember(AFTER),
        goTo(AFTER),
      ],
      ...CHOICES.map((choice) => [
        ...packet,
        isAffine,
        ...choose(choice),
        // What is there already would keep its old endpoint.
        { op: "forget", set: clients(seconds), register: CLIENT, dataRegister: choice.endpoint } as const,
        remember(choice.endpoint),
        goTo(choice.endpoint),
      ]),
    ];
  });
  return [...affineRules, ...CHOICES.map((choice) => [...packet, ...choose(choice), goTo(choice.endpoint)])];
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

/** The table without elements. @param timeouts seconds of session affinity that services have */
export function serviceTable(name: string, cidrs: readonly string[], timeouts: readonly number[]): NftTable {
  const front = ["inet_proto", "ipv4_addr", "inet_service"] as const;
  const back = ["ipv4_addr", "inet_service"] as const;
  const rules = [...translation(false, timeouts), ...translation(true, timeouts)];
  const unreachable = cidrs.flatMap(rejections);
  return {
    family: "inet",
    name,
    sets: [
      { name: SETS.single, key: front, data: back },
      { name: SETS.few, key: [...front, "mark"], data: back },
      { name: SETS.many, key: [...front, "mark"], data: back },
      { name: SETS.live, key: [...front, ...back] },
      { name: SETS.own, key: ["ipv4_addr", "ipv4_addr"] },
      ...timeouts.flatMap((seconds) => [
        { name: affine(seconds), key: front },
        { name: clients(seconds), key: ["ipv4_addr", ...front] as const, data: back, remembersAtMost: MOST_CLIENTS },
      ]),
    ],
    chains: [
      // Before the engine's own published ports (-100), which services of the cluster do not touch.
      { name: "prerouting", type: "nat", hook: "prerouting", priority: -101, rules },
      { name: "output", type: "nat", hook: "output", priority: -101, rules },
      // Before the engine's own (100).
      { name: "postrouting", type: "nat", hook: "postrouting", priority: 99, rules: [fromItself] },
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

const frontKey = ({ protocol, ip, port }: ServiceFront): Buffer =>
  joinFields(Uint8Array.of(PROTOCOL_NUMBER[protocol]), addressBytes(ip), portField(port));
const backData = ({ ip, port }: ServiceBack): Buffer => joinFields(addressBytes(ip), portField(port));

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
