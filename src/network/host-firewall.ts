/** Keeps the instance's nftables table as it should be: bridges and ports come and go by netlink, in microseconds. */
import { NetlinkSocket } from "../linux/netlink-socket.ts";
import {
  addElements,
  createTable,
  decodeGeneration,
  decodeTable,
  deleteElements,
  deleteTable,
  generationQuery,
  listTablesQuery,
  NFT_FAMILY,
} from "../linux/nftables-message.ts";
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

const ENOENT = 2;

/** A port of the host and the containers that its connections are spread over. */
interface LedPort {
  port: PublishedPort;
  targets: readonly PortTarget[];
}

export class HostFirewall {
  readonly #bridges = new Map<string, FirewallBridge>();
  readonly #ports = new Map<string, LedPort>();
  readonly #socket = NetlinkSocket.open("netfilter");
  #isBuilt = false;
  /** False on kernels without nft_numgen: then the first container has all connections of a shared port. */
  #canShare = true;
  /** Containers' addresses in the set "to-itself". */
  #selfTargets = new Set<string>();

  constructor(readonly tableName: string) {}

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
    const table = hostTable(this.tableName, this.#canShare);
    const elements = [...this.#bridges.values()].flatMap((bridge) =>
      bridgeElements(bridge).map(({ set, key }) => this.#add(set, key)),
    );
    for (const led of this.#ports.values()) elements.push(...this.#additions(led));
    this.#selfTargets.clear();
    elements.push(...this.#followTargets());
    // Deleting needs something to delete: the first message makes sure of it.
    const emptyTable = createTable({ ...table, sets: [], chains: [] });
    const parts = [...emptyTable, deleteTable(table.family, table.name), ...createTable(table), ...elements];
    this.#socket.transact(parts, `set up nftables table ${this.tableName}`);
    this.#isBuilt = true;
  }

  /** Remembers ports for the first `rebuild`. */
  expectPorts(ports: readonly LedPort[]): void {
    for (const led of ports) this.#ports.set(portKey(led.port), led);
  }

  /** Idempotent. Before the first `rebuild` it is only remembered. @throws {SysError} */
  addBridge(bridge: FirewallBridge): void {
    this.#bridges.set(bridge.interfaceName, bridge);
    if (!this.#isBuilt) return;
    const parts = bridgeElements(bridge).map(({ set, key }) => this.#add(set, key));
    this.#change(parts, `add ${bridge.interfaceName} to the firewall`);
  }

  removeBridge(interfaceName: string): void {
    const bridge = this.#bridges.get(interfaceName);
    if (bridge === undefined) return;
    this.#bridges.delete(interfaceName);
    const parts = bridgeElements(bridge).map(({ set, key }) => deleteElements("inet", this.tableName, set, [key]));
    this.#socket.transact(parts, `remove ${interfaceName} from the firewall`, [ENOENT]);
  }

  /** Leads ports of the host to their targets, also those that led elsewhere until now. @throws {SysError} */
  setPorts(ports: readonly LedPort[]): void {
    if (ports.length === 0) return;
    const parts = ports.flatMap((led) => {
      const known = this.#ports.get(portKey(led.port));
      this.#ports.set(portKey(led.port), led);
      return [...(known === undefined ? [] : this.#removals(known)), ...this.#additions(led)];
    });
    this.#change([...parts, ...this.#followTargets()], `publish ${ports.length} port(s)`);
  }

  removePorts(ports: readonly PublishedPort[]): void {
    const parts = ports.flatMap((port) => {
      const known = this.#ports.get(portKey(port));
      this.#ports.delete(portKey(port));
      return known === undefined ? [] : this.#removals(known);
    });
    parts.push(...this.#followTargets());
    if (parts.length > 0) this.#socket.transact(parts, "withdraw published ports", [ENOENT]);
  }

  /** Another number means that somebody, perhaps this daemon, changed some rule. */
  readGeneration(): number {
    const [answer] = this.#socket.query(generationQuery(), "read the generation of the nftables ruleset");
    return answer === undefined ? 0 : decodeGeneration(answer);
  }

  /** False when somebody flushed the whole ruleset: then `rebuild` is due. */
  isInPlace(): boolean {
    return this.listTables().some((name) => name === this.tableName);
  }

  /** Names of all tables of the family that this instance uses. */
  listTables(): string[] {
    return this.#socket
      .query(listTablesQuery(), "list nftables tables")
      .map(decodeTable)
      .filter(({ family }) => family === NFT_FAMILY.inet)
      .map(({ name }) => name);
  }

  /** Removes the table and forgets everything. */
  remove(): void {
    this.#bridges.clear();
    this.#ports.clear();
    this.#socket.transact([deleteTable("inet", this.tableName)], `remove nftables table ${this.tableName}`, [ENOENT]);
  }

  close(): void {
    this.#socket.close();
  }

  /** Changes the elements of containers that may call themselves to those that have published ports now. */
  #followTargets(): Buffer[] {
    const wanted = new Set([...this.#ports.values()].flatMap(({ targets }) => targets.map(({ ip }) => ip)));
    const parts: Buffer[] = [];
    for (const targetIp of wanted.union(this.#selfTargets)) {
      const { set, key } = selfElement(targetIp);
      if (!this.#selfTargets.has(targetIp)) parts.push(this.#add(set, key));
      else if (!wanted.has(targetIp)) parts.push(deleteElements("inet", this.tableName, set, [key]));
    }
    this.#selfTargets = wanted;
    return parts;
  }

  #elements({ port, targets }: LedPort) {
    return portElements(port, this.#canShare ? targets : targets.slice(0, 1));
  }

  #additions(led: LedPort): Buffer[] {
    return inSets(this.#elements(led)).map(([set, elements]) => addElements("inet", this.tableName, set, elements));
  }

  #removals(led: LedPort): Buffer[] {
    return inSets(this.#elements(led)).map(([set, elements]) => {
      const keys = elements.map(({ key }) => key);
      return deleteElements("inet", this.tableName, set, keys);
    });
  }

  #add(set: string, key: Uint8Array, data?: Uint8Array): Buffer {
    return addElements("inet", this.tableName, set, [data === undefined ? { key } : { key, data }]);
  }

  /** When the table is gone, everything is made anew. */
  #change(parts: readonly Buffer[], what: string): void {
    if (!this.#socket.transact(parts, what, [ENOENT])) this.rebuild();
  }
}

const inSets = <Element extends { set: string }>(elements: readonly Element[]) => [
  ...Map.groupBy(elements, ({ set }) => set),
];

const portKey = ({ protocol, hostIp, hostPort }: PublishedPort): string => `${protocol} ${hostIp} ${hostPort}`;
