/**
 * The wire format that all netlink families share: messages and attributes (netlink(7), linux/netlink.h). Pure.
 * Integers are in the byte order of the machine (little-endian on every machine that Bun runs on) unless said otherwise.
 */

/** Flags of a request (nlmsg_flags). */
export const NLM_F = { REQUEST: 1, ACK: 4, DUMP: 0x300, REPLACE: 0x100, EXCL: 0x200, CREATE: 0x400 } as const;
/** Types that every family knows. */
export const NLMSG = { ERROR: 2, DONE: 3 } as const;
export const HEADER_BYTES = 16;
const NESTED = 0x8000;
/** Takes NLA_F_NESTED and NLA_F_NET_BYTEORDER off an attribute's type. */
const TYPE_MASK = 0x3fff;

const aligned = (bytes: number): number => (bytes + 3) & ~3;

/** One attribute: length, type, payload, padding to four bytes. */
export function attribute(type: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(aligned(4 + payload.length));
  bytes.writeUInt16LE(4 + payload.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(payload, 4);
  return bytes;
}

/** An attribute that holds attributes. */
export function nested(type: number, ...parts: Uint8Array[]): Buffer {
  return attribute(type | NESTED, Buffer.concat(parts));
}

/** A NUL-terminated string, as interface and table names travel. */
export function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

export function u8(type: number, value: number): Buffer {
  return attribute(type, Uint8Array.of(value));
}

export function u16(type: number, value: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16LE(value);
  return attribute(type, payload);
}
export function u32(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value >>> 0);
  return attribute(type, payload);
}

/** Big-endian, as the netfilter families want their numbers. */
export function u32be(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value >>> 0);
  return attribute(type, payload);
}

/** Sixty-four bits, most significant first. */
export function u64be(type: number, value: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64BE(BigInt(value));
  return attribute(type, payload);
}

/** A request without its sequence number, which the socket fills in. */
export function message(type: number, flags: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + body.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags | NLM_F.REQUEST, 6);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

export interface NetlinkMessage {
  type: number;
  flags: number;
  sequence: number;
  body: Buffer;
}

/** The messages of one datagram. A length that cannot be true ends the list. */
export function parseMessages(bytes: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > bytes.length) break;
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      body: bytes.subarray(at + HEADER_BYTES, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

/** The attributes in `bytes` by type; of repeated ones the last counts. */
export function parseAttributes(bytes: Buffer): Map<number, Buffer> {
  return new Map(listAttributes(bytes));
}

/** The attributes in their order, with repetitions. */
export function listAttributes(bytes: Buffer): [type: number, payload: Buffer][] {
  const found: [number, Buffer][] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    found.push([bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + 4, at + length)]);
    at += aligned(length);
  }
  return found;
}

/** The text of a string attribute without its NUL. */
export function attributeText(payload: Buffer | undefined): string {
  if (payload === undefined) return "";
  const end = payload.indexOf(0);
  return payload.toString("utf8", 0, end < 0 ? payload.length : end);
}
