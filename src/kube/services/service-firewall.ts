/** Keeps the table of services as it should be: element by element, in one netlink transaction a change. */

import { NetlinkSocket } from "../../linux/netlink-socket.ts";
import {
  addElements,
  createTable,
  deleteElements,
  deleteTable,
  type NftElement,
} from "../../linux/nftables-message.ts";
import {
  frontName,
  ownElement,
  type PlacedElement,
  type ServiceFront,
  type ServiceWay,
  serviceTable,
  wayElements,
} from "./service-table.ts";

const ENOENT = 2;
/** Elements in one message: an attribute holds 64 KB. */
const BATCH = 500;

export class ServiceFirewall {
  private readonly ways = new Map<string, { way: ServiceWay; elements: Map<string, PlacedElement> }>();
  private readonly timeouts = new Set<number>();
  /** Addresses of all endpoints. */
  private endpoints: ReadonlySet<string> = new Set();
  private readonly socket = NetlinkSocket.open("netfilter");
  private isBuilt = false;

  /** @param cidrs the ranges of cluster addresses, as in "10.96.0.0/16" */
  constructor(
    readonly tableName: string,
    private cidrs: readonly string[],
  ) {}

  /** Other ranges of cluster addresses, from the next apply() on. */
  setRanges(cidrs: readonly string[]): void {
    if (Bun.deepEquals(cidrs, this.cidrs)) return;
    this.cidrs = cidrs;
    this.isBuilt = false;
  }

  /**
   * Leads exactly these fronts to their endpoints from now on.
   * @returns fronts that led elsewhere until now: what has begun through them goes on as it began
   * @throws {SysError}
   */
  apply(wanted: readonly ServiceWay[]): ServiceFront[] {
    const missingTimeout = wanted.some(
      ({ affinitySeconds }) => affinitySeconds > 0 && !this.timeouts.has(affinitySeconds),
    );
    for (const { affinitySeconds } of wanted) if (affinitySeconds > 0) this.timeouts.add(affinitySeconds);
    const removed: PlacedElement[] = [];
    const added: PlacedElement[] = [];
    const names = new Set<string>();
    const changed: ServiceFront[] = [];
    for (const way of wanted) {
      const name = frontName(way.front);
      names.add(name);
      const known = this.ways.get(name);
      if (known !== undefined && sameWay(known.way, way)) continue;
      const elements = keyed(wayElements(way));
      compare(known?.elements, elements, removed, added);
      changed.push(way.front);
      this.ways.set(name, { way, elements });
    }
    for (const [name, { way, elements }] of this.ways) {
      if (names.has(name)) continue;
      this.ways.delete(name);
      changed.push(way.front);
      removed.push(...elements.values());
    }
    if (changed.length > 0) this.followEndpoints(removed, added);
    if (!this.isBuilt || missingTimeout) this.rebuild();
    else this.change(removed, added);
    return changed;
  }

  /** True while connections are led to that address. */
  leadsTo(ip: string): boolean {
    return this.endpoints.has(ip);
  }

  private followEndpoints(removed: PlacedElement[], added: PlacedElement[]): void {
    const before = this.endpoints;
    const now = new Set([...this.ways.values()].flatMap(({ way }) => way.backs.map(({ ip }) => ip)));
    this.endpoints = now;
    for (const ip of before) if (!now.has(ip)) removed.push(ownElement(ip));
    for (const ip of now) if (!before.has(ip)) added.push(ownElement(ip));
  }

  /** Removes the table. */
  close(): void {
    this.socket.transact([deleteTable("inet", this.tableName)], `remove nftables table ${this.tableName}`, [ENOENT]);
    this.socket.close();
  }

  /** The whole table in one transaction: no packet sees it without its elements. Remembered clients are forgotten. */
  private rebuild(): void {
    const table = serviceTable(this.tableName, this.cidrs, [...this.timeouts]);
    const empty = createTable({ ...table, sets: [], chains: [] });
    const elements = [...this.ways.values()].flatMap((known) => [...known.elements.values()]);
    for (const ip of this.endpoints) elements.push(ownElement(ip));
    const parts = [...empty, deleteTable(table.family, table.name), ...createTable(table), ...this.additions(elements)];
    this.socket.transact(parts, `set up nftables table ${this.tableName}`);
    this.isBuilt = true;
  }

  private change(removed: readonly PlacedElement[], added: readonly PlacedElement[]): void {
    if (removed.length + added.length === 0) return;
    const removals = bySet(removed).map(([set, elements]) =>
      deleteElements(
        "inet",
        this.tableName,
        set,
        elements.map(({ key }) => key),
      ),
    );
    const parts = [...removals, ...this.additions(added)];
    // Somebody flushed the ruleset: everything is made anew.
    if (!this.socket.transact(parts, `change ${added.length} element(s) of services`, [ENOENT])) this.rebuild();
  }

  private additions(elements: readonly PlacedElement[]): Buffer[] {
    return bySet(elements).flatMap(([set, list]) => {
      const parts: Buffer[] = [];
      for (let from = 0; from < list.length; from += BATCH) {
        const batch: NftElement[] = list.slice(from, from + BATCH);
        parts.push(addElements("inet", this.tableName, set, batch));
      }
      return parts;
    });
  }
}

const keyed = (elements: readonly PlacedElement[]) =>
  new Map(elements.map((element) => [`${element.set} ${Buffer.from(element.key).toString("latin1")}`, element]));

/** Elements whose data change are removed and added again; those that stay the same are not touched. */
function compare(
  before: ReadonlyMap<string, PlacedElement> | undefined,
  after: ReadonlyMap<string, PlacedElement>,
  removed: PlacedElement[],
  added: PlacedElement[],
): void {
  for (const [key, element] of before ?? []) {
    const now = after.get(key);
    if (now === undefined || !sameData(element, now)) removed.push(element);
  }
  for (const [key, element] of after) {
    const was = before?.get(key);
    if (was === undefined || !sameData(was, element)) added.push(element);
  }
}

function sameData(one: PlacedElement, other: PlacedElement): boolean {
  if (one.data === undefined || other.data === undefined) return one.data === other.data;
  return Buffer.from(one.data).equals(other.data);
}

function sameWay(one: ServiceWay, other: ServiceWay): boolean {
  return (
    one.affinitySeconds === other.affinitySeconds &&
    one.backs.length === other.backs.length &&
    one.backs.every(({ ip, port }, at) => ip === other.backs[at]!.ip && port === other.backs[at]!.port)
  );
}

const bySet = (elements: readonly PlacedElement[]) => [...Map.groupBy(elements, ({ set }) => set)];
