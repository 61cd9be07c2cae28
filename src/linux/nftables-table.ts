/** One nftables table in the kernel: made whole, changed element by element, and missed when somebody flushed the ruleset. */
import { NetlinkSocket } from "./netlink-socket.ts";
import {
  addElements,
  createTable,
  decodeElements,
  decodeGeneration,
  decodeTable,
  deleteElements,
  deleteTable,
  generationQuery,
  listElementsQuery,
  listTablesQuery,
  NFT_FAMILY,
  type NftElement,
  type NftTable,
  rewriteTable,
} from "./nftables-message.ts";

/** An element and the set or map of the table that it belongs in. */
export type PlacedElement = { set: string } & NftElement;

const ENOENT = 2;
/** Elements in one message: an attribute holds 64 KB. */
const BATCH = 500;

export class NftablesTable {
  readonly #socket = NetlinkSocket.open("netfilter");
  /** Since the last whole making nothing has failed. */
  #isMade = false;
  #seenGeneration: number | undefined;

  constructor(
    readonly family: NftTable["family"],
    readonly name: string,
  ) {}

  /**
   * The table with these elements, also in place of an older one: one transaction, so that no packet sees it half made.
   * @throws {SysError}
   */
  replace(content: Pick<NftTable, "sets" | "chains">, elements: readonly PlacedElement[]): void {
    const { family, name } = this;
    // Deleting needs something to delete: the first message makes sure of it.
    const parts = [...createTable({ family, name, sets: [], chains: [] }), deleteTable(family, name)];
    parts.push(...createTable({ family, name, ...content }), ...this.#messages(elements, addElements));
    this.#isMade = false;
    this.#socket.transact(parts, `set up nftables table ${name}`);
    this.#isMade = true;
  }

  /**
   * Takes elements out and puts others in, in one transaction.
   * @returns false when `replace` is due: the table or an element that is to go is not there, or an earlier transaction failed
   * @throws {SysError}
   */
  change(removed: readonly PlacedElement[], added: readonly PlacedElement[]): boolean {
    if (!this.#isMade) return false;
    this.#isMade = false;
    this.#isMade = this.#tryChange(removed, added);
    return this.#isMade;
  }

  /**
   * Gives the table more sets, and these chains with these rules in place of their old ones; elements stay.
   * @returns false when `replace` is due
   * @throws {SysError}
   */
  rewrite(content: Pick<NftTable, "sets" | "chains">): boolean {
    if (!this.#isMade) return false;
    this.#isMade = false;
    const parts = rewriteTable({ family: this.family, name: this.name, ...content });
    this.#isMade = this.#socket.transact(parts, `change rules of nftables table ${this.name}`, [ENOENT]);
    return this.#isMade;
  }

  /** What is in a set or map now. @throws {SysError} */
  list(set: string): NftElement[] {
    const query = listElementsQuery(this.family, this.name, set);
    return this.#socket.query(query, `list ${set} of nftables table ${this.name}`).flatMap(decodeElements);
  }

  /** Takes out those of the elements that are still there. @throws {SysError} */
  discard(elements: readonly PlacedElement[]): void {
    if (this.#tryChange(elements, [])) return;
    for (const element of elements) this.#tryChange([element], []);
  }

  /**
   * True when `replace` is due: an earlier transaction failed, or somebody flushed the ruleset. Cheap while nobody has changed any rule of the machine.
   * @throws {SysError}
   */
  isBehind(): boolean {
    if (!this.#isMade) return true;
    const generation = this.readGeneration();
    if (generation === this.#seenGeneration) return false;
    const tables = this.#socket.query(listTablesQuery(), "list nftables tables").map(decodeTable);
    this.#isMade = tables.some(({ family, name }) => family === NFT_FAMILY[this.family] && name === this.name);
    this.#seenGeneration = generation;
    return !this.#isMade;
  }

  /** Another number means that somebody, perhaps this process, changed some rule of the machine. @throws {SysError} */
  readGeneration(): number {
    const [answer] = this.#socket.query(generationQuery(), "read the generation of the nftables ruleset");
    return answer === undefined ? 0 : decodeGeneration(answer);
  }

  /** Idempotent. @throws {SysError} */
  remove(): void {
    this.#isMade = false;
    this.#socket.transact([deleteTable(this.family, this.name)], `remove nftables table ${this.name}`, [ENOENT]);
  }

  /** The table itself stays. */
  close(): void {
    this.#socket.close();
  }

  #tryChange(removed: readonly PlacedElement[], added: readonly PlacedElement[]): boolean {
    if (removed.length + added.length === 0) return true;
    const parts = [...this.#messages(removed, deleteElements), ...this.#messages(added, addElements)];
    return this.#socket.transact(parts, `change elements of nftables table ${this.name}`, [ENOENT]);
  }

  #messages(elements: readonly PlacedElement[], make: typeof addElements): Buffer[] {
    return [...Map.groupBy(elements, ({ set }) => set)].flatMap(([set, list]) => {
      const parts: Buffer[] = [];
      for (let from = 0; from < list.length; from += BATCH) {
        parts.push(make(this.family, this.name, set, list.slice(from, from + BATCH)));
      }
      return parts;
    });
  }
}
