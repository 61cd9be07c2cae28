/** The client's own address behind proxies that say whom they speak for (X-Forwarded-For). */
import { BlockList, isIP } from "node:net";
import { NaruError } from "../../lib/errors.ts";

const MOST_HOPS = 20;

/**
 * `proxies`: addresses or networks ("10.0.0.0/8") whose word counts. Nobody else's does, since anybody can write the header.
 * @throws {NaruError} invalid naming the entry
 */
export function clientAddressReader(proxies: readonly string[]): (peer: string, forwardedFor: string | null) => string {
  const trusted = new BlockList();
  for (const entry of proxies) addTo(trusted, entry);
  const isProxy = (address: string) =>
    isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  return (peer, forwardedFor) => {
    let address = plain(peer);
    const hops = (forwardedFor ?? "").split(",").slice(-MOST_HOPS);
    // From the nearest proxy outwards, as long as it was a proxy that wrote the entry.
    for (let hop = hops.pop()?.trim(); hop !== undefined && isProxy(address); hop = hops.pop()?.trim()) {
      if (isIP(plain(hop)) === 0) break;
      address = plain(hop);
    }
    return address;
  };
}

/** A socket for both families writes IPv4 addresses as ::ffff:192.0.2.1. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/^\[|\]$/g, "");
}

function addTo(list: BlockList, entry: string): void {
  const [address = "", prefix, ...rest] = entry.split("/");
  const family = isIP(address);
  const bits = prefix === undefined ? undefined : Number(prefix);
  const isWrong = bits !== undefined && !(Number.isInteger(bits) && bits >= 0 && bits <= (family === 6 ? 128 : 32));
  if (family === 0 || rest.length > 0 || isWrong) {
    throw new NaruError(
      "invalid",
      `proxies: ${JSON.stringify(entry)} is no address or network; write 10.0.0.1 or 10.0.0.0/8`,
    );
  }
  const kind = family === 6 ? "ipv6" : "ipv4";
  if (bits === undefined) list.addAddress(address, kind);
  else list.addSubnet(address, bits, kind);
}
