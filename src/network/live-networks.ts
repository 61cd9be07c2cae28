/** What networks stand on in the kernel now: bridges and parents, their free addresses, and the rules that go with them. */
import { NaruError } from "../lib/errors.ts";
import { overlaps, parsePrefix } from "../lib/ip-address.ts";
import type { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { AddressPool } from "./address-pool.ts";
import type { BridgeGuard } from "./bridge-guard.ts";
import { ensureBridgeInterface, findLink, removeInterface } from "./bridge-interface.ts";
import { createPool } from "./bridge-subnets.ts";
import { enableForwarding } from "./forwarding.ts";
import type { HostFirewall } from "./host-firewall.ts";
import { listHostPrefixes } from "./host-prefixes.ts";
import type { BridgeRecord, NetworkRecord, ParentRecord } from "./network-records.ts";
import { ensureParent } from "./parent-interface.ts";

/** For finding a subnet while others look for one. */
const MOST_ATTEMPTS = 10;
const LONGEST_PAUSE_MS = 30;

/** A bridge as it is in the kernel now. */
interface LiveBridge extends BridgeRecord {
  index: number;
  pools: AddressPool[];
}

/** What containers stand on as it is in the kernel now. */
interface LiveParent extends ParentRecord {
  index: number;
  pools: AddressPool[];
}
/** Either of them: where a membership's addresses come from. */
export type LiveNetwork = Pick<LiveBridge, "pools" | "subnets" | "index">;

export interface LiveParts {
  route: NetlinkSocket;
  /** For requests in the background alone. */
  backgroundRoute: NetlinkSocket;
  firewall: HostFirewall;
  guard: BridgeGuard;
  /** Whether a network's addresses are in use. */
  hasContainers: (networkId: string) => boolean;
  /** Told of a network whose parent interface is missing. */
  warn(message: string): void;
}

export class LiveNetworks {
  readonly #bridges = new Map<string, LiveBridge>();
  readonly #parents = new Map<string, LiveParent>();
  readonly #parts: LiveParts;

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  findBridge(networkId: string): LiveBridge | undefined {
    return this.#bridges.get(networkId);
  }

  /** A parent that was missing is looked for again. @throws {NaruError} when its interface is gone */
  findParent(record: NetworkRecord | undefined): LiveParent | undefined {
    if (record?.parent === undefined) return undefined;
    return this.#parents.get(record.id) ?? this.raiseParent(record, record.parent);
  }

  find(networkId: string): LiveNetwork | undefined {
    return this.#bridges.get(networkId) ?? this.#parents.get(networkId);
  }

  /** Every bridge's interface. */
  listBridgeNames(): string[] {
    return [...this.#bridges.values()].map(({ interfaceName }) => interfaceName);
  }

  /**
   * Idempotent. A parent that is missing now may come: its network waits for the first container to ask.
   * @param chooseAnew gives the record other subnets, when those that we chose are somebody else's too
   */
  async bringUp(record: NetworkRecord, chooseAnew: () => Promise<void>): Promise<void> {
    if (record.bridge !== undefined) return await this.#bringBridgeUp(record, record.bridge, chooseAnew);
    if (record.parent === undefined) return;
    try {
      this.raiseParent(record, record.parent);
    } catch (error) {
      if (!(error instanceof NaruError)) throw error;
      this.#parts.warn(`network ${record.name} waits for its parent interface: ${error.message}`);
    }
  }

  async #bringBridgeUp(record: NetworkRecord, bridge: BridgeRecord, chooseAnew: () => Promise<void>): Promise<void> {
    const { route, firewall, guard } = this.#parts;
    let index = await ensureBridgeInterface(route, bridge);
    for (let attempt = 1; attempt < MOST_ATTEMPTS && this.#isTaken(record, index); attempt++) {
      // Somebody chose the same in this moment, or while we did not run. A pause, lest both move on together.
      await Bun.sleep(Math.random() * LONGEST_PAUSE_MS);
      await chooseAnew();
      index = await ensureBridgeInterface(route, bridge);
    }
    const { interfaceName, masquerades, subnets, routesNeighbours = false } = bridge;
    this.#bridges.set(record.id, { ...bridge, index, pools: subnets.map(createPool) });
    firewall.addBridge({ interfaceName, masquerades, routesNeighbours, isInternal: record.internal });
    const link = routesNeighbours ? findLink(route, interfaceName) : undefined;
    if (link !== undefined) guard.add(interfaceName, link.mac);
    await enableForwarding(subnets.some(({ subnet }) => subnet.includes(":")));
  }

  /** @throws {NaruError} when the interface is not there and cannot be made */
  raiseParent({ id }: NetworkRecord, parent: ParentRecord): LiveParent {
    const live = { ...parent, index: ensureParent(this.#parts.route, parent), pools: parent.subnets.map(createPool) };
    this.#parents.set(id, live);
    return live;
  }

  /** @param keptParents interfaces that other networks stand on */
  async remove({ id, parent }: NetworkRecord, keptParents: readonly string[]): Promise<void> {
    const { backgroundRoute, firewall, guard } = this.#parts;
    this.#parents.delete(id);
    if (parent?.isOurs !== undefined && !keptParents.includes(parent.interfaceName)) {
      await removeInterface(backgroundRoute, parent.interfaceName);
    }
    const bridge = this.#bridges.get(id);
    if (bridge === undefined) return;
    this.#bridges.delete(id);
    firewall.removeBridge(bridge.interfaceName);
    guard.remove(bridge.interfaceName);
    await removeInterface(backgroundRoute, bridge.interfaceName);
  }

  /** Takes all bridges out of the kernel, and those parents. */
  async takeDown(ownParents: readonly string[]): Promise<void> {
    for (const name of [...this.listBridgeNames(), ...ownParents]) {
      await removeInterface(this.#parts.backgroundRoute, name);
    }
    this.#bridges.clear();
    this.#parents.clear();
  }

  /** Whether a subnet that we chose lies behind another interface too, and may still be changed. */
  #isTaken({ id, bridge }: NetworkRecord, index: number): boolean {
    const chosen = (bridge?.subnets ?? []).filter(({ isUsersChoice }) => !isUsersChoice);
    if (chosen.length === 0 || this.#parts.hasContainers(id)) return false;
    const others = listHostPrefixes(this.#parts.route).filter(({ interfaceIndex }) => interfaceIndex !== index);
    return chosen.some(({ subnet }) => others.some(({ prefix }) => overlaps(prefix, parsePrefix(subnet)!.prefix)));
  }
}
