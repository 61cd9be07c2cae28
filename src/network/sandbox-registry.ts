/** The containers' sandboxes: opened, changed while they live, taken over after a restart, closed. */
import { open } from "node:fs/promises";
import { errorText, isKind, NaruError } from "../lib/errors.ts";
import { closeDescriptor } from "../linux/descriptor-passing.ts";
import { NetlinkSocket } from "../linux/netlink-socket.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { EndpointSettings } from "../model/network.ts";
import type { NetworkStats } from "../model/system.ts";
import type { Collection } from "../store/contract.ts";
import type { SandboxRequest, SandboxState } from "./contract.ts";
import { reserveAddresses } from "./endpoints.ts";
import { readInterfaceCounters } from "./interface-counters.ts";
import { LeavingInterfaces } from "./leaving-interfaces.ts";
import { Memberships } from "./memberships.ts";
import { type LiveNames, NameService } from "./name-service.ts";
import { closeNameServerSockets, type FreshNamespace, type NamespacePool } from "./namespace-pool.ts";
import type { NetworkCatalog } from "./network-catalog.ts";
import { hasNames, showEndpoint, showPorts } from "./network-listing.ts";
import type { SandboxRecord } from "./network-records.ts";
import type { PortPublisher } from "./port-publisher.ts";
import { countRequests } from "./request-counter.ts";
import { type HostResolvConf, sandboxHosts } from "./sandbox-files.ts";
import { ServiceReadiness } from "./service-readiness.ts";
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
  /** What lists of containers ask for again and again. A record is another one whenever something changes. */
  readonly #shown = new WeakMap<SandboxRecord, SandboxState>();
  readonly #leavingInterfaces: LeavingInterfaces;
  readonly #names: NameService;
  readonly #memberships: Memberships;
  /** Which containers of Compose services take connections. */
  readonly readiness: ServiceReadiness;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
    this.readiness = new ServiceReadiness(parts.records, parts.ports);
    this.#memberships = new Memberships({ ...parts, server: parts.pool.server });
    this.#names = new NameService({ ...parts, isReady: (id) => this.readiness.isReady(id), server: parts.pool.server });
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
    this.readiness.begin(request);
    const live: LiveSandbox = { route: namespace.route, heldDescriptors: [] };
    undo.defer(() => this.#tearDown(record, live));
    try {
      for (const [index, network] of networks.entries()) {
        const { settings } = request.endpoints[index]!;
        const mac = index === 0 ? request.macAddress : undefined;
        await this.#memberships.attach(record, live.route, network.id, {
          settings,
          namespaceFd: namespace.handle.fd,
          mac,
        });
      }
      await this.#memberships.refreshRoutesAndPorts(record, live.route);
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
    this.readiness.forget(containerId);
    const record = this.records.get(containerId);
    if (record === undefined) return;
    const live = this.#live.get(containerId);
    this.#live.delete(containerId);
    // Side by side: a record that outlives its sandbox in a crash is what `sweep` is for.
    await Promise.all([this.records.delete(containerId), this.#tearDown(record, live)]);
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
    if (record === undefined) return undefined;
    let state = this.#shown.get(record);
    if (state === undefined) {
      state = this.#show(record);
      this.#shown.set(record, state);
    }
    return state;
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
      undo.defer(() => this.#memberships.detach(changed, live.route, id));
      await this.#memberships.attach(changed, live.route, id, { settings, namespaceFd: handle.fd });
      await this.#memberships.refreshRoutesAndPorts(changed, live.route);
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
    await this.#memberships.detach(changed, live.route, id);
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
    live?.nameServer?.close();
    await this.#memberships.endAll(record, live?.route);
    live?.route.close();
    await this.#parts.pool.server.delete(record.namespacePath);
    this.#leavingInterfaces.expect(record.endpoints.map(({ hostInterfaceName }) => hostInterfaceName).filter(Boolean));
  }

  #show(record: SandboxRecord): SandboxState {
    const endpoints = record.endpoints.map(
      (endpoint) => [endpoint.networkName, showEndpoint(endpoint, record)] as const,
    );
    const { records } = this;
    const { resolvConf } = this.#parts;
    const live = this.#live;
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
      get heldDescriptors() {
        return [...(live.get(record.containerId)?.heldDescriptors ?? [])];
      },
    };
  }

  /** Durable with whatever else is written in this tick; a crash before that is what `sweep` is for. */
  #save(record: SandboxRecord): void {
    this.records.put(record.containerId, record).catch((error) => {
      this.#parts.warn(`cannot record the network of container ${record.containerName}: ${errorText(error)}`);
    });
  }
}
