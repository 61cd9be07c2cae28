/** A range of IPv4 addresses to choose from. */

/** The first addresses are for services with a fixed address (API server, DNS). */
const STATIC_ADDRESSES = 32;

export class AddressRange {
  private readonly base: number;
  private readonly size: number;

  /** @param cidr "10.96.0.0/16", at least a /25 @throws Error for a range that is none */
  constructor(cidr: string) {
    const [address = "", bits = ""] = cidr.split("/");
    const base = parseAddress(address);
    this.size = 2 ** (32 - Number(bits));
    if (base === undefined || !(this.size > 4 * STATIC_ADDRESSES - 1))
      throw new Error(`no range for services: ${cidr}`);
    this.base = base;
  }

  /** True for addresses that can be given: not the first and the last. */
  contains(address: string): boolean {
    const number = parseAddress(address);
    return number !== undefined && number > this.base && number < this.base + this.size - 1;
  }

  /** An address that is free, by chance; undefined when there is none. */
  choose(isFree: (address: string) => boolean): string | undefined {
    const span = this.size - 1 - STATIC_ADDRESSES;
    const start = Math.floor(Math.random() * span);
    for (let step = 0; step < span; step += 1) {
      const address = formatAddress(this.base + STATIC_ADDRESSES + ((start + step) % span));
      if (isFree(address)) return address;
    }
    return undefined;
  }
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
