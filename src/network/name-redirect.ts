/** In a container's namespace: what is sent to 127.0.0.11 port 53 reaches the name server's random ports. */

import type { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { Expression } from "../linux/nftables-expression.ts";
import { createTable, deleteTable, type NftTable, portField } from "../linux/nftables-message.ts";

// A random port leaves 53 to containers that bind it on all addresses themselves.
const TABLE = "naru-names";
const ADDRESS = Uint8Array.of(127, 0, 0, 11);
const DNS_PORT = 53;
const IPPROTO = { tcp: 6, udp: 17 } as const;

function redirect(protocol: keyof typeof IPPROTO, port: number): Expression[] {
  return [
    { op: "payload", base: "network", offset: 16, bytes: 4, register: 1 },
    { op: "compare", register: 1, is: "equal", value: ADDRESS },
    { op: "meta", key: "l4proto", register: 1 },
    { op: "compare", register: 1, is: "equal", value: Uint8Array.of(IPPROTO[protocol]) },
    { op: "payload", base: "transport", offset: 2, bytes: 2, register: 1 },
    { op: "compare", register: 1, is: "equal", value: portField(DNS_PORT) },
    { op: "load", register: 1, value: ADDRESS },
    { op: "load", register: 2, value: portField(port) },
    { op: "dnat4", addressRegister: 1, portRegister: 2 },
  ];
}

/**
 * Sets the redirection up.
 * @param netfilter a socket of that namespace
 * @param replaces whether an earlier one is to go. Closing the socket then waits for the kernel to forget it (20 ms).
 * @throws {SysError}
 */
export function redirectNames(
  netfilter: NetlinkSocket,
  ports: { udpPort: number; tcpPort: number },
  { replaces }: { replaces: boolean },
): void {
  const empty: NftTable = { family: "ip", name: TABLE, sets: [], chains: [] };
  const rules = [redirect("udp", ports.udpPort), redirect("tcp", ports.tcpPort)];
  const chain = { name: "output", type: "nat", hook: "output", priority: -100, rules } as const;
  const removal = replaces ? [...createTable(empty), deleteTable("ip", TABLE)] : [];
  const parts = [...removal, ...createTable({ ...empty, chains: [chain] })];
  netfilter.transact(parts, "redirect name queries in a container");
}
