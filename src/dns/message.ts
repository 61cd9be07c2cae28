/** DNS messages as far as a name server for containers needs them (RFC 1035, EDNS: RFC 6891). Pure. */
import { type IpAddress, ipBytes } from "../lib/ip-address.ts";

export const DNS_TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const;
export const DNS_CODE = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4 } as const;
const CLASS_IN = 1;
const HEADER_BYTES = 12;
const TTL_SECONDS = 600;
/** What every client can take by UDP. */
const LEAST_UDP_BYTES = 512;
/** What we announce: fits into one packet on every network. */
const OUR_UDP_BYTES = 1232;
const FLAG = { response: 0x8000, truncated: 0x0200, recursionDesired: 0x0100, recursionAvailable: 0x0080 } as const;
const OPCODE_MASK = 0x7800;
/** A pointer to the question's name, which begins right after the header. */
const NAME_OF_QUESTION = Uint8Array.of(0xc0, HEADER_BYTES);

export interface DnsQuery {
  id: number;
  isStandardQuery: boolean;
  recursionDesired: boolean;
  /** Lower case, without the last dot. */
  name: string;
  type: number;
  isInternet: boolean;
  /** The question as it came: names keep their case in the answer. */
  question: Uint8Array;
  /** How much the asker takes by UDP. */
  udpBytes: number;
  hasEdns: boolean;
}

export type DnsAnswer = (
  | { type: "address"; address: IpAddress }
  | { type: "pointer" | "alias" | "server"; name: string }
  | { type: "service"; port: number; target: string }
  | { type: "text"; text: string }
  /** The start of a zone: who answers for it. Its time to live is that of "there is no such name". */
  | { type: "zone"; server: string; mailbox: string; serial: number }
) & {
  /** Whose record it is; the name that was asked for when absent. */
  owner?: string;
  /** Seconds; ten minutes when absent. */
  ttl?: number;
};

/** Everything that an answer says. */
export interface DnsReply {
  code?: number;
  answers?: readonly DnsAnswer[];
  /** Who knows better, or that nobody does. */
  authority?: readonly DnsAnswer[];
}

/** Undefined for what is no query with exactly one question. */
export function parseQuery(bytes: Uint8Array): DnsQuery | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const flags = view.getUint16(2);
  if ((flags & FLAG.response) !== 0 || view.getUint16(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = bytes[at];
    // Compression has nothing to point at in a question.
    if (length === undefined || length > 63 || at + 1 + length > bytes.length) return undefined;
    at += 1 + length;
    if (length === 0) break;
    labels.push(Buffer.from(bytes.subarray(at - length, at)).toString("latin1"));
  }
  if (at + 4 > bytes.length) return undefined;
  const edns = findEdns(bytes, at + 4, view);
  return {
    id: view.getUint16(0),
    isStandardQuery: (flags & OPCODE_MASK) === 0,
    recursionDesired: (flags & FLAG.recursionDesired) !== 0,
    name: labels.join(".").toLowerCase(),
    type: view.getUint16(at),
    isInternet: view.getUint16(at + 2) === CLASS_IN,
    question: bytes.subarray(HEADER_BYTES, at + 4),
    udpBytes: Math.max(LEAST_UDP_BYTES, edns ?? 0),
    hasEdns: edns !== undefined,
  };
}

/** The size in the OPT record, when it is the first additional record, as all clients send it. */
function findEdns(bytes: Uint8Array, at: number, view: DataView): number | undefined {
  const counts = view.getUint16(6) + view.getUint16(8);
  if (counts !== 0 || view.getUint16(10) === 0 || at + 11 > bytes.length) return undefined;
  return bytes[at] === 0 && view.getUint16(at + 1) === DNS_TYPE.OPT ? view.getUint16(at + 3) : undefined;
}

/** An answer of ours. `mostBytes`: what does not fit is left out and the message marked as truncated. */
export function encodeAnswer(
  query: DnsQuery,
  answers: readonly DnsAnswer[],
  options: { code?: number; mostBytes?: number; authority?: readonly DnsAnswer[] } = {},
): Uint8Array {
  const { code = DNS_CODE.noError, mostBytes = Number.POSITIVE_INFINITY, authority = [] } = options;
  const edns = query.hasEdns ? encodeEdns() : new Uint8Array();
  const records: Uint8Array[] = [];
  let size = HEADER_BYTES + query.question.length + edns.length;
  let isTruncated = false;
  for (const answer of [...answers, ...authority]) {
    const record = encodeRecord(answer);
    size += record.length;
    isTruncated = size > mostBytes;
    if (isTruncated) break;
    records.push(record);
  }
  const answerCount = Math.min(answers.length, records.length);
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  let flags = FLAG.response | FLAG.recursionAvailable | code;
  if (query.recursionDesired) flags |= FLAG.recursionDesired;
  if (isTruncated) flags |= FLAG.truncated;
  const counts = [1, answerCount, records.length - answerCount, query.hasEdns ? 1 : 0];
  [query.id, flags, ...counts].forEach((value, index) => {
    header.setUint16(index * 2, value);
  });
  return Buffer.concat([new Uint8Array(header.buffer), query.question, ...records, edns]);
}

