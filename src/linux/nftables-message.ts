/** Tables, chains, sets and rules of nftables as netlink messages (linux/netfilter/nf_tables.h). Pure encoders. */
import {
  attribute,
  attributeText,
  listAttributes,
  message,
  type NetlinkMessage,
  NLM_F,
  nested,
  parseAttributes,
  text,
  u32be,
} from "./netlink-message.ts";
import { type Expression, encodeExpression } from "./nftables-expression.ts";

const SUBSYSTEM = 10 << 8;
const MSG = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  NEWRULE: 6,
  GETRULE: 7,
  DELRULE: 8,
  NEWSET: 9,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
  NEWGEN: 15,
  GETGEN: 16,
} as const;
export const NFT_FAMILY = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const;
export type NftFamily = keyof typeof NFT_FAMILY;

/** Where a base chain hooks in. */
const NF_HOOK = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

/** Kinds of keys and data with the numbers that `nft list` uses to print them, and their length in bytes. */
const NFT_TYPE = {
  ipv4_addr: { id: 7, bytes: 4 },
  ether_addr: { id: 9, bytes: 6 },
  inet_proto: { id: 12, bytes: 4 },
  inet_service: { id: 13, bytes: 4 },
  mark: { id: 19, bytes: 4 },
  ifname: { id: 41, bytes: 16 },
} as const;
type NftType = keyof typeof NFT_TYPE;
const TYPE_BITS = 6;
/** What libnftnl keeps beside a set: record 0 (byte order of the key), 4 bytes, 1 (the machine's). */
const HOST_BYTE_ORDER = Uint8Array.of(0, 4, 1, 0, 0, 0);
const SET_HAS_RANGES = 4;
const SET_IS_MAP = 8;
const SET_HAS_TIMEOUT = 16;
const SET_IS_DYNAMIC = 32;
const SET_IS_CONCATENATED = 128;

interface NftSet {
  name: string;
  key: readonly NftType[];
  /** Given: a map. */
  data?: readonly NftType[];
  /** Rules put elements in, which go after a time; at most so many. */
  remembersAtMost?: number;
  /** Elements are ranges, from their key to their end, in each field of a joined key; no two may overlap. Linux 5.6. */
  holdsRanges?: boolean;
}
interface NftChain {
  name: string;
  type: "filter" | "nat";
  hook: keyof typeof NF_HOOK;
  priority: number;
  rules: readonly (readonly Expression[])[];
}
export interface NftTable {
  family: NftFamily;
  name: string;
  sets: readonly NftSet[];
  chains: readonly NftChain[];
}

/** nfgenmsg: family, version 0, resource 0. */
function request(type: number, flags: number, family: number, ...parts: Buffer[]): Buffer {
  return message(SUBSYSTEM | type, flags, Buffer.concat([Uint8Array.of(family, 0, 0, 0), ...parts]));
}

/** All messages that make a table from nothing: the parts of one transaction. */
export function createTable(table: NftTable): Buffer[] {
  const family = NFT_FAMILY[table.family];
  const parts = [request(MSG.NEWTABLE, NLM_F.CREATE, family, text(1, table.name), u32be(2, 0))];
  table.sets.forEach((set, index) => {
    parts.push(createSet(family, table.name, set, index + 1));
  });
  for (const chain of table.chains) {
    parts.push(createChain(family, table.name, chain));
    for (const rule of chain.rules) parts.push(addRule(table.family, table.name, chain.name, rule));
  }
  return parts;
}

/**
 * More sets for a table, and these chains with these rules in place of their old ones: parts of one transaction. ENOENT without that
 * table.
 */
export function rewriteTable({ family, name, sets, chains }: NftTable): Buffer[] {
  const number = NFT_FAMILY[family];
  return [
    ...sets.map((set, index) => createSet(number, name, set, index + 1)),
    ...chains.flatMap((chain) => [
      createChain(number, name, chain),
      request(MSG.DELRULE, 0, number, text(1, name), text(2, chain.name)),
      ...chain.rules.map((rule) => addRule(family, name, chain.name, rule)),
    ]),
  ];
}

