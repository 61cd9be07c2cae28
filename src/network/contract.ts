/**
 * Contract of networking: networks (bridges with address pools), sandboxes (a container's network namespace with its
 * endpoints), published ports and names.
 */
import type { PortMap } from "../model/container.ts";
import type { EndpointSettings, Network, NetworkCreateRequest } from "../model/network.ts";
import type { Filters } from "../model/system.ts";
import type { PortSharing } from "./network-records.ts";

/** What a container wants of the network when it starts. */
export interface SandboxRequest {
  containerId: string;
  /** Without the leading slash. */
  containerName: string;
  hostname: string;
  domainname: string;
  /** Networks by name or id with the wished settings (static addresses, aliases, links, MAC, GwPriority); empty: only loopback. */
  endpoints: { network: string; settings: EndpointSettings }[];
  portBindings: PortMap;
  exposedPorts: string[];
  publishAllPorts: boolean;
  /** Given: it may publish a certain port together with others of its group. */
  portSharing?: PortSharing;
  /** Default-bridge --link targets, resolved: the other container and its alias. */
  links: { containerId: string; alias: string }[];
  dns: string[];
  dnsOptions: string[];
  dnsSearch: string[];
  /** "name:ip", host-gateway not yet resolved. */
  extraHosts: string[];
  macAddress?: string;
  /** No name server inside, whatever the networks: the container has its own resolv.conf (a pod's). */
  withoutNames?: boolean;
}

/** A live sandbox as inspect reports it and as the container's files need it. */
export interface SandboxState {
  sandboxId: string;
  /** Path of the namespace: what the runtime joins. */
  namespacePath: string;
  /** By network name: wished part and state filled in. */
  endpoints: Record<string, EndpointSettings>;
  /** Every exposed or published port; null where it is not published. */
  ports: PortMap;
  /** Contents of /etc/hosts and /etc/resolv.conf for this container. */
  hosts: string;
  resolvConf: string;
  /**
   * Descriptors of the name server inside the namespace; empty when there is none. The container's monitor inherits
   * them, so that names are asked for in vain for a moment only, while no daemon runs; a restarted daemon hands the copies
   * that the monitor kept to `restoreSandbox`.
   */
  heldDescriptors: number[];
}

/** Who takes the connections of a container that is about to stop: one that serves, one that does not accept them yet, nobody. */
export type Successor = "ready" | "starting" | "none";

export interface NetworkController {
  listNetworks(filters?: Filters): Network[];
  /** By name, id or unique id prefix; with the endpoints of running containers. @throws not-found `network x not found` */
  getNetwork(ref: string): Network;
  createNetwork(request: NetworkCreateRequest): Promise<{ id: string; warning: string }>;
  /** @throws forbidden for predefined networks or while endpoints exist (Docker's texts). */
  removeNetwork(ref: string): Promise<Network>;

  /**
   * What is wrong with the addresses wished for on a network, in Docker's words ("no configured subnet or ip-range contain
   * the IP address x"): for the check of a container that is created; connect() makes it itself. Empty for predefined and
   * unknown networks.
   */
  addressComplaints(network: string, settings: EndpointSettings): string[];
  /** Namespace, endpoints, addresses, routes, ports, names: all or nothing. */
  openSandbox(request: SandboxRequest, options?: { signal?: AbortSignal }): Promise<SandboxState>;
  /** Idempotent; frees addresses, ports, rules, namespace. */
  closeSandbox(containerId: string): Promise<void>;
  /**
   * After a daemon restart: takes over what is still alive for a running container; undefined when it is gone.
   * `heldDescriptors` become this controller's to close; without them the name server gets new sockets.
   */
  restoreSandbox(
    containerId: string,
    options?: { heldDescriptors?: readonly number[] },
  ): Promise<SandboxState | undefined>;
  findSandbox(containerId: string): SandboxState | undefined;
  /** Live connect of a running container; returns the new state (ports, hosts and all). */
  connect(containerId: string, network: string, settings: EndpointSettings): Promise<SandboxState>;
  disconnect(containerId: string, network: string, options: { force: boolean }): Promise<SandboxState>;
  /** Whether a container of a Compose service gets connections through ports and names that others have too, as its check says. */
  noteHealth(containerId: string, isHealthy: boolean): void;
  /**
   * No new connections through shared ports and names, as soon as others take them: before a container is stopped. Says who of
   * its Compose service takes its place; may be repeated.
   */
  leaveService(containerId: string): Successor;
  /** The name of a running container changed: DNS answers follow. */
  renameContainer(containerId: string, name: string): Promise<void>;
  /** Counters per interface ("eth0") of a running container. */
  readInterfaceStats(containerId: string): Promise<Record<string, import("../model/system.ts").NetworkStats>>;
  /**
   * Requests that came to a running container over the network since this was first asked for: messages that those who opened
   * a TCP connection to it pushed. Undefined where they cannot be counted (no network of its own).
   */
  countRequests(containerId: string): Promise<number | undefined>;
  /** Text of /etc/resolv.conf for containers in host network mode. */
  hostResolvConf(): Promise<string>;
  /** Sandboxes and kernel objects of containers that are not in `aliveContainerIds` are removed (leftovers of a crash). */
  sweep(aliveContainerIds: ReadonlySet<string>): Promise<void>;
  close(): Promise<void>;
}
