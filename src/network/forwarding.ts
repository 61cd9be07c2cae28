/** The machine as a router between its containers and the world. */
import { readFile, writeFile } from "node:fs/promises";

const IPV4 = "/proc/sys/net/ipv4/ip_forward";
const IPV6 = "/proc/sys/net/ipv6/conf/all/forwarding";

/**
 * Turns forwarding on where it is off; it stays on, as others may have come to need it.
 * IPv6 only when a network has it: a forwarding machine no longer listens to router advertisements.
 */
export async function enableForwarding(withIpv6: boolean): Promise<void> {
  for (const path of withIpv6 ? [IPV4, IPV6] : [IPV4]) {
    if ((await readFile(path, "utf8")).trim() === "0") await writeFile(path, "1");
  }
}