/** Does nothing when it is there already. */
function createChain(family: number, table: string, { name, hook, priority, type }: NftChain): Buffer {
  const where = nested(4, u32be(1, NF_HOOK[hook]), u32be(2, priority));
  return request(MSG.NEWCHAIN, NLM_F.CREATE, family, text(1, table), text(3, name), where, text(7, type));
}

/** Appends a rule to a chain. */
function addRule(family: NftFamily, table: string, chain: string, rule: readonly Expression[]): Buffer {
  const expressions = nested(4, ...rule.map((expression) => nested(1, encodeExpression(expression))));
  const APPEND = 0x800;
  return request(MSG.NEWRULE, NLM_F.CREATE | APPEND, NFT_FAMILY[family], text(1, table), text(2, chain), expressions);
}

function createSet(family: number, table: string, set: NftSet, id: number): Buffer {
  const flags =
    (set.data ? SET_IS_MAP : 0) |
    (set.remembersAtMost === undefined ? 0 : SET_HAS_TIMEOUT | SET_IS_DYNAMIC) |
    (set.holdsRanges ? SET_HAS_RANGES | SET_IS_CONCATENATED : 0);
  const attributes = [text(1, table), text(2, set.name), u32be(3, flags)];
  attributes.push(u32be(4, typeNumber(set.key)), u32be(5, typeBytes(set.key)));
  if (set.data) attributes.push(u32be(6, typeNumber(set.data)), u32be(7, typeBytes(set.data)));
  if (set.remembersAtMost !== undefined) attributes.push(nested(9, u32be(1, set.remembersAtMost)));
  if (set.holdsRanges) {
    const fields = set.key.map((type) => nested(1, u32be(1, NFT_TYPE[type].bytes)));
    attributes.push(nested(9, nested(2, ...fields)));
  }
  attributes.push(u32be(10, id));
  // Only for `nft list`, which prints interface names backwards (as nothing) unless told that they are not big-endian.
  if (set.key.length === 1 && set.key[0] === "ifname") attributes.push(attribute(13, HOST_BYTE_ORDER));
  return request(MSG.NEWSET, NLM_F.CREATE, family, ...attributes);
}

function typeNumber(types: readonly NftType[]): number {
  return types.reduce((number, type) => (number << TYPE_BITS) | NFT_TYPE[type].id, 0);
}

function typeBytes(types: readonly NftType[]): number {
  return types.reduce((bytes, type) => bytes + NFT_TYPE[type].bytes, 0);
}

/** Removes a table with all in it. ENOENT when it does not exist. */
export function deleteTable(family: NftFamily, name: string): Buffer {
  return request(MSG.DELTABLE, 0, NFT_FAMILY[family], text(1, name));
}

export interface NftElement {
  key: Uint8Array;
  data?: Uint8Array;
  /** In sets that hold ranges: the last of it. */
  end?: Uint8Array;
}

/** ENOENT for a missing set. Adding what is there already is fine unless its data differ (EEXIST). */
export function addElements(family: NftFamily, table: string, set: string, elements: readonly NftElement[]): Buffer {
  return elementMessage(MSG.NEWSETELEM, NLM_F.CREATE, { family, table, set }, elements);
}

/** Elements are known by their key, and in sets that hold ranges by their end too. ENOENT when one is not there. */
export function deleteElements(family: NftFamily, table: string, set: string, elements: readonly NftElement[]): Buffer {
  const known = elements.map(({ key, end }) => (end === undefined ? { key } : { key, end }));
  return elementMessage(MSG.DELSETELEM, 0, { family, table, set }, known);
}

function elementMessage(
  type: number,
  flags: number,
  where: { family: NftFamily; table: string; set: string },
  elements: readonly NftElement[],
): Buffer {
  const list = elements.map(({ key, data, end }) => {
    const parts = [nested(1, attribute(1, key))];
    if (data) parts.push(nested(2, attribute(1, data)));
    if (end) parts.push(nested(10, attribute(1, end)));
    return nested(1, ...parts);
  });
  return request(type, flags, NFT_FAMILY[where.family], text(2, where.set), text(1, where.table), nested(3, ...list));
}

