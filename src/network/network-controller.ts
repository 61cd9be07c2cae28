/** Networking as the engine sees it: answers, and keeps the kernel's side tidy. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import type { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { Network } from "../model/network.ts";
import type { Filters } from "../model/system.ts";
import type { BridgeGuard } from "./bridge-guard.ts";
import { listLinks, removeInterface } from "./bridge-interface.ts";
import type { NetworkController, Successor } from "./contract.ts";
import type { ForeignFirewall } from "./foreign-firewall.ts";
import type { HostFirewall } from "./host-firewall.ts";
import type { NamespacePool } from "./namespace-pool.ts";
import type { NetworkCatalog } from "./network-catalog.ts";
import { checkFilters, matchesFilters, showNetwork } from "./network-listing.ts";
import { PREDEFINED_NETWORKS } from "./network-request.ts";
import type { PortPublisher } from "./port-publisher.ts";
import { HostResolvConf } from "./sandbox-files.ts";
import type { SandboxRegistry } from "./sandbox-registry.ts";

/** As many of an instance's digits as fit into the names of interfaces. */
export const INSTANCE_DIGITS = 6;
/** How soon rules that somebody flushed are back. Looking costs microseconds. */
const WATCH_INTERVAL_MS = 2000;
const SHORT_ID_LENGTH = 12;

/** What it stands on; see create-network-controller.ts. */
interface Parts {
  instance: string;
  /** False leaves the chains of other firewalls alone. */
  touchForeignFirewalls: boolean;
  route: NetlinkSocket;
  backgroundRoute: NetlinkSocket;
  firewall: HostFirewall;
  guard: BridgeGuard;
  catalog: NetworkCatalog;
  ports: PortPublisher;
  pool: NamespacePool;
  sandboxes: SandboxRegistry;
  foreign: ForeignFirewall;
  defaultBridgeName: string;
  warn: (message: string) => void;
}

export class BridgedNetworkController implements NetworkController {
  readonly #parts: Parts;
  readonly #hostResolvConf = new HostResolvConf();
  #watch: ReturnType<typeof setInterval> | undefined;
  #seenGeneration = -1;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Puts our rules back when somebody flushed them, and into chains that appear. */
  watchFirewalls(): void {
    this.#lookAtFirewalls();
    this.#watch = setInterval(() => this.#lookAtFirewalls(), WATCH_INTERVAL_MS);
    this.#watch.unref();
  }

