/** DNS messages as far as a name server for containers needs them (RFC 1035, EDNS: RFC 6891). Pure. */
import { type IpAddress, ipBytes } from "../lib/ip-address.ts";

export const DNS_TYPE = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
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

export type DnsAnswer = { type: "address"; address: IpAddress } | { type: "pointer"; name: string };

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
  options: { code?: number; mostBytes?: number } = {},
): Uint8Array {
  const { code = DNS_CODE.noError, mostBytes = Number.POSITIVE_INFINITY } = options;
  const edns = query.hasEdns ? encodeEdns() : new Uint8Array();
  const records: Uint8Array[] = [];
  let size = HEADER_BYTES + query.question.length + edns.length;
  let isTruncated = false;
  for (const answer of answers) {
    const record = encodeRecord(answer);
    size += record.length;
    isTruncated = size > mostBytes;
    if (isTruncated) break;
    records.push(record);
  }
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  let flags = FLAG.response | FLAG.recursionAvailable | code;
  if (query.recursionDesired) flags |= FLAG.recursionDesired;
  if (isTruncated) flags |= FLAG.truncated;
  [query.id, flags, 1, records.length, 0, query.hasEdns ? 1 : 0].forEach((value, index) => {
    header.setUint16(index * 2, value);
  });
  return Buffer.concat([new Uint8Array(header.buffer), query.question, ...records, edns]);
}

function encodeRecord(answer: DnsAnswer): Uint8Array {
  const data = answer.type === "address" ? ipBytes(answer.address) : encodeName(answer.name);
  const type = answer.type === "pointer" ? DNS_TYPE.PTR : data.length === 4 ? DNS_TYPE.A : DNS_TYPE.AAAA;
  const fixed = new DataView(new ArrayBuffer(10));
  fixed.setUint16(0, type);
  fixed.setUint16(2, CLASS_IN);
  fixed.setUint32(4, TTL_SECONDS);
  fixed.setUint16(8, data.length);
  return Buffer.concat([NAME_OF_QUESTION, new Uint8Array(fixed.buffer), data]);
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
