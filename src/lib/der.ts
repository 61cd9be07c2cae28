/** Writes ASN.1 in DER (ITU-T X.690), as much of it as an X.509 certificate needs. */

type Bytes = Uint8Array;

const concat = (parts: readonly Bytes[]): Bytes => new Uint8Array(Buffer.concat(parts));

function element(tag: number, content: Bytes): Bytes {
  const { length } = content;
  if (length < 0x80) return concat([Uint8Array.of(tag, length), content]);
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return concat([Uint8Array.of(tag, 0x80 | digits.length, ...digits), content]);
}

export const sequence = (...parts: Bytes[]): Bytes => element(0x30, concat(parts));
export const set = (...parts: Bytes[]): Bytes => element(0x31, concat(parts));
/** [number], constructed: EXPLICIT, or IMPLICIT of something constructed. */
export const tagged = (number: number, ...parts: Bytes[]): Bytes => element(0xa0 | number, concat(parts));
/** [number] IMPLICIT of something primitive. */
export const taggedPrimitive = (number: number, content: Bytes): Bytes => element(0x80 | number, content);
export const octets = (content: Bytes): Bytes => element(0x04, content);
export const utf8 = (text: string): Bytes => element(0x0c, new TextEncoder().encode(text));
export const yes = (): Bytes => element(0x01, Uint8Array.of(0xff));
/** A string of bits, of which `unused` at the end do not count. */
export const bits = (content: Bytes, unused = 0): Bytes => element(0x03, concat([Uint8Array.of(unused), content]));

/** A positive number, big-endian. */
export function integer(content: Bytes): Bytes {
  const start = content.findIndex((byte) => byte !== 0);
  const shortest = start === -1 ? Uint8Array.of(0) : content.subarray(start);
  return element(0x02, shortest[0]! >= 0x80 ? concat([Uint8Array.of(0), shortest]) : shortest);
}

export function objectId(dotted: string): Bytes {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const content = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    content.push(...digits);
  }
  return element(0x06, Uint8Array.from(content));
}

/** UTCTime until 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5). */
export function time(date: Date): Bytes {
  const digits = `${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;
  const isShort = date.getUTCFullYear() < 2050;
  return element(isShort ? 0x17 : 0x18, new TextEncoder().encode(isShort ? digits.slice(2) : digits));
}
