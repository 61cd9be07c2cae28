/** A range of IPv4 addresses to choose from. */

/** Of a range of at least 64 addresses the first ones are for services that name theirs (API server, DNS). */
const STATIC_ADDRESSES = 32;
const SMALL_RANGE = 64;

export class AddressRange {
  private readonly base: number;
  private readonly size: number;

  /** @param cidr "10.96.0.0/16" @throws Error for a range that is none */
  constructor(readonly cidr: string) {
    const [address = "", bits = ""] = cidr.split("/");
    const base = parseAddress(address);
    if (base === undefined || cidrFault(cidr) !== undefined) throw new Error(`no range for services: ${cidr}`);
    this.base = base;
    this.size = 2 ** (32 - Number(bits));
  }

  /** True for addresses that can be given: not the first and the last. */
  contains(address: string): boolean {
    const number = parseAddress(address);
    return number !== undefined && number > this.base && number < this.base + this.size - 1;
  }

  /** An address that is free, by chance; undefined when there is none. Those with a fixed place come last. */
  choose(isFree: (address: string) => boolean): string | undefined {
    const first = this.size < SMALL_RANGE ? 1 : STATIC_ADDRESSES;
    return this.#chooseFrom(first, this.size - 1, isFree) ?? this.#chooseFrom(1, first, isFree);
  }

  #chooseFrom(from: number, end: number, isFree: (address: string) => boolean): string | undefined {
    const span = Math.max(0, end - from);
    const start = Math.floor(Math.random() * span);
    for (let step = 0; step < span; step += 1) {
      const address = formatAddress(this.base + from + ((start + step) % span));
      if (isFree(address)) return address;
    }
    return undefined;
  }
}

/** What is wrong with a range of service addresses, in words; undefined when it can be used. */
export function cidrFault(cidr: string): string | undefined {
  const [address = "", bits = "", ...more] = cidr.split("/");
  if (address.includes(":")) return "naru gives services IPv4 addresses alone";
  const base = parseAddress(address);
  const length = Number(bits);
  if (base === undefined || more.length > 0 || !/^\d{1,2}$/.test(bits) || length > 32) {
    return "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
  }
  const size = 2 ** (32 - length);
  if (base % size !== 0) {
    return `must be in canonical form (${JSON.stringify(`${formatAddress(base - (base % size))}/${length}`)})`;
  }
  if (length > 30 || length < 8) return "must have between 8 and 30 bits: smaller ranges hold no address to give";
  return undefined;
}

/** An IPv4 address as a number; undefined for anything else. */
function parseAddress(address: string): number | undefined {
  const parts = address.split(".");
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined;
  return parts.reduce((number, part) => number * 256 + Number(part), 0);
}

function formatAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
