/** The addresses of one subnet: which are taken, and which is given next. Pure bookkeeping in memory. */
import { NaruError } from "../lib/errors.ts";
import { addressBits, containsAddress, type IpAddress, type IpPrefix, lastValue } from "../lib/ip-address.ts";

export class AddressPool {
  readonly #taken = new Set<bigint>();
  readonly #first: bigint;
  readonly #last: bigint;

  /** Addresses without a wish come from `range`, which lies within `subnet`. */
  constructor(
    readonly subnet: IpPrefix,
    range: IpPrefix = subnet,
  ) {
    const last = lastValue(range);
    // The subnet's own number and, with IPv4, its broadcast address belong to nobody (but a /31 or /32 has none).
    const isSmall = addressBits(subnet.version) - subnet.prefixBits < 2;
    this.#first = range.base === subnet.base && !isSmall ? range.base + 1n : range.base;
    this.#last = subnet.version === 4 && last === lastValue(subnet) && !isSmall ? last - 1n : last;
    if (!isSmall) this.#taken.add(subnet.base);
    if (!isSmall && subnet.version === 4) this.#taken.add(lastValue(subnet));
  }

  /** Marks an address as taken; false when it was taken before. */
  reserve(address: IpAddress): boolean {
    if (this.#taken.has(address.value)) return false;
    this.#taken.add(address.value);
    return true;
  }

  /**
   * The lowest free address of the range, or the one asked for.
   * @throws {NaruError} internal "Address already in use", "no available IPv4 addresses on this network's address pools"
   */
  allocate(wanted?: IpAddress): IpAddress {
    if (wanted !== undefined) {
      if (!containsAddress(this.subnet, wanted)) throw new NaruError("invalid", "Requested address is out of range");
      if (!this.reserve(wanted)) throw new NaruError("forbidden", "Address already in use");
      return wanted;
    }
    for (let value = this.#first; value <= this.#last; value++) {
      if (this.#taken.has(value)) continue;
      this.#taken.add(value);
      return { version: this.subnet.version, value };
    }
    throw new NaruError("internal", `no available IPv${this.subnet.version} addresses on this network's address pools`);
  }

  release(address: IpAddress): void {
    this.#taken.delete(address.value);
  }
}
