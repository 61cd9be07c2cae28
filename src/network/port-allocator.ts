/** Which ports of the host belong to our containers. Bookkeeping in memory; what else uses a port shows when binding it. */
import type { PortProtocol } from "./network-records.ts";

const ANY_ADDRESS: readonly string[] = ["0.0.0.0", "::"];

export class PortAllocator {
  /** "tcp 8080" → host addresses. */
  readonly #taken = new Map<string, Set<string>>();
  #lastEphemeral: number;

  constructor(
    /** Inclusive, as in /proc/sys/net/ipv4/ip_local_port_range. */
    readonly ephemeral: { first: number; last: number },
  ) {
    this.#lastEphemeral = ephemeral.last;
  }

  /** A port on "0.0.0.0" collides with the same port on any IPv4 address, one on "::" with any IPv6 address. */
  isFree(protocol: PortProtocol, hostIp: string, port: number): boolean {
    for (const other of this.#taken.get(`${protocol} ${port}`) ?? []) {
      if (other.includes(":") !== hostIp.includes(":")) continue;
      if (other === hostIp || ANY_ADDRESS.includes(other) || ANY_ADDRESS.includes(hostIp)) return false;
    }
    return true;
  }

  reserve(protocol: PortProtocol, hostIp: string, port: number): void {
    const key = `${protocol} ${port}`;
    const addresses = this.#taken.get(key) ?? new Set();
    this.#taken.set(key, addresses.add(hostIp));
  }

  release(protocol: PortProtocol, hostIp: string, port: number): void {
    const key = `${protocol} ${port}`;
    const addresses = this.#taken.get(key);
    addresses?.delete(hostIp);
    if (addresses?.size === 0) this.#taken.delete(key);
  }

  /** Every port of the ephemeral range once, beginning behind the last one given, as Docker does. */
  *ephemeralPorts(): Generator<number> {
    const { first, last } = this.ephemeral;
    const count = last - first + 1;
    const start = this.#lastEphemeral + 1 - first;
    for (let step = 0; step < count; step++) {
      const port = first + ((start + step) % count);
      this.#lastEphemeral = port;
      yield port;
    }
  }
}
