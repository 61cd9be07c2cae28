/** Networking as the engine sees it: puts the parts together and keeps the kernel's side tidy. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { Network } from "../model/network.ts";
import type { Filters } from "../model/system.ts";
import type { StateStore } from "../store/contract.ts";
import { BridgeGuard } from "./bridge-guard.ts";
import { listLinks, removeInterface } from "./bridge-interface.ts";
import type { NetworkController, Successor } from "./contract.ts";
import { ForeignFirewall } from "./foreign-firewall.ts";
import { HostFirewall } from "./host-firewall.ts";
import { ROUTED_MARK } from "./memberships.ts";
import { NamespacePool, type NamespaceServer } from "./namespace-pool.ts";
import { NetworkCatalog } from "./network-catalog.ts";
import { checkFilters, matchesFilters, showNetwork } from "./network-listing.ts";
import type { NetworkRecord, SandboxRecord } from "./network-records.ts";
import { PREDEFINED_NETWORKS } from "./network-request.ts";
import { PortPublisher } from "./port-publisher.ts";
import type { DefaultBridgeSettings } from "./predefined-networks.ts";
import { HostResolvConf } from "./sandbox-files.ts";
import { SandboxRegistry } from "./sandbox-registry.ts";
import { portOwner } from "./shared-ports.ts";
import type { SubnetPool } from "./subnet-choice.ts";
import { UdpFlows } from "./udp-flows.ts";

const READY_NAMESPACES = 3;
const INSTANCE_DIGITS = 6;
/** How soon rules that somebody flushed are back. Looking costs microseconds. */
const WATCH_INTERVAL_MS = 2000;
const EPHEMERAL_PORTS = "/proc/sys/net/ipv4/ip_local_port_range";
const DEFAULT_EPHEMERAL_PORTS = { first: 32768, last: 60999 };
const SHORT_ID_LENGTH = 12;

interface NetworkControllerOptions {
  store: StateStore;
  netns: NamespaceServer;
  /** Namespaces are mounted below it, in "netns". */
  execRoot: string;
  /** At least six hexadecimal digits that differ between daemons on one machine: part of every name in the kernel. */
  instance: string;
  /** Interface of the network "bridge"; "nr<instance>-0" when not given. */
  defaultBridgeName?: string;
  /** Address and prefix of the network "bridge": "10.1.0.1/24". */
  bip?: string;
  /** MTU of the network "bridge". */
  mtu?: number;
  defaultBridge?: DefaultBridgeSettings;
  /** Where subnets of networks that name none come from; Docker's pools when absent or empty. */
  addressPools?: readonly SubnetPool[];
  /** False leaves the chains of other firewalls alone (iptables' FORWARD, DOCKER-USER). Our own table is always there. */
  touchForeignFirewalls?: boolean;
  /** Namespaces kept ready for containers to come. */
  readyNamespaces?: number;
  warn?: (message: string) => void;
}

/**
 * Brings the networks on record up and takes the sandboxes on record into account; the caller then restores those whose
 * containers run and sweeps the others.
 * @throws {NaruError} for a bad `bip`; {SysError} EPERM without CAP_NET_ADMIN.
 */
export async function createNetworkController(options: NetworkControllerOptions): Promise<NetworkController> {
  const { store, netns, execRoot, instance, readyNamespaces = READY_NAMESPACES, warn = () => {} } = options;
  const digits = instance.slice(0, INSTANCE_DIGITS);
  const defaultBridgeName = options.defaultBridgeName ?? `nr${digits}-0`;
  const route = NetlinkSocket.open("route");
  const backgroundRoute = NetlinkSocket.open("route");
  const firewall = new HostFirewall(`naru-${instance}`);
  const interfacePrefix = `nv${digits}-`;
  const guard = new BridgeGuard(`naru-${instance}`, `${interfacePrefix}${ROUTED_MARK}`, warn);
  const sandboxRecords = store.collection<SandboxRecord>("network-sandboxes");
  const catalog = new NetworkCatalog({
    warn,
    records: store.collection<NetworkRecord>("networks"),
    route,
    backgroundRoute,
    firewall,
    guard,
    instance,
    defaultBridgeName,
    bip: options.bip,
    defaultMtu: options.mtu,
    hasContainers: (networkId) =>
      [...sandboxRecords.values()].some(({ endpoints }) => endpoints.some((one) => one.networkId === networkId)),
    defaultBridge: options.defaultBridge,
    addressPools: options.addressPools,
  });
  const ports = new PortPublisher(firewall, new UdpFlows(route), await readEphemeralPorts());
  // Together with the bridges that follow, this becomes the table that running containers rely on: never without them.
  ports.expect(
    [...sandboxRecords.values()].flatMap((record) => {
      const owner = portOwner(record);
      return owner === undefined ? [] : [{ ports: record.published, owner }];
    }),
  );
  await catalog.start();
  firewall.rebuild();
  const pool = new NamespacePool(netns, join(execRoot, "netns"), readyNamespaces);
  await pool.prepare();
  const sandboxes = new SandboxRegistry({
    records: sandboxRecords,
    catalog,
    pool,
    ports,
    hostRoute: backgroundRoute,
    resolvConf: new HostResolvConf(),
    interfacePrefix,
    warn,
  });
  sandboxes.reserveAddresses();
  const foreign = new ForeignFirewall(`naru-${instance}`, warn);
  const parts = {
    options,
    route,
    backgroundRoute,
    firewall,
    guard,
    catalog,
    ports,
    pool,
    sandboxes,
    foreign,
    warn,
    defaultBridgeName,
  };
  const controller = new BridgedNetworkController(parts);
  controller.watchFirewalls();
  return controller;
}

interface Parts {
  options: NetworkControllerOptions;
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

class BridgedNetworkController implements NetworkController {
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
    const { route, backgroundRoute, sandboxes, catalog, options, warn } = this.#parts;
    const known = new Set([
      ...catalog.listBridgeNames(),
      ...catalog.listOwnParents(),
      ...[...sandboxes.records.values()].flatMap(({ endpoints }) => endpoints.map((one) => one.hostInterfaceName)),
    ]);
    const digits = options.instance.slice(0, INSTANCE_DIGITS);
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
    const { options, foreign, catalog, defaultBridgeName } = this.#parts;
    if (options.touchForeignFirewalls === false) return;
    const custom = catalog.listBridgeNames().filter((name) => !name.startsWith(catalog.bridgePrefix));
    const patterns = [...new Set([defaultBridgeName, `${catalog.bridgePrefix}+`, ...custom])].filter(
      (pattern) => pattern.endsWith("+") || !pattern.startsWith(catalog.bridgePrefix),
    );
    void (isChanged ? foreign.accept(patterns) : foreign.acceptInOlderTables(patterns));
  }
}

async function readEphemeralPorts(): Promise<{ first: number; last: number }> {
  const text = await readFile(EPHEMERAL_PORTS, "utf8").catch(() => "");
  const [first, last] = text.trim().split(/\s+/).map(Number);
  return first && last ? { first, last } : DEFAULT_EPHEMERAL_PORTS;
}