  listNetworks(filters: Filters = new Map()): Network[] {
    checkFilters(filters);
    const used = new Set(
      [...this.#parts.sandboxes.records.values()].flatMap(({ endpoints }) => endpoints.map((one) => one.networkId)),
    );
    return this.#parts.catalog
      .list()
      .filter((record) => matchesFilters(record, filters, used.has(record.id)))
      .map((record) => showNetwork(record, []));
  }

  getNetwork(ref: string): Network {
    return showNetwork(this.#parts.catalog.get(ref), this.#parts.sandboxes.records.values());
  }

  async createNetwork(request: Parameters<NetworkController["createNetwork"]>[0]) {
    const { id } = await this.#parts.catalog.create(request);
    this.#acceptInForeignFirewalls(true);
    return { id, warning: "" };
  }

  async removeNetwork(ref: string): Promise<Network> {
    const { catalog, sandboxes } = this.#parts;
    const record = catalog.get(ref);
    if (PREDEFINED_NETWORKS.includes(record.name)) {
      throw new NaruError("forbidden", `${record.name} is a pre-defined network and cannot be removed`);
    }
    const users = [...sandboxes.records.values()].flatMap(({ endpoints, containerName }) => {
      const endpoint = endpoints.find(({ networkId }) => networkId === record.id);
      const shortId = endpoint?.endpointId.slice(0, SHORT_ID_LENGTH);
      return endpoint === undefined ? [] : [`name:"${containerName}" id:"${shortId}"`];
    });
    if (users.length > 0) {
      const words = `network ${record.name} has active endpoints (${users.join(", ")})`;
      throw new NaruError("forbidden", `error while removing network: ${words}`);
    }
    const shown = showNetwork(record, []);
    await catalog.remove(record);
    return shown;
  }

  addressComplaints: NetworkController["addressComplaints"] = (network, settings) =>
    this.#parts.catalog.addressComplaints(network, settings);
  openSandbox: NetworkController["openSandbox"] = (request, options) =>
    this.#parts.sandboxes.open(request, options?.signal);
  closeSandbox: NetworkController["closeSandbox"] = (containerId) => this.#parts.sandboxes.close(containerId);
  findSandbox: NetworkController["findSandbox"] = (containerId) => this.#parts.sandboxes.find(containerId);
  restoreSandbox: NetworkController["restoreSandbox"] = (containerId, options) =>
    this.#parts.sandboxes.restore(containerId, options?.heldDescriptors ?? []);
  connect: NetworkController["connect"] = (containerId, network, settings) =>
    this.#parts.sandboxes.connect(containerId, network, settings);
  disconnect: NetworkController["disconnect"] = (containerId, network) =>
    this.#parts.sandboxes.disconnect(containerId, network);

  noteHealth(containerId: string, isHealthy: boolean): void {
    this.#parts.ports.noteHealth(containerId, isHealthy);
    this.#parts.sandboxes.readiness.noteReady(containerId, isHealthy);
  }

  leaveService(containerId: string): Successor {
    this.#parts.ports.leave(this.#parts.sandboxes.records.get(containerId)?.published ?? [], containerId);
    return this.#parts.sandboxes.readiness.leave(containerId);
  }

  async renameContainer(containerId: string, name: string): Promise<void> {
    this.#parts.sandboxes.rename(containerId, name);
  }

  async readInterfaceStats(containerId: string) {
    return this.#parts.sandboxes.readInterfaceStats(containerId);
  }

  countRequests: NetworkController["countRequests"] = (containerId) => this.#parts.sandboxes.countRequests(containerId);

  async hostResolvConf(): Promise<string> {
    await this.#hostResolvConf.refresh();
    return this.#hostResolvConf.printForHostMode();
  }

  async sweep(aliveContainerIds: ReadonlySet<string>): Promise<void> {
    const { sandboxes, pool } = this.#parts;
    for (const containerId of [...sandboxes.records.values()].map((record) => record.containerId)) {
      if (!aliveContainerIds.has(containerId)) await sandboxes.close(containerId);
    }
    await pool.settle();
    const known = new Set([...sandboxes.records.values()].map(({ namespacePath }) => namespacePath));
    for (const name of await readdir(pool.directory)) {
      const path = join(pool.directory, name);
      if (!known.has(path) && !pool.readyPaths.has(path)) await pool.server.delete(path);
    }
    await this.#sweepInterfaces();
  }

  async close(): Promise<void> {
    const { sandboxes, ports, pool, catalog, firewall, guard, foreign, route, backgroundRoute } = this.#parts;
    clearInterval(this.#watch);
    sandboxes.release();
    await sandboxes.removeStragglers();
    ports.close();
    await pool.close();
    if (sandboxes.records.size === 0) {
      firewall.remove();
      guard.clear();
      await catalog.takeDown();
      await foreign.remove();
    }
    foreign.close();
    firewall.close();
    guard.close();
    route.close();
    backgroundRoute.close();
  }

  /** Interfaces with our names that belong to nothing on record. */
  async #sweepInterfaces(): Promise<void> {
    const { route, backgroundRoute, sandboxes, catalog, instance, warn } = this.#parts;
    const known = new Set([
      ...catalog.listBridgeNames(),
      ...catalog.listOwnParents(),
      ...[...sandboxes.records.values()].flatMap(({ endpoints }) => endpoints.map((one) => one.hostInterfaceName)),
    ]);
    const digits = instance.slice(0, INSTANCE_DIGITS);
    for (const { name } of listLinks(route)) {
      const isOurs = name.startsWith(`nv${digits}-`) || name.startsWith(`nr${digits}-`);
      if (!isOurs || known.has(name)) continue;
      await removeInterface(backgroundRoute, name).catch((error) => warn(errorText(error)));
    }
  }

  #lookAtFirewalls(): void {
    const { firewall, guard, warn } = this.#parts;
    try {
      if (firewall.isBehind()) firewall.rebuild();
      guard.restore();
      const generation = firewall.readGeneration();
      const isChanged = generation !== this.#seenGeneration;
      this.#seenGeneration = generation;
      this.#acceptInForeignFirewalls(isChanged);
    } catch (error) {
      warn(`cannot check the firewall: ${errorText(error)}`);
    }
  }

  /** `isChanged` says that some rule was; the older tables are looked at also without. */
  #acceptInForeignFirewalls(isChanged: boolean): void {
    const { touchForeignFirewalls, foreign, catalog, defaultBridgeName } = this.#parts;
    if (!touchForeignFirewalls) return;
    const custom = catalog.listBridgeNames().filter((name) => !name.startsWith(catalog.bridgePrefix));
    const patterns = [...new Set([defaultBridgeName, `${catalog.bridgePrefix}+`, ...custom])].filter(
      (pattern) => pattern.endsWith("+") || !pattern.startsWith(catalog.bridgePrefix),
    );
    void (isChanged ? foreign.accept(patterns) : foreign.acceptInOlderTables(patterns));
  }
}
