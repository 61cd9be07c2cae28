/** The containers' sandboxes: opened, changed while they live, taken over after a restart, closed. */
import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { errorText, isKind, NaruError } from "../lib/errors.ts";
import { closeDescriptor } from "../linux/descriptor-passing.ts";
import { NetlinkSocket } from "../linux/netlink-socket.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { EndpointSettings } from "../model/network.ts";
import type { NetworkStats } from "../model/system.ts";
import type { Collection } from "../store/contract.ts";
import { removeInterface } from "./bridge-interface.ts";
import type { SandboxRequest, SandboxState, Successor } from "./contract.ts";
import { addIpv6Address, plugIn, setDefaultRoutes, setHairpin, silence, type WireEnds } from "./endpoint-interface.ts";
import { interfaceSysctls } from "./endpoint-sysctls.ts";
import { createEndpoint, gatewayEndpoint, nextInterfaceName, releaseAddresses, reserveAddresses } from "./endpoints.ts";
import { readInterfaceCounters } from "./interface-counters.ts";
import { LeavingInterfaces } from "./leaving-interfaces.ts";
import { type LiveNames, NameService } from "./name-service.ts";
import { closeNameServerSockets, type FreshNamespace, type NamespacePool } from "./namespace-pool.ts";
import type { NetworkCatalog } from "./network-catalog.ts";
import { hasNames, showEndpoint, showPorts } from "./network-listing.ts";
import type { EndpointRecord, SandboxRecord } from "./network-records.ts";
import { plugInChild, unplugChild } from "./parent-interface.ts";
import type { PortPublisher } from "./port-publisher.ts";
import { readPortWishes } from "./port-wishes.ts";
import { countRequests } from "./request-counter.ts";
import { type HostResolvConf, sandboxHosts } from "./sandbox-files.ts";
import { portOwner } from "./shared-ports.ts";

const HOST_GATEWAY = "host-gateway";

/** What a running container's sandbox has in this process. */
interface LiveSandbox extends LiveNames {
  route: NetlinkSocket;
}

interface RegistryParts {
  records: Collection<SandboxRecord>;
  catalog: NetworkCatalog;
  pool: NamespacePool;
  ports: PortPublisher;
  /** For requests in the background alone. */
  hostRoute: NetlinkSocket;
  resolvConf: HostResolvConf;
  /** Beginning of the host's ends of containers' interfaces. */
  interfacePrefix: string;
  warn: (message: string) => void;
}

export class SandboxRegistry {
  readonly #parts: RegistryParts;
  readonly #live = new Map<string, LiveSandbox>();
  readonly #leavingInterfaces: LeavingInterfaces;
  readonly #names: NameService;
  /** Containers whose health check does not say that they serve. */
  readonly #unready = new Set<string>();
  /** Containers that have not been ready yet, and those that are about to stop. */
  readonly #starting = new Set<string>();
  readonly #leaving = new Set<string>();

  constructor(parts: RegistryParts) {
    this.#parts = parts;
    this.#names = new NameService({ ...parts, isReady: (id) => this.#isReady(id), server: parts.pool.server });
    this.#leavingInterfaces = new LeavingInterfaces(parts.hostRoute, parts.warn);
  }

  get records(): Collection<SandboxRecord> {
    return this.#parts.records;
  }

