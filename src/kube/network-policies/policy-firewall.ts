/** Keeps the table of network policies as it should be: element by element, in one netlink transaction a change. */

import { NetlinkSocket } from "../../linux/netlink-socket.ts";
import { addElements, createTable, deleteRanges, deleteTable } from "../../linux/nftables-message.ts";
import type { IsolatedPod } from "./policy-rules.ts";
import { type PolicyElement, policyElements, policyTable } from "./policy-table.ts";

const ENOENT = 2;
/** Elements in one message: an attribute holds 64 KB. */
const BATCH = 400;

export class PolicyFirewall {
  readonly #socket = NetlinkSocket.open("netfilter");
  #elements = new Map<string, PolicyElement>();
  #isBuilt = false;

  constructor(readonly tableName: string) {}

  /** These pods are isolated from now on, and no others. There is no table while there are none. @throws {SysError} */
  apply(pods: readonly IsolatedPod[]): void {
    if (pods.length === 0 && !this.#isBuilt) return;
    const before = this.#elements;
    this.#elements = new Map(pods.flatMap(policyElements).map((element) => [keyText(element), element]));
    if (pods.length === 0) this.#remove();
    else if (this.#isBuilt) this.#change(before);
    else this.#build();
  }

  #change(before: ReadonlyMap<string, PolicyElement>): void {
    const gone = [...before].flatMap(([key, element]) => (this.#elements.has(key) ? [] : [element]));
    const added = [...this.#elements].flatMap(([key, element]) => (before.has(key) ? [] : [element]));
    if (gone.length + added.length === 0) return;
    const parts = [...this.#messages(gone, deleteRanges), ...this.#messages(added, addElements)];
    // Somebody flushed the ruleset: everything is made anew.
    if (!this.#socket.transact(parts, `change ${added.length} element(s) of network policies`, [ENOENT])) this.#build();
  }

  /** Removes the table: nothing is refused any more. */
  close(): void {
    this.#remove();
    this.#socket.close();
  }

  #build(): void {
    const table = policyTable(this.tableName);
    const empty = createTable({ ...table, sets: [], chains: [] });
    const elements = this.#messages([...this.#elements.values()], addElements);
    const parts = [...empty, deleteTable(table.family, table.name), ...createTable(table), ...elements];
    this.#socket.transact(parts, `set up nftables table ${this.tableName}`);
    this.#isBuilt = true;
  }

  #remove(): void {
    this.#socket.transact([deleteTable("inet", this.tableName)], `remove nftables table ${this.tableName}`, [ENOENT]);
    this.#isBuilt = false;
  }

  #messages(elements: readonly PolicyElement[], make: typeof addElements): Buffer[] {
    return [...Map.groupBy(elements, ({ set }) => set)].flatMap(([set, list]) => {
      const parts: Buffer[] = [];
      for (let from = 0; from < list.length; from += BATCH) {
        parts.push(make("inet", this.tableName, set, list.slice(from, from + BATCH)));
      }
      return parts;
    });
  }
}

function keyText({ set, key, end }: PolicyElement): string {
  return `${set} ${Buffer.from(key).toString("hex")} ${end === undefined ? "" : Buffer.from(end).toString("hex")}`;
}
