/**
 * Counts requests to a container, whatever protocol they are in and whether connections are kept alive: in its namespace a rule
 * counts TCP segments with the PSH flag (the end of what a peer wrote in one piece, RFC 9293 section 3.9.1.2) in the
 * direction of those who opened the connection. A request that is written in several pieces counts several times.
 */
import type { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { Expression } from "../linux/nftables-expression.ts";
import { createTable, decodeRuleCounter, interfaceKey, listRulesQuery } from "../linux/nftables-message.ts";
import { SysError } from "../linux/sys-error.ts";

const TABLE = "naru-requests";
const CHAIN = "input";
const ENOENT = 2;
const IPPROTO_TCP = 6;
/** Byte 13 of the TCP header holds the flags. */
const FLAGS_OFFSET = 13;
const PSH = 8;
const ORIGINAL_DIRECTION = 0;

const countPushes: Expression[] = [
  // Health checks of the container itself are no load from outside.
  { op: "meta", key: "iifname", register: 1 },
  { op: "compare", register: 1, is: "different", value: interfaceKey("lo") },
  { op: "meta", key: "l4proto", register: 1 },
  { op: "compare", register: 1, is: "equal", value: Uint8Array.of(IPPROTO_TCP) },
  { op: "ct", key: "direction", register: 1 },
  { op: "compare", register: 1, is: "equal", value: Uint8Array.of(ORIGINAL_DIRECTION) },
  { op: "payload", base: "transport", offset: FLAGS_OFFSET, bytes: 1, register: 1 },
  { op: "mask", register: 1, mask: PSH },
  { op: "compare", register: 1, is: "different", value: Uint8Array.of(0, 0, 0, 0) },
  { op: "counter" },
];

/**
 * The count so far; the first call begins it.
 * @param netfilter a socket of the container's namespace
 * @throws {SysError}
 */
export function countRequests(netfilter: NetlinkSocket): number {
  const counted = readCount(netfilter);
  if (counted !== undefined) return counted;
  const chain = { name: CHAIN, type: "filter", hook: "input", priority: 0, rules: [countPushes] } as const;
  netfilter.transact(createTable({ family: "inet", name: TABLE, sets: [], chains: [chain] }), "count requests");
  return 0;
}

function readCount(netfilter: NetlinkSocket): number | undefined {
  try {
    const rules = netfilter.query(listRulesQuery("inet", TABLE, CHAIN), "read the count of requests");
    return rules.map(decodeRuleCounter).find((packets) => packets !== undefined);
  } catch (error) {
    if (error instanceof SysError && error.errno === ENOENT) return undefined;
    throw error;
  }
}
