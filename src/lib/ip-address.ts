/** IPv4 and IPv6 addresses and prefixes as numbers: parsing, printing, comparing. Pure. */

export type IpVersion = 4 | 6;
export interface IpAddress {
  version: IpVersion;
  value: bigint;
}
/** A range of addresses with a common beginning; `base` has no bits set behind the prefix. */
export interface IpPrefix {
  version: IpVersion;
  base: bigint;
  prefixBits: number;
}

export const addressBits = (version: IpVersion): number => (version === 4 ? 32 : 128);

/** Undefined when the text is no address. IPv4 as four decimal numbers, IPv6 as RFC 4291 section 2.2 writes it. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    // Like Go, no leading zeros: some programs read them as octal.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return { version: 4, value };
}

function parseIpv6(text: string): IpAddress | undefined {
  let source = text;
  const lastColon = text.lastIndexOf(":");
  if (text.includes(".")) {
    const tail = parseIpv4(text.slice(lastColon + 1));
    if (tail === undefined) return undefined;
    source = `${text.slice(0, lastColon + 1)}${(tail.value >> 16n).toString(16)}:${(tail.value & 0xffffn).toString(16)}`;
  }
  const halves = source.split("::");
  if (halves.length > 2) return undefined;
  const groups = (half: string | undefined): string[] => (half === undefined || half === "" ? [] : half.split(":"));
  const head = groups(halves[0]);
  const tail = groups(halves[1]);
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  let value = 0n;
  for (const group of [...head, ...Array<string>(missing).fill("0"), ...tail]) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    value = (value << 16n) | BigInt(`0x${group}`);
  }
  return { version: 6, value };
}

/** The usual form; IPv6 with the longest run of zeros shortened (RFC 5952). */
export function formatIp({ version, value }: IpAddress): string {
  if (version === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
  }
  if (best.start < 0) return groups.join(":");
  return `${groups.slice(0, best.start).join(":")}::${groups.slice(best.start + best.length).join(":")}`;
}

/** The raw bytes, most significant first. */
export function ipBytes({ version, value }: IpAddress): Uint8Array {
  const bytes = new Uint8Array(addressBits(version) / 8);
  let rest = value;
  for (let index = bytes.length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** From 4 or 16 raw bytes. */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return { version: bytes.length === 4 ? 4 : 6, value };
}

/** A prefix with the address that was written in front of its slash: "10.0.0.5/24". Undefined when it is none. */
export function parsePrefix(text: string): { prefix: IpPrefix; address: IpAddress } | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? undefined : parseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (address === undefined || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefixBits = Number(length);
  if (prefixBits > addressBits(address.version)) return undefined;
  const { version, value } = address;
  return { prefix: prefixOf(version, value, prefixBits), address };
}

/** The prefix of that length around an address. */
export function prefixOf(version: IpVersion, value: bigint, prefixBits: number): IpPrefix {
  const hostBits = BigInt(addressBits(version) - prefixBits);
  return { version, base: (value >> hostBits) << hostBits, prefixBits };
}

export function formatPrefix({ version, base, prefixBits }: IpPrefix): string {
  return `${formatIp({ version, value: base })}/${prefixBits}`;
}

/** The highest address of the prefix. */
export function lastValue({ version, base, prefixBits }: IpPrefix): bigint {
  return base + (1n << BigInt(addressBits(version) - prefixBits)) - 1n;
}

export function containsAddress(prefix: IpPrefix, address: IpAddress): boolean {
  return prefix.version === address.version && address.value >= prefix.base && address.value <= lastValue(prefix);
}

export function overlaps(a: IpPrefix, b: IpPrefix): boolean {
  return a.version === b.version && a.base <= lastValue(b) && b.base <= lastValue(a);
}