/** The key of an interface-name set: sixteen bytes, padded with zeros. */
export function interfaceKey(...names: readonly string[]): Buffer {
  const key = Buffer.alloc(16 * names.length);
  names.forEach((name, index) => {
    key.write(name, index * 16, 15);
  });
  return key;
}

/** Fields joined as a concatenated key or data: each padded to four bytes. */
export function joinFields(...fields: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    fields.map((field) => {
      const padded = Buffer.alloc((field.length + 3) & ~3);
      padded.set(field);
      return padded;
    }),
  );
}

/** A port as nftables compares it. */
export function portField(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}

export const listTablesQuery = (): Buffer => request(MSG.GETTABLE, NLM_F.DUMP, 0);
export const listChainsQuery = (family: NftFamily): Buffer => request(MSG.GETCHAIN, NLM_F.DUMP, NFT_FAMILY[family]);
/** The number of the ruleset's generation: it changes with every transaction of anybody. */
export const generationQuery = (): Buffer => request(MSG.GETGEN, 0, 0);

/** All elements of a set or map. ENOENT when it is not there. */
export const listElementsQuery = (family: NftFamily, table: string, set: string): Buffer =>
  request(MSG.GETSETELEM, NLM_F.DUMP, NFT_FAMILY[family], text(1, table), text(2, set));

/** The elements in one message of that list. */
export function decodeElements({ body }: NetlinkMessage): NftElement[] {
  const elements = parseAttributes(body.subarray(4)).get(3) ?? Buffer.alloc(0);
  const bytesOf = (field: Buffer | undefined) => field && parseAttributes(field).get(1);
  return listAttributes(elements).map(([, element]) => {
    const fields = parseAttributes(element);
    const [data, end] = [bytesOf(fields.get(2)), bytesOf(fields.get(10))];
    return { key: bytesOf(fields.get(1)) ?? Buffer.alloc(0), ...(data && { data }), ...(end && { end }) };
  });
}

interface ListedTable {
  family: number;
  name: string;
}
export function decodeTable({ body }: NetlinkMessage): ListedTable {
  return { family: body[0] ?? 0, name: attributeText(parseAttributes(body.subarray(4)).get(1)) };
}

export interface ListedChain {
  table: string;
  name: string;
  /** Of base chains. */
  policy: "accept" | "drop" | undefined;
}
export function decodeChain({ body }: NetlinkMessage): ListedChain {
  const attributes = parseAttributes(body.subarray(4));
  const policy = attributes.get(5)?.readUInt32BE(0);
  return {
    table: attributeText(attributes.get(1)),
    name: attributeText(attributes.get(3)),
    policy: policy === undefined ? undefined : policy === 0 ? "drop" : "accept",
  };
}

export function decodeGeneration({ body }: NetlinkMessage): number {
  return parseAttributes(body.subarray(4)).get(1)?.readUInt32BE(0) ?? 0;
}

/** All rules of one chain, in their order. ENOENT, or nothing, when it is not there. */
export const listRulesQuery = (family: NftFamily, table: string, chain: string): Buffer =>
  request(MSG.GETRULE, NLM_F.DUMP, NFT_FAMILY[family], text(1, table), text(2, chain));

/** The packets that the first counter of a listed rule has seen; undefined when it has none. */
export function decodeRuleCounter({ body }: NetlinkMessage): number | undefined {
  const expressions = parseAttributes(body.subarray(4)).get(4);
  if (expressions === undefined) return undefined;
  for (const [, element] of listAttributes(expressions)) {
    const expression = parseAttributes(element);
    if (attributeText(expression.get(1)) !== "counter") continue;
    const packets = parseAttributes(expression.get(2) ?? Buffer.alloc(0)).get(2);
    return packets === undefined ? undefined : Number(packets.readBigUInt64BE(0));
  }
  return undefined;
}
