/**
 * Keeps containers of routed bridges (BridgeRecord.routesNeighbours) from reaching each other past the machine's forwarding: a table of
 * nftables' family "bridge" that lets their frames go to the bridge itself and to nobody else. Only somebody who writes raw frames, or
 * changes his routes, ever notices. Where br_netfilter is on, the rules for forwarded packets see such frames too.
 */

import type { Expression } from "../linux/nftables-expression.ts";
import type { NftTable } from "../linux/nftables-message.ts";
import { NftablesTable, type PlacedElement } from "../linux/nftables-table.ts";
import { SysError } from "../linux/sys-error.ts";

const GATEWAYS = "gateways";
/** The lowest bit of the first byte of a hardware address: to several. */
const GROUP_BIT = 1;

function guardTable(portPrefix: string): Pick<NftTable, "sets" | "chains"> {
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
  /** Their elements by the bridges' names. */
  readonly #gateways = new Map<string, PlacedElement>();
  readonly #table: NftablesTable;
  /** False on kernels without nftables for bridges. */
  #isPossible = true;

  /** @param portPrefix how the host's ends of containers' interfaces on routed bridges begin, and no others */
  constructor(
    tableName: string,
    readonly portPrefix: string,
    readonly warn: (message: string) => void,
  ) {
    this.#table = new NftablesTable("bridge", tableName);
  }

  /** Idempotent. A kernel without nftables for bridges goes without the guard, which is told. */
  add(bridgeName: string, mac: Uint8Array): void {
    if (!this.#isPossible) return;
    const gateway = { set: GATEWAYS, key: mac };
    this.#gateways.set(bridgeName, gateway);
    if (!this.#table.change([], [gateway])) this.#build();
  }

  remove(bridgeName: string): void {
    const gateway = this.#gateways.get(bridgeName);
    if (gateway === undefined) return;
    this.#gateways.delete(bridgeName);
    if (this.#gateways.size === 0) this.clear();
    else if (!this.#table.change([gateway], [])) this.#build();
  }

  /** Makes the table again when somebody has flushed it. */
  restore(): void {
    if (this.#gateways.size > 0 && this.#table.isBehind()) this.#build();
  }

  /** Removes the table and forgets everything. */
  clear(): void {
    this.#gateways.clear();
    if (this.#isPossible) this.#table.remove();
  }

  close(): void {
    this.#table.close();
  }

  #build(): void {
    try {
      this.#table.replace(guardTable(this.portPrefix), [...this.#gateways.values()]);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#isPossible = false;
      this.#gateways.clear();
      this.warn(`containers on routed networks can write to each other directly: ${error.message}`);
    }
  }
}
