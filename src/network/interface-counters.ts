/** Traffic counters of a namespace's interfaces. */
import { dumpQuery, RTM } from "../linux/netlink-route.ts";
import { decodeLink } from "../linux/netlink-route-answers.ts";
import type { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { NetworkStats } from "../model/system.ts";

/** By interface, loopback left out. @param route a socket of the namespace. @throws {SysError} */
export async function readInterfaceCounters(route: NetlinkSocket): Promise<Record<string, NetworkStats>> {
  const links = (await route.queryInBackground(dumpQuery(RTM.GETLINK), "read counters")).map(decodeLink);
  const found = links.flatMap(({ name, counters }) => {
    if (counters === undefined || name === "lo") return [];
    const stats: NetworkStats = {
      rx_bytes: counters.rxBytes,
      rx_packets: counters.rxPackets,
      rx_errors: counters.rxErrors,
      rx_dropped: counters.rxDropped,
      tx_bytes: counters.txBytes,
      tx_packets: counters.txPackets,
      tx_errors: counters.txErrors,
      tx_dropped: counters.txDropped,
    };
    return [[name, stats] as const];
  });
  return Object.fromEntries(found);
}
