/**
 * The packets in which directories travel between a client and the builder (fsutil's wire format, protobuf encoding by hand:
 * there are as many as files, and the command line shall not load a library for them).
 */
import { NaruError } from "./errors.ts";

export const PACKET = { stat: 0, request: 1, data: 2, end: 3, failure: 4 } as const;

export interface FileStat {
  /** Relative, with slashes. */
  path: string;
  /** Go's os.FileMode (go-file-mode.ts). */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Nanoseconds since 1970. */
  modTime: bigint;
  /** Target of a symbolic link; of a hard link the path of the first name. */
  linkname: string;
  xattrs: Record<string, Uint8Array>;
}

/** A stat packet without a stat ends the list. */
export interface FilePacket {
  type: number;
  stat?: FileStat;
  id: number;
  data: Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const NOTHING = new Uint8Array(0);

export function encodePacket(packet: Partial<FilePacket> & { type: number }): Uint8Array<ArrayBuffer> {
  const out = new ProtoWriter();
  out.number(1, packet.type);
  if (packet.stat !== undefined) out.bytes(2, encodeStat(packet.stat));
  out.number(3, packet.id ?? 0);
  if (packet.data !== undefined && packet.data.length > 0) out.bytes(4, packet.data);
  return out.finish();
}

/** @throws {NaruError} invalid for what is no packet */
export function decodePacket(encoded: Uint8Array): FilePacket {
  const packet: FilePacket = { type: 0, id: 0, data: NOTHING };
  const reader = new ProtoReader(encoded);
  while (reader.next()) {
    if (reader.field === 1) packet.type = reader.number();
    else if (reader.field === 2) packet.stat = decodeStat(reader.bytes());
    else if (reader.field === 3) packet.id = reader.number();
    else if (reader.field === 4) packet.data = reader.bytes();
    else reader.skip();
  }
  return packet;
}

export function encodeStat(stat: FileStat): Uint8Array<ArrayBuffer> {
  const out = new ProtoWriter();
  out.text(1, stat.path);
  out.number(2, stat.mode);
  out.number(3, stat.uid);
  out.number(4, stat.gid);
  out.number(5, stat.size);
  out.bigint(6, stat.modTime);
  out.text(7, stat.linkname);
  for (const [name, value] of Object.entries(stat.xattrs)) {
    const entry = new ProtoWriter();
    entry.text(1, name);
    if (value.length > 0) entry.bytes(2, value);
    out.bytes(10, entry.finish());
  }
  return out.finish();
}

export function decodeStat(encoded: Uint8Array): FileStat {
  const stat: FileStat = { path: "", mode: 0, uid: 0, gid: 0, size: 0, modTime: 0n, linkname: "", xattrs: {} };
  const reader = new ProtoReader(encoded);
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        stat.path = reader.text();
        break;
      case 2:
        stat.mode = reader.number();
        break;
      case 3:
        stat.uid = reader.number();
        break;
      case 4:
        stat.gid = reader.number();
        break;
      case 5:
        stat.size = reader.number();
        break;
      case 6:
        stat.modTime = reader.bigint();
        break;
      case 7:
        stat.linkname = reader.text();
        break;
      case 10: {
        const [name, value] = decodeAttribute(reader.bytes());
        stat.xattrs[name] = value;
        break;
      }
      default:
        reader.skip();
    }
  }
  return stat;
}

function decodeAttribute(encoded: Uint8Array): [name: string, value: Uint8Array] {
  const reader = new ProtoReader(encoded);
  let name = "";
  let value: Uint8Array = NOTHING;
  while (reader.next()) {
    if (reader.field === 1) name = reader.text();
    else if (reader.field === 2) value = reader.bytes().slice();
    else reader.skip();
  }
  return [name, value];
}

/** Fields of a message; zeros and empty texts are left out, as protobuf's third version does. */
class ProtoWriter {
  private buffer = Buffer.allocUnsafe(256);
  private length = 0;

  number(field: number, value: number): void {
    if (value === 0) return;
    this.tag(field, VARINT);
    this.varint(value);
  }

  bigint(field: number, value: bigint): void {
    if (value === 0n) return;
    this.tag(field, VARINT);
    let left = BigInt.asUintN(64, value);
    this.reserve(10);
    for (; left > 0x7fn; left >>= 7n) this.buffer[this.length++] = Number(left & 0x7fn) | 0x80;
    this.buffer[this.length++] = Number(left);
  }

  text(field: number, value: string): void {
    if (value === "") return;
    this.tag(field, BYTES);
    const bytes = Buffer.byteLength(value);
    this.varint(bytes);
    this.reserve(bytes);
    this.length += this.buffer.write(value, this.length);
  }

  bytes(field: number, value: Uint8Array): void {
    this.tag(field, BYTES);
    this.varint(value.length);
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.buffer.subarray(0, this.length));
  }

  private tag(field: number, wire: number): void {
    this.varint(field * 8 + wire);
  }

  private varint(value: number): void {
    this.reserve(10);
    let left = value;
    for (; left > 0x7f; left = Math.floor(left / 128)) this.buffer[this.length++] = (left % 128) | 0x80;
    this.buffer[this.length++] = left;
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

class ProtoReader {
  field = 0;
  private wire = 0;
  private position = 0;
  private readonly data: Buffer;

  constructor(data: Uint8Array) {
    this.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }

  /** Goes to the next field; false at the end. */
  next(): boolean {
    if (this.position >= this.data.length) return false;
    const tag = this.varint();
    this.field = Math.floor(tag / 8);
    this.wire = tag % 8;
    return true;
  }

  number(): number {
    this.expect(VARINT);
    return this.varint();
  }

  bigint(): bigint {
    this.expect(VARINT);
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw malformed();
  }

  text(): string {
    return Buffer.from(this.bytes()).toString("utf8");
  }

  bytes(): Uint8Array {
    this.expect(BYTES);
    const length = this.varint();
    const end = this.position + length;
    if (end > this.data.length) throw malformed();
    const found = this.data.subarray(this.position, end);
    this.position = end;
    return found;
  }

  skip(): void {
    if (this.wire === VARINT) this.varint();
    else if (this.wire === BYTES) this.bytes();
    else if (this.wire === FIXED64) this.position += 8;
    else if (this.wire === FIXED32) this.position += 4;
    else throw malformed();
  }

  /** Exact to 2^53. */
  private varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw malformed();
  }

  private byte(): number {
    const byte = this.data[this.position++];
    if (byte === undefined) throw malformed();
    return byte;
  }

  private expect(wire: number): void {
    if (this.wire !== wire) throw malformed();
  }
}

function malformed(): NaruError {
  return new NaruError("invalid", "a packet of the file transfer is malformed");
}
