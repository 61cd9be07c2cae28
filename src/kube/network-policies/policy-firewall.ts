/** Keeps the table of network policies as it should be: element by element, in one netlink transaction a change. */

import { NftablesTable, type PlacedElement } from "../../linux/nftables-table.ts";
import type { IsolatedPod } from "./policy-rules.ts";
import { policyElements, policyTable } from "./policy-table.ts";

export class PolicyFirewall {
  readonly #table: NftablesTable;
  #elements = new Map<string, PlacedElement>();

  constructor(readonly tableName: string) {
    this.#table = new NftablesTable("inet", tableName);
  }

  /**
   * These pods are isolated from now on, and no others. There is no table while there are none. When it fails, the next call makes
   * the table anew.
   * @throws {SysError}
   */
  apply(pods: readonly IsolatedPod[]): void {
    const before = this.#elements;
    const after = new Map(pods.flatMap(policyElements).map((element) => [keyText(element), element]));
    if (after.size === 0 && before.size > 0) this.#table.remove();
    this.#elements = after;
    if (after.size === 0) return;
    const removed = [...before].flatMap(([key, element]) => (after.has(key) ? [] : [element]));
    const added = [...after].flatMap(([key, element]) => (before.has(key) ? [] : [element]));
    if (!this.#table.change(removed, added)) this.#table.replace(policyTable(), [...after.values()]);
  }

  /** True when somebody flushed the ruleset, or the last apply() failed: another is due. @throws {SysError} */
  isBehind(): boolean {
    return this.#elements.size > 0 && this.#table.isBehind();
  }

  /** Removes the table: nothing is refused any more. */
  close(): void {
    this.#table.remove();
    this.#table.close();
  }
}

function keyText({ set, key, end }: PlacedElement): string {
  return `${set} ${Buffer.from(key).toString("hex")} ${end === undefined ? "" : Buffer.from(end).toString("hex")}`;
}