function encodeRecord(answer: DnsAnswer): Uint8Array {
  const { type, data } = typeAndData(answer);
  const fixed = new DataView(new ArrayBuffer(10));
  fixed.setUint16(0, type);
  fixed.setUint16(2, CLASS_IN);
  fixed.setUint32(4, answer.ttl ?? TTL_SECONDS);
  fixed.setUint16(8, data.length);
  const owner = answer.owner === undefined ? NAME_OF_QUESTION : encodeName(answer.owner);
  return Buffer.concat([owner, new Uint8Array(fixed.buffer), data]);
}

const NAME_TYPES = { pointer: DNS_TYPE.PTR, alias: DNS_TYPE.CNAME, server: DNS_TYPE.NS } as const;
/** Seconds of a zone's start that nobody uses who asks for names: refresh, retry, expire. */
const ZONE_TIMES = [7200, 1800, 86_400] as const;

function typeAndData(answer: DnsAnswer): { type: number; data: Uint8Array } {
  switch (answer.type) {
    case "address": {
      const data = ipBytes(answer.address);
      return { type: data.length === 4 ? DNS_TYPE.A : DNS_TYPE.AAAA, data };
    }
    case "service": {
      // Priority 0, and a weight that is the same for all.
      const numbers = Buffer.from([0, 0, 0, 100, answer.port >> 8, answer.port & 255]);
      return { type: DNS_TYPE.SRV, data: Buffer.concat([numbers, encodeName(answer.target)]) };
    }
    case "text": {
      const text = Buffer.from(answer.text).subarray(0, 255);
      return { type: DNS_TYPE.TXT, data: Buffer.concat([Uint8Array.of(text.length), text]) };
    }
    case "zone": {
      const numbers = Buffer.alloc(20);
      [answer.serial, ...ZONE_TIMES, answer.ttl ?? TTL_SECONDS].forEach((number, index) => {
        numbers.writeUInt32BE(number, index * 4);
      });
      return {
        type: DNS_TYPE.SOA,
        data: Buffer.concat([encodeName(answer.server), encodeName(answer.mailbox), numbers]),
      };
    }
    default:
      return { type: NAME_TYPES[answer.type], data: encodeName(answer.name) };
  }
}

/** A question of our own, for other servers. */
export function encodeQuery(id: number, name: string, type: number): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  [id, FLAG.recursionDesired, 1, 0, 0, 0].forEach((value, index) => {
    header.writeUInt16BE(value, index * 2);
  });
  return Buffer.concat([header, encodeName(name), Buffer.from([0, type, 0, CLASS_IN])]);
}

/** The addresses in another server's answer, with their times to live; what cannot be understood ends the list. */
export function answeredAddresses(bytes: Uint8Array): { address: IpAddress; ttl: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: { address: IpAddress; ttl: number }[] = [];
  if (bytes.length < HEADER_BYTES) return found;
  let at = skipName(bytes, HEADER_BYTES) + 4;
  for (let left = view.getUint16(6); left > 0; left--) {
    at = skipName(bytes, at);
    if (at + 10 > bytes.length) break;
    const [type, ttl, length] = [view.getUint16(at), view.getUint32(at + 4), view.getUint16(at + 8)];
    const data = bytes.subarray(at + 10, at + 10 + length);
    at += 10 + length;
    const version = type === DNS_TYPE.A && length === 4 ? 4 : type === DNS_TYPE.AAAA && length === 16 ? 6 : undefined;
    if (version === undefined || data.length < length) continue;
    found.push({ address: { version, value: BigInt(`0x${Buffer.from(data).toString("hex")}`) }, ttl });
  }
  return found;
}

/** The place after a name, which may end with a pointer. */
function skipName(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let length = bytes[at]; length !== undefined; length = bytes[at]) {
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
    if (length === 0) return at;
  }
  return bytes.length;
}

function encodeEdns(): Uint8Array {
  const record = Buffer.alloc(11);
  record.writeUInt16BE(DNS_TYPE.OPT, 1);
  record.writeUInt16BE(OUR_UDP_BYTES, 3);
  return record;
}

/** Labels longer than 63 bytes, which no name may have, are cut. */
export function encodeName(name: string): Uint8Array {
  const labels = name.split(".").filter((label) => label !== "");
  const parts = labels.map((label) => {
    const bytes = Buffer.from(label, "latin1").subarray(0, 63);
    return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
  });
  return Buffer.concat([...parts, Uint8Array.of(0)]);
}

/** The address that "4.3.2.1.in-addr.arpa" or its IPv6 counterpart asks about. */
export function pointerAddress(name: string): IpAddress | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (v4) {
    const value = v4.slice(1).reduceRight((sum, part) => (sum << 8n) | BigInt(part), 0n);
    return { version: 4, value };
  }
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name);
  if (v6?.[1] === undefined) return undefined;
  return { version: 6, value: BigInt(`0x${v6[1].split(".").reverse().join("")}`) };
}
