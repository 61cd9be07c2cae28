/**
 * The range of the cluster's addresses. All clusters of a machine share its network namespace, so that each needs a range of its own: a
 * cluster's nftables table bears its range in its name.
 */

import { NaruError } from "../../lib/errors.ts";
import { inMachineTurn } from "../../lib/machine-turn.ts";
import { NetlinkSocket } from "../../linux/netlink-socket.ts";
import { decodeTable, listTablesQuery } from "../../linux/nftables-message.ts";
import { NftablesTable } from "../../linux/nftables-table.ts";

/** 10.96.0.0/16 to 10.111.0.0/16: Kubernetes' own 10.96.0.0/12 in sixteen parts. */
const CANDIDATES = Array.from({ length: 16 }, (_one, at) => `10.${96 + at}.0.0/16`);
const API = 1;
const DNS = 10;

export interface ServiceRange {
  /** "10.96.0.0/16" */
  readonly cidr: string;
  /** Of the service default/kubernetes. */
  readonly apiAddress: string;
  /** Of the service kube-system/kube-dns. */
  readonly dnsAddress: string;
}

/** @throws NaruError invalid for what is no range of IPv4 addresses, or a useless one */
export function parseServiceRange(cidr: string): ServiceRange {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  const [a = 256, b = 256, c = 256, d = 256, bits = 0] = (match?.slice(1) ?? []).map(Number);
  const base = ((a * 256 + b) * 256 + c) * 256 + d;
  const isRange = [a, b, c, d].every((part) => part < 256) && bits >= 12 && bits <= 24 && base % 2 ** (32 - bits) === 0;
  if (!isRange) {
    throw new NaruError(
      "invalid",
      `invalid range of service addresses "${cidr}": write one of 12 to 24 bits, as in 10.96.0.0/16`,
    );
  }
  const address = (offset: number) => [24, 16, 8, 0].map((shift) => ((base + offset) >>> shift) & 255).join(".");
  return { cidr, apiAddress: address(API), dnsAddress: address(DNS) };
}

/** "naru-1a2b3c4d-services-10.96.0.0-16" */
export function serviceTableName(instance: string, { cidr }: Pick<ServiceRange, "cidr">): string {
  return `naru-${instance}${tableEnding(cidr)}`;
}

const tableEnding = (cidr: string): string => `-services-${cidr.replace("/", "-")}`;

/**
 * The first range that no other cluster of this machine has. The cluster's table is made for it, empty, so that nobody else takes it
 * before the cluster runs; when it comes to nothing, `release` takes the table away.
 * @throws NaruError unavailable
 */
export function reserveServiceRange(instance: string): Promise<{ cidr: string; release(): void }> {
  return inMachineTurn("service-ranges", async () => {
    const taken = tablesOfOthers(instance);
    const cidr = CANDIDATES.find((one) => !taken.some((name) => name.endsWith(tableEnding(one))));
    if (cidr === undefined) {
      throw new NaruError(
        "unavailable",
        "sixteen clusters run on this machine already: name a range with --service-cidr",
      );
    }
    const name = serviceTableName(instance, { cidr });
    withTable(name, (table) => table.replace({ sets: [], chains: [] }, []));
    return { cidr, release: () => withTable(name, (table) => table.remove()) };
  });
}

function withTable(name: string, act: (table: NftablesTable) => void): void {
  const table = new NftablesTable("inet", name);
  try {
    act(table);
  } finally {
    table.close();
  }
}

function tablesOfOthers(instance: string): string[] {
  const socket = NetlinkSocket.open("netfilter");
  try {
    const names = socket.query(listTablesQuery(), "list nftables tables").map((table) => decodeTable(table).name);
    return names.filter((name) => name.startsWith("naru-") && !name.startsWith(`naru-${instance}-`));
  } finally {
    socket.close();
  }
}
