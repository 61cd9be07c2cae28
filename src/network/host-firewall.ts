/** Keeps the instance's nftables table as it should be: bridges and ports come and go by netlink, in microseconds. */
import { NftablesTable, type PlacedElement } from "../linux/nftables-table.ts";
import { SysError } from "../linux/sys-error.ts";
import {
  bridgeElements,
  type FirewallBridge,
  hostTable,
  type PortTarget,
  portElements,
  selfElement,
} from "./host-firewall-table.ts";
import type { PublishedPort } from "./network-records.ts";

/** A port of the host and the containers that its connections are spread over. */
interface LedPort {
  port: PublishedPort;
  targets: readonly PortTarget[];
}

export class HostFirewall {
  readonly #bridges = new Map<string, FirewallBridge>();
  readonly #ports = new Map<string, LedPort>();
  readonly #table: NftablesTable;
  /** From the first making to the removal. */
  #isWanted = false;
  /** False on kernels without nft_numgen: then the first container has all connections of a shared port. */
  #canShare = true;
  /** Containers' addresses in the set "to-itself". */
  #selfTargets = new Set<string>();

  constructor(tableName: string) {
    this.#table = new NftablesTable("inet", tableName);
  }

  /** Makes the table with all that is known, in one transaction: also in place of an older one. @throws {SysError} */
  rebuild(): void {
    try {
      this.#build();
    } catch (error) {
      if (!(error instanceof SysError) || !this.#canShare) throw error;
      this.#canShare = false;
      this.#build();
    }
  }

  #build(): void {
    const elements = [...this.#bridges.values()].flatMap(bridgeElements);
    elements.push(...[...this.#ports.values()].flatMap((led) => this.#elements(led)));
    this.#selfTargets.clear();
    elements.push(...this.#followTargets().added);
    this.#table.replace(hostTable(this.#canShare), elements);
    this.#isWanted = true;
  }

  /** Remembers ports for the first `rebuild`. */
  expectPorts(ports: readonly LedPort[]): void {
    for (const led of ports) this.#ports.set(portKey(led.port), led);
  }

  /** Idempotent. Before the first `rebuild` it is only remembered. @throws {SysError} */
  addBridge(bridge: FirewallBridge): void {
    this.#bridges.set(bridge.interfaceName, bridge);
    if (this.#isWanted) this.#change([], bridgeElements(bridge));
  }

  removeBridge(interfaceName: string): void {
    const bridge = this.#bridges.get(interfaceName);
    if (bridge === undefined) return;
    this.#bridges.delete(interfaceName);
    // What was missing already is found by `isBehind`.
    this.#table.change(bridgeElements(bridge), []);
  }

  /** Leads ports of the host to their targets, also those that led elsewhere until now. @throws {SysError} */
  setPorts(ports: readonly LedPort[]): void {
    if (ports.length === 0) return;
    const replaced = ports.flatMap((led) => this.#ports.get(portKey(led.port)) ?? []);
    for (const led of ports) this.#ports.set(portKey(led.port), led);
    const { removed, added } = this.#followTargets();
    const [before, after] = [replaced, ports].map((list) => list.flatMap((led) => this.#elements(led)));
    this.#change([...before!, ...removed], [...after!, ...added]);
  }

  removePorts(ports: readonly PublishedPort[]): void {
    const known = ports.flatMap((port) => this.#ports.get(portKey(port)) ?? []);
    for (const port of ports) this.#ports.delete(portKey(port));
    const { removed, added } = this.#followTargets();
    this.#table.change([...known.flatMap((led) => this.#elements(led)), ...removed], added);
  }

  /** Another number means that somebody, perhaps this daemon, changed some rule. @throws {SysError} */
  readGeneration(): number {
    return this.#table.readGeneration();
  }

  /** True when somebody flushed the whole ruleset: then `rebuild` is due. @throws {SysError} */
  isBehind(): boolean {
    return this.#isWanted && this.#table.isBehind();
  }

  /** Removes the table and forgets everything. */
  remove(): void {
    this.#isWanted = false;
    this.#bridges.clear();
    this.#ports.clear();
    this.#selfTargets.clear();
    this.#table.remove();
  }

  close(): void {
    this.#table.close();
  }

  /** Changes the elements of containers that may call themselves to those that have published ports now. */
  #followTargets(): { removed: PlacedElement[]; added: PlacedElement[] } {
    const before = this.#selfTargets;
    const wanted = new Set([...this.#ports.values()].flatMap(({ targets }) => targets.map(({ ip }) => ip)));
    this.#selfTargets = wanted;
    return {
      removed: [...before.difference(wanted)].map(selfElement),
      added: [...wanted.difference(before)].map(selfElement),
    };
  }

  #elements({ port, targets }: LedPort): PlacedElement[] {
    return portElements(port, this.#canShare ? targets : targets.slice(0, 1));
  }

  /** When the table is gone, everything is made anew. */
  #change(removed: readonly PlacedElement[], added: readonly PlacedElement[]): void {
    if (!this.#table.change(removed, added)) this.rebuild();
  }
}

const portKey = ({ protocol, hostIp, hostPort }: PublishedPort): string => `${protocol} ${hostIp} ${hostPort}`;
