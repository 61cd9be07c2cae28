/**
 * Keeps containers of routed bridges (BridgeRecord.routesNeighbours) from reaching each other past the machine's forwarding: a table of
 * nftables' family "bridge" that lets their frames go to the bridge itself and to nobody else. Only somebody who writes raw frames, or
 * changes his routes, ever notices. Where br_netfilter is on, the rules for forwarded packets see such frames too.
 */

import { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { Expression } from "../linux/nftables-expression.ts";
import {
  addElements,
  createTable,
  decodeTable,
  deleteElements,
  deleteTable,
  listTablesQuery,
  NFT_FAMILY,
  type NftTable,
} from "../linux/nftables-message.ts";
import { SysError } from "../linux/sys-error.ts";

const ENOENT = 2;
const GATEWAYS = "gateways";
/** The lowest bit of the first byte of a hardware address: to several. */
const GROUP_BIT = 1;

function guardTable(name: string, portPrefix: string): NftTable {
  const fromPort: Expression[] = [
    { op: "meta", key: "iifname", register: 1 },
    { op: "compare", register: 1, is: "equal", value: Buffer.from(portPrefix) },
  ];
  const toOne: Expression[] = [
    { op: "payload", base: "link", offset: 0, bytes: 1, register: 1 },
    { op: "mask", register: 1, mask: GROUP_BIT },
    { op: "compare", register: 1, is: "equal", value: Uint8Array.of(0, 0, 0, 0) },
  ];
  const toNoGateway: Expression[] = [
    { op: "payload", base: "link", offset: 0, bytes: 6, register: 1 },
    { op: "lookup", register: 1, set: GATEWAYS, isInverted: true },
  ];
  return {
    family: "bridge",
    name,
    sets: [{ name: GATEWAYS, key: ["ether_addr"] }],
    chains: [
      {
        name: "prerouting",
        type: "filter",
        hook: "prerouting",
        priority: -300,
        rules: [[...fromPort, ...toOne, ...toNoGateway, { op: "verdict", verdict: "drop" }]],
      },
    ],
  };
}

export class BridgeGuard {
  /** Hardware addresses by the bridges' names. */
  readonly #gateways = new Map<string, Uint8Array>();
  readonly #socket = NetlinkSocket.open("netfilter");
  /** False on kernels without nftables for bridges. */
  #isPossible = true;

  /** @param portPrefix how the host's ends of containers' interfaces on routed bridges begin, and no others */
  constructor(
    readonly tableName: string,
    readonly portPrefix: string,
    readonly warn: (message: string) => void,
  ) {}

  /** Idempotent. A kernel without nftables for bridges goes without the guard, which is told. */
  add(bridgeName: string, mac: Uint8Array): void {
    if (!this.#isPossible) return;
    const isFirst = this.#gateways.size === 0;
    this.#gateways.set(bridgeName, mac);
    if (isFirst) this.#build();
    else this.#change(addElements("bridge", this.tableName, GATEWAYS, [{ key: mac }]));
  }

  remove(bridgeName: string): void {
    const mac = this.#gateways.get(bridgeName);
    if (mac === undefined) return;
    this.#gateways.delete(bridgeName);
    if (this.#gateways.size === 0) this.clear();
    else this.#change(deleteElements("bridge", this.tableName, GATEWAYS, [mac]));
  }

  /** Makes the table again when somebody has flushed it. */
  restore(): void {
    if (this.#gateways.size === 0) return;
    const tables = this.#socket.query(listTablesQuery(), "list nftables tables").map(decodeTable);
    const isThere = tables.some(({ family, name }) => family === NFT_FAMILY.bridge && name === this.tableName);
    if (!isThere) this.#build();
  }

  /** Removes the table and forgets everything. */
  clear(): void {
    this.#gateways.clear();
    if (!this.#isPossible) return;
    this.#socket.transact([deleteTable("bridge", this.tableName)], `remove nftables table ${this.tableName}`, [ENOENT]);
  }

  close(): void {
    this.#socket.close();
  }

  #change(part: Buffer): void {
    if (!this.#socket.transact([part], "change the guard of bridges", [ENOENT])) this.#build();
  }

  #build(): void {
    const table = guardTable(this.tableName, this.portPrefix);
    const empty = createTable({ ...table, sets: [], chains: [] });
    const elements = addElements(
      "bridge",
      this.tableName,
      GATEWAYS,
      [...this.#gateways.values()].map((key) => ({ key })),
    );
    try {
      const parts = [...empty, deleteTable(table.family, table.name), ...createTable(table), elements];
      this.#socket.transact(parts, `set up nftables table ${this.tableName}`);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#isPossible = false;
      this.#gateways.clear();
      this.warn(`containers on routed networks can write to each other directly: ${error.message}`);
    }
  }
}
