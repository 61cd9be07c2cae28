/** Keeps the table of services as it should be: element by element, in one netlink transaction a change. */

import type { NftTable } from "../../linux/nftables-message.ts";
import { NftablesTable, type PlacedElement } from "../../linux/nftables-table.ts";
import {
  clientsOf,
  clientsSet,
  frontName,
  LIVE,
  ownElement,
  type ServiceFront,
  type ServiceWay,
  serviceTable,
  wayElements,
} from "./service-table.ts";
import { sourceElements, sourceRangeRules } from "./source-ranges.ts";

export class ServiceFirewall {
  private readonly ways = new Map<string, { way: ServiceWay; elements: Map<string, PlacedElement> }>();
  private readonly timeouts = new Set<number>();
  /** Addresses of all endpoints. */
  private endpoints: ReadonlySet<string> = new Set();
  private readonly table: NftablesTable;
  private guardsSources = false;
  /** The kernel's rules are not of these ranges and timeouts. */
  private hasOldRules = true;
  /** Names of the sets and maps in the kernel. */
  private madeSets: ReadonlySet<string> = new Set();
  /** Fronts that were changed here and perhaps not yet in the kernel. */
  private readonly changed: ServiceFront[] = [];
  /** Elements of LIVE that are gone and whose clients are perhaps still remembered. */
  private withdrawn: PlacedElement[] = [];

  /** @param cidrs the ranges of cluster addresses, as in "10.96.0.0/16" */
  constructor(
    readonly tableName: string,
    private cidrs: readonly string[],
  ) {
    this.table = new NftablesTable("inet", tableName);
  }

  /** Other ranges of cluster addresses, from the next apply() on. */
  setRanges(cidrs: readonly string[]): void {
    if (Bun.deepEquals(cidrs, this.cidrs)) return;
    this.cidrs = cidrs;
    this.hasOldRules = true;
  }

  /**
   * Leads exactly these fronts to their endpoints from now on. When it fails, the next call makes the table anew.
   * @returns fronts that led elsewhere until now: what has begun through them goes on as it began
   * @throws {SysError}
   */
  apply(wanted: readonly ServiceWay[]): ServiceFront[] {
    const timeouts = new Set(wanted.map(({ affinitySeconds }) => affinitySeconds).filter((seconds) => seconds > 0));
    if (!timeouts.isSubsetOf(this.timeouts)) this.hasOldRules = true;
    for (const seconds of timeouts) this.timeouts.add(seconds);
    if (!this.guardsSources && wanted.some(({ sources }) => sources !== undefined)) {
      this.guardsSources = true;
      this.hasOldRules = true;
    }
    const { removed, added } = this.follow(wanted);
    this.withdrawn.push(...removed.filter(({ set }) => set === LIVE));
    if (!this.bringRules() || !this.table.change(removed, added)) this.rebuild();
    this.forgetClients();
    return this.changed.splice(0);
  }

  /** True when somebody flushed the ruleset, or the last apply() failed: another is due. @throws {SysError} */
  isBehind(): boolean {
    return this.table.isBehind();
  }

  /** What has to change from what was wanted until now. */
  private follow(wanted: readonly ServiceWay[]): { removed: PlacedElement[]; added: PlacedElement[] } {
    const removed: PlacedElement[] = [];
    const added: PlacedElement[] = [];
    const names = new Set<string>();
    const before = this.changed.length;
    for (const way of wanted) {
      const name = frontName(way.front);
      names.add(name);
      const known = this.ways.get(name);
      if (known !== undefined && sameWay(known.way, way)) continue;
      const elements = keyed([...wayElements(way), ...sourceElements(way)]);
      compare(known?.elements, elements, removed, added);
      this.changed.push(way.front);
      this.ways.set(name, { way, elements });
    }
    for (const [name, { way, elements }] of this.ways) {
      if (names.has(name)) continue;
      this.ways.delete(name);
      this.changed.push(way.front);
      removed.push(...elements.values());
    }
    if (this.changed.length > before) this.followEndpoints(removed, added);
    return { removed, added };
  }

  /** True while connections are led to that address, or may be since the kernel refused the last change. */
  leadsTo(ip: string): boolean {
    return this.endpoints.has(ip) || this.changed.length > 0;
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
    this.table.remove();
    this.table.close();
  }

  /** Remembered clients are forgotten. */
  private rebuild(): void {
    const elements = [...this.ways.values()].flatMap((known) => [...known.elements.values()]);
    for (const ip of this.endpoints) elements.push(ownElement(ip));
    const content = this.content();
    this.table.replace(content, elements);
    this.hasNewRules(content);
  }

  /** New ranges and timeouts leave all elements in their places. Returns false when the table must be made anew. */
  private bringRules(): boolean {
    if (!this.hasOldRules) return true;
    const { sets, chains } = this.content();
    if (!this.table.rewrite({ sets: sets.filter(({ name }) => !this.madeSets.has(name)), chains })) return false;
    this.hasNewRules({ sets });
    return true;
  }

  private content(): Pick<NftTable, "sets" | "chains"> {
    const { sets, chains } = serviceTable(this.cidrs, [...this.timeouts]);
    if (!this.guardsSources) return { sets, chains };
    return { sets: [...sets, ...sourceRangeRules.sets], chains: [...chains, ...sourceRangeRules.chains] };
  }

  private hasNewRules({ sets }: Pick<NftTable, "sets">): void {
    this.madeSets = new Set(sets.map(({ name }) => name));
    this.hasOldRules = false;
  }

  /** The kernel remembers no more clients with the endpoints that are gone; those of before are to draw anew. */
  private forgetClients(): void {
    if (this.withdrawn.length === 0) return;
    for (const seconds of this.timeouts) {
      this.table.discard(clientsOf(this.withdrawn, this.table.list(clientsSet(seconds)), seconds));
    }
    this.withdrawn = [];
  }
}

const keyed = (elements: readonly PlacedElement[]) =>
  new Map(elements.map((element) => [[element.set, latin1(element.key), latin1(element.end)].join(" "), element]));
const latin1 = (bytes: Uint8Array = new Uint8Array()) => Buffer.from(bytes).toString("latin1");

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
    Bun.deepEquals(one.sources, other.sources) &&
    one.backs.length === other.backs.length &&
    one.backs.every(({ ip, port }, at) => ip === other.backs[at]!.ip && port === other.backs[at]!.port)
  );
}