  /** Marks the addresses of all sandboxes on record as taken: before anything is given out. */
  reserveAddresses(): void {
    for (const { endpoints } of this.records.values()) {
      for (const endpoint of endpoints) {
        reserveAddresses(endpoint, this.#parts.catalog.findLive(endpoint.networkId));
      }
    }
  }

  /** @throws {NaruError} in Docker's words; then nothing is left of it. */
  async open(request: SandboxRequest, signal?: AbortSignal): Promise<SandboxState> {
    signal?.throwIfAborted();
    if (this.records.has(request.containerId)) await this.close(request.containerId);
    const networks = request.endpoints.map(({ network }) => this.#parts.catalog.get(network));
    await this.#parts.resolvConf.refresh();
    await using undo = new AsyncDisposableStack();
    const namespace = await this.#parts.pool.take();
    const record = this.#createRecord(request, namespace);
    if (request.portSharing) this.#starting.add(request.containerId);
    if (request.portSharing?.isHealthChecked) this.#unready.add(request.containerId);
    const live: LiveSandbox = { route: namespace.route, heldDescriptors: [] };
    undo.defer(() => this.#tearDown(record, live));
    try {
      for (const [index, network] of networks.entries()) {
        const { settings } = request.endpoints[index]!;
        const mac = index === 0 ? request.macAddress : undefined;
        await this.#attach(record, live, network.id, settings, namespace.handle.fd, mac);
      }
      await this.#refreshRoutesAndPorts(record, live);
      if (record.endpoints.some(hasNames) && request.withoutNames !== true) {
        this.#names.start(record, live, namespace.netfilter, namespace.nameServer);
      }
    } finally {
      if (live.nameServer === undefined) closeNameServerSockets(namespace.nameServer);
      namespace.netfilter.close();
      await namespace.handle.close();
    }
    signal?.throwIfAborted();
    undo.move();
    this.#live.set(record.containerId, live);
    this.#save(record);
    return this.#show(record);
  }

  /** Idempotent. */
  async close(containerId: string): Promise<void> {
    for (const set of [this.#unready, this.#starting, this.#leaving]) set.delete(containerId);
    const record = this.records.get(containerId);
    if (record === undefined) return;
    const live = this.#live.get(containerId);
    this.#live.delete(containerId);
    // Side by side: a record that outlives its sandbox in a crash is what `sweep` is for.
    await Promise.all([this.records.delete(containerId), this.#tearDown(record, live)]);
  }

  /** Names that several containers have lead to those that are ready. Only containers of Compose services are ever not. */
  noteReady(containerId: string, isReady: boolean): void {
    this.#starting.delete(containerId);
    if (isReady || this.records.get(containerId)?.portSharing === undefined) this.#unready.delete(containerId);
    else this.#unready.add(containerId);
  }

  /** Names lead to others from now on, as soon as there is one of the same service that is ready. */
  leave(containerId: string): Successor {
    const group = this.records.get(containerId)?.portSharing?.group;
    if (group === undefined) return "none";
    this.#leaving.add(containerId);
    const others = [...this.records.values()]
      .filter(({ portSharing }) => portSharing?.group === group)
      .map((other) => other.containerId);
    if (others.some((other) => this.#isReady(other))) return "ready";
    return others.some((other) => this.#starting.has(other) && !this.#leaving.has(other)) ? "starting" : "none";
  }

  #isReady(containerId: string): boolean {
    const isReady =
      !this.#unready.has(containerId) && !this.#leaving.has(containerId) && this.#parts.ports.isReady(containerId);
    if (isReady) this.#starting.delete(containerId);
    return isReady;
  }

  /** Takes over the sandbox of a container that runs since before this daemon; undefined when it is gone. */
  async restore(containerId: string, heldDescriptors: readonly number[]): Promise<SandboxState | undefined> {
    const record = this.records.get(containerId);
    const close = () => heldDescriptors.forEach(closeDescriptor);
    if (record === undefined) {
      close();
      return undefined;
    }
    const live = await this.#enter(record.namespacePath);
    if (live === undefined) {
      close();
      await this.close(containerId);
      return undefined;
    }
    this.#live.set(containerId, live);
    await this.#parts.resolvConf.refresh();
    const restored = { ...record };
    const [udp, tcp] = heldDescriptors;
    if (record.nameServer !== undefined && udp !== undefined && tcp !== undefined) {
      this.#names.serve(restored, live, { udp, tcp, ...record.nameServer });
    } else {
      close();
      if (record.nameServer !== undefined) await this.#names.open(restored, live);
      this.#save(restored);
    }
    const owner = portOwner(record);
    for (const { port, reason } of owner === undefined ? [] : this.#parts.ports.restore(record.published, owner)) {
      this.#parts.warn(`port ${port.hostPort}/${port.protocol} of container ${record.containerName}: ${reason}`);
    }
    return this.#show(record);
  }

  find(containerId: string): SandboxState | undefined {
    const record = this.records.get(containerId);
    return record === undefined ? undefined : this.#show(record);
  }

  async connect(containerId: string, network: string, settings: EndpointSettings): Promise<SandboxState> {
    const { record, live } = this.#get(containerId);
    const { id, name } = this.#parts.catalog.get(network);
    if (record.endpoints.some(({ networkId }) => networkId === id)) {
      const words = `endpoint with name ${record.containerName} already exists in network ${name}`;
      throw new NaruError("forbidden", words);
    }
    const complaints = this.#parts.catalog.addressComplaints(id, settings);
    if (complaints.length > 0) throw new NaruError("invalid", `invalid endpoint settings:\n${complaints.join("\n")}`);
    await using undo = new AsyncDisposableStack();
    const changed = { ...record, endpoints: [...record.endpoints] };
    const handle = await open(record.namespacePath);
    try {
      undo.defer(() => this.#detach(changed, live, id));
      await this.#attach(changed, live, id, settings, handle.fd, undefined);
      await this.#refreshRoutesAndPorts(changed, live);
      if (changed.nameServer === undefined && changed.endpoints.some(hasNames)) {
        await this.#parts.resolvConf.refresh();
        await this.#names.open(changed, live);
      }
    } finally {
      await handle.close();
    }
    undo.move();
    this.#save(changed);
    return this.#show(changed);
  }

  async disconnect(containerId: string, network: string): Promise<SandboxState> {
    const { record, live } = this.#get(containerId);
    const { id, name } = this.#parts.catalog.get(network);
    if (!record.endpoints.some(({ networkId }) => networkId === id)) {
      throw new NaruError("internal", `container ${containerId} is not connected to network ${name}`);
    }
    const changed = { ...record, endpoints: [...record.endpoints] };
    await this.#detach(changed, live, id);
    this.#save(changed);
    return this.#show(changed);
  }

  rename(containerId: string, name: string): void {
    const record = this.records.get(containerId);
    if (record !== undefined) this.#save({ ...record, containerName: name });
  }

  /** Counters by interface; none for a container that does not run. */
  async readInterfaceStats(containerId: string): Promise<Record<string, NetworkStats>> {
    const live = this.#live.get(containerId);
    return live === undefined ? {} : readInterfaceCounters(live.route);
  }

  /** See NetworkController.countRequests(). */
  async countRequests(containerId: string): Promise<number | undefined> {
    const record = this.records.get(containerId);
    if (record === undefined || !this.#live.has(containerId)) return undefined;
    const { descriptors } = await this.#parts.pool.server.enter(record.namespacePath, { open: ["netfilter"] });
    const netfilter = NetlinkSocket.adopt(descriptors.netfilter!);
    try {
      return countRequests(netfilter);
    } finally {
      netfilter.close();
    }
  }

  /** Interfaces of closed sandboxes that should vanish by themselves. */
  removeStragglers(): Promise<void> {
    return this.#leavingInterfaces.removeNow();
  }

  /** Lets go of everything in this process; what runs goes on. */
  release(): void {
    for (const { route, nameServer } of this.#live.values()) {
      nameServer?.close();
      route.close();
    }
    this.#live.clear();
  }

  #createRecord(request: SandboxRequest, { sandboxId, path }: FreshNamespace): SandboxRecord {
    const { hostGateway } = this.#parts.catalog;
    return {
      sandboxId,
      containerId: request.containerId,
      containerName: request.containerName,
      hostname: request.hostname,
      domainname: request.domainname,
      namespacePath: path,
      endpoints: [],
      portBindings: request.portBindings,
      exposedPorts: request.exposedPorts,
      publishAllPorts: request.publishAllPorts,
      portSharing: request.portSharing,
      published: [],
      links: request.links,
      dns: request.dns,
      dnsOptions: request.dnsOptions,
      dnsSearch: request.dnsSearch,
      extraHosts: request.extraHosts.map((text) => text.replace(`:${HOST_GATEWAY}`, `:${hostGateway}`)),
    };
  }

  #get(containerId: string): { record: SandboxRecord; live: LiveSandbox } {
    const record = this.records.get(containerId);
    const live = this.#live.get(containerId);
    if (record === undefined || live === undefined) {
      throw new NaruError("conflict", `container ${containerId} has no network: it is not running`);
    }
    return { record, live };
  }

  #ends(live: LiveSandbox): WireEnds {
    return { hostRoute: this.#parts.hostRoute, containerRoute: live.route };
  }

  async #attach(
    record: SandboxRecord,
    live: LiveSandbox,
    networkId: string,
    settings: EndpointSettings,
    namespaceFd: number,
    mac: string | undefined,
  ): Promise<void> {
    const bridge = this.#parts.catalog.findBridge(networkId);
    const parent = this.#parts.catalog.findParent(networkId);
    const interfaceName = nextInterfaceName(record.endpoints);
    const hostInterfaceName = `${this.#parts.interfacePrefix}${randomBytes(3).toString("hex")}`;
    const network = this.#parts.catalog.get(networkId);
    const names = { interfaceName, hostInterfaceName: parent === undefined ? hostInterfaceName : "", mac };
    const endpoint = createEndpoint(network, bridge ?? parent, settings, names);
    // From here on tearing down the record gives the addresses back, and the namespace takes the interface along.
    record.endpoints.push(endpoint);
    if (bridge === undefined && parent === undefined) return;
    const sysctls = interfaceSysctls(settings, interfaceName);
    if (endpoint.ipv6 !== undefined) sysctls[`net/ipv6/conf/${interfaceName}/disable_ipv6`] = "0";
    if (parent !== undefined) await plugInChild(this.#ends(live), endpoint, parent, namespaceFd);
    else await plugIn(this.#ends(live), endpoint, bridge!, namespaceFd);
    if (Object.keys(sysctls).length === 0) return;
    // These exist only once the interface does; IPv6 addresses only once IPv6 is on.
    await this.#parts.pool.server.enter(record.namespacePath, { sysctls });
    if (endpoint.ipv6 !== undefined) await addIpv6Address(live.route, endpoint);
  }

  /** Takes a membership away: what remains gets the default route and the ports. */
  async #detach(record: SandboxRecord, live: LiveSandbox, networkId: string): Promise<void> {
    const at = record.endpoints.findIndex((endpoint) => endpoint.networkId === networkId);
    const [endpoint] = at < 0 ? [] : record.endpoints.splice(at, 1);
    if (endpoint === undefined) return;
    const network = this.#parts.catalog.findLive(networkId);
    if (network !== undefined) {
      await silence(this.#ends(live), endpoint, network.index);
      if (endpoint.hostInterfaceName === "") await unplugChild(this.#ends(live), endpoint);
      else await removeInterface(this.#parts.hostRoute, endpoint.hostInterfaceName);
      releaseAddresses(endpoint, network);
    }
    await this.#refreshRoutesAndPorts(record, live);
  }

  /** The default route and the published ports follow the memberships. */
  async #refreshRoutesAndPorts(record: SandboxRecord, live: LiveSandbox): Promise<void> {
    const ipv4 = gatewayEndpoint(record, 4);
    const ipv6 = gatewayEndpoint(record, 6);
    if (record.endpoints.length > 0) await setDefaultRoutes(live.route, ipv4, ipv6);
    const { ports, catalog } = this.#parts;
    // Ports are published through bridges; whoever stands on the machine's interface is reached by its own address.
    const isOnBridge = (one: EndpointRecord | undefined) =>
      one !== undefined && catalog.findBridge(one.networkId) !== undefined;
    const leading = [ipv4, ipv6].find(isOnBridge);
    const target = isOnBridge(ipv4) ? ipv4?.ipv4 : leading?.ipv6;
    if (target === undefined || leading === undefined) {
      ports.withdraw(record.published, record.containerId);
      record.published = [];
      record.portTarget = undefined;
      return;
    }
    if (record.portTarget === undefined) {
      record.published = this.#publish(record, leading, target);
      // Where bridges pass through the firewall (br_netfilter), a container that calls its own published port is
      // answered by its own port of the bridge, which must allow that.
      if (record.published.length > 0)
        await setHairpin(this.#parts.hostRoute, leading, catalog.findBridge(leading.networkId));
    } else if (record.portTarget !== target) {
      ports.retarget(record.published, portOwner({ ...record, portTarget: target })!);
    }
    record.portTarget = target;
  }

  #publish(record: SandboxRecord, endpoint: EndpointRecord, target: string): SandboxRecord["published"] {
    const hostAddress = this.#parts.catalog.findBridge(endpoint.networkId)?.hostAddress ?? "0.0.0.0";
    try {
      return this.#parts.ports.publish(
        readPortWishes(record),
        portOwner({ ...record, portTarget: target })!,
        hostAddress,
      );
    } catch (error) {
      const where = `endpoint ${record.containerName} (${endpoint.endpointId})`;
      const kind = error instanceof NaruError ? error.kind : "internal";
      const words = `driver failed programming external connectivity on ${where}: ${errorText(error)}`;
      throw new NaruError(kind, words, { cause: error });
    }
  }

  /** Undefined when the namespace is no more. */
  async #enter(path: string): Promise<LiveSandbox | undefined> {
    try {
      const { descriptors } = await this.#parts.pool.server.enter(path, { open: ["route"] });
      return { route: NetlinkSocket.adopt(descriptors.route!), heldDescriptors: [] };
    } catch (error) {
      // EINVAL: a plain file, left from before a reboot.
      const isGone = isKind(error, "not-found") || errorCode((error as Error).cause) === "EINVAL";
      if (isGone) return undefined;
      throw error;
    }
  }

  async #tearDown(record: SandboxRecord, live: LiveSandbox | undefined): Promise<void> {
    const { ports, catalog, pool } = this.#parts;
    ports.withdraw(record.published, record.containerId);
    live?.nameServer?.close();
    for (const endpoint of record.endpoints) {
      const network = catalog.findLive(endpoint.networkId);
      if (network !== undefined && live !== undefined) {
        try {
          await silence(this.#ends(live), endpoint, network.index);
        } catch (error) {
          this.#parts.warn(`network of container ${record.containerName}: ${errorText(error)}`);
        }
      }
      releaseAddresses(endpoint, network);
    }
    live?.route.close();
    await pool.server.delete(record.namespacePath);
    this.#leavingInterfaces.expect(record.endpoints.map(({ hostInterfaceName }) => hostInterfaceName).filter(Boolean));
  }

  #show(record: SandboxRecord): SandboxState {
    const endpoints = record.endpoints.map(
      (endpoint) => [endpoint.networkName, showEndpoint(endpoint, record)] as const,
    );
    const { records } = this;
    const { resolvConf } = this.#parts;
    return {
      sandboxId: record.sandboxId,
      namespacePath: record.namespacePath,
      endpoints: Object.fromEntries(endpoints),
      ports: showPorts(record),
      // Made when asked for: lists of containers show many sandboxes and need neither text.
      get hosts() {
        return sandboxHosts(record, (id) => records.get(id));
      },
      get resolvConf() {
        return resolvConf.print(record);
      },
      heldDescriptors: [...(this.#live.get(record.containerId)?.heldDescriptors ?? [])],
    };
  }

  /** Durable with whatever else is written in this tick; a crash before that is what `sweep` is for. */
  #save(record: SandboxRecord): void {
    this.records.put(record.containerId, record).catch((error) => {
      this.#parts.warn(`cannot record the network of container ${record.containerName}: ${errorText(error)}`);
    });
  }
}
