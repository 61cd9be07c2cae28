/** The networks on record: found, made, removed; what they stand on in the kernel is in live-networks.ts. */

import { NaruError } from "../lib/errors.ts";
import { containsAddress, type IpPrefix, overlaps, parseIp, parsePrefix } from "../lib/ip-address.ts";
import { OneAtATime } from "../lib/one-at-a-time.ts";
import type { EndpointSettings, NetworkCreateRequest } from "../model/network.ts";
import type { Collection } from "../store/contract.ts";
import { findLink, removeInterface } from "./bridge-interface.ts";
import { chooseSubnets, planSubnet, shownPools } from "./bridge-subnets.ts";
import { listHostPrefixes } from "./host-prefixes.ts";
import { type LiveNetwork, LiveNetworks, type LiveParts } from "./live-networks.ts";
import type { NetworkRecord } from "./network-records.ts";
import {
  type BridgeOptions,
  checkNetworkRequest,
  readBridgeOptions,
  readDriver,
  readSubnets,
  type WishedSubnet,
} from "./network-request.ts";
import { tryChild } from "./parent-interface.ts";
import { type ParentOptions, readParentOptions } from "./parent-request.ts";
import { type DefaultBridgeSettings, defaultBridgeRecord, emptyRecord } from "./predefined-networks.ts";
import { chooseSubnet, type SubnetPool, uniqueLocalPool } from "./subnet-choice.ts";

const INSTANCE_DIGITS = 6;
const ID_DIGITS = 6;
interface CatalogOptions extends LiveParts {
  records: Collection<NetworkRecord>;
  /** Hash of the instance: part of every interface's name. */
  instance: string;
  /** Interface of the network "bridge". */
  defaultBridgeName: string;
  /** "10.1.0.1/24": address and subnet of the network "bridge"; undefined: the first free pool. */
  bip?: string;
  defaultMtu?: number;
  defaultBridge?: DefaultBridgeSettings;
  /** Where subnets of networks that name none come from; Docker's pools when absent or empty. */
  addressPools?: readonly SubnetPool[];
}

export class NetworkCatalog {
  readonly #live: LiveNetworks;
  readonly #options: CatalogOptions;
  readonly #creations = new OneAtATime();

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#live = new LiveNetworks(options);
  }

  /** Interface names of this instance begin with this: "nr1a2b3c-". */
  get bridgePrefix(): string {
    return `nr${this.#options.instance.slice(0, INSTANCE_DIGITS)}-`;
  }

  /** Makes the predefined networks when they are missing and brings all bridges up. */
  async start(): Promise<void> {
    const { records } = this.#options;
    // Made anew from the daemon's present settings; it keeps its id and, unless told otherwise, its subnet.
    await this.#put(this.#defaultBridge(this.find("bridge")));
    for (const [name, driver] of [
      ["host", "host"],
      ["none", "null"],
    ] as const) {
      if (this.find(name) === undefined) await this.#put({ ...emptyRecord(name), driver });
    }
    for (const record of records.values()) await this.#bringUp(record);
  }

  list(): NetworkRecord[] {
    return [...this.#options.records.values()];
  }

  /** By name, id or the beginning of an id that only one network has. */
  find(ref: string): NetworkRecord | undefined {
    const all = this.list();
    const exact = all.find(({ name }) => name === ref) ?? all.find(({ id }) => id === ref);
    if (exact !== undefined || ref === "") return exact;
    const beginning = all.filter(({ id }) => id.startsWith(ref));
    if (beginning.length > 1) {
      const words = `network ${ref} is ambiguous (${beginning.length} matches found based on ID prefix)`;
      throw new NaruError("invalid", words);
    }
    return beginning[0];
  }

  /** @throws {NaruError} not-found `network x not found` */
  get(ref: string): NetworkRecord {
    const found = this.find(ref);
    if (found === undefined) throw new NaruError("not-found", `network ${ref} not found`);
    return found;
  }

  /** The bridge of a network with driver "bridge". */
  findBridge(networkId: string): ReturnType<LiveNetworks["findBridge"]> {
    return this.#live.findBridge(networkId);
  }

  /** The parent of a network with driver "macvlan" or "ipvlan". @throws {NaruError} when its interface is gone */
  findParent(networkId: string): ReturnType<LiveNetworks["findParent"]> {
    return this.#live.findParent(this.#options.records.get(networkId));
  }

  /** Where a network's addresses come from; undefined for host and none, and for a parent that is gone. */
  findLive(networkId: string): LiveNetwork | undefined {
    return this.#live.find(networkId);
  }

  /** Parents that this daemon made. */
  listOwnParents(): string[] {
    return this.list().flatMap(({ parent }) => (parent?.isOurs === undefined ? [] : [parent.interfaceName]));
  }

  /** Every bridge's interface. */
  listBridgeNames(): string[] {
    return this.#live.listBridgeNames();
  }

  /**
   * What is wrong with the addresses that a container wishes for on a network, in Docker's words. Empty for unknown networks
   * and for host and none: those are other complaints.
   */
  addressComplaints(ref: string, settings: EndpointSettings): string[] {
    const network = this.find(ref);
    const complaints: string[] = [];
    for (const wished of [settings.IPAMConfig?.IPv4Address, settings.IPAMConfig?.IPv6Address]) {
      if (!wished || network === undefined || network.driver === "host" || network.driver === "null") continue;
      const isChosen = (isUsersChoice: boolean) => isUsersChoice || network.name === "bridge";
      const subnets = ((network.bridge ?? network.parent)?.subnets ?? []).filter(({ isUsersChoice }) =>
        isChosen(isUsersChoice),
      );
      const address = parseIp(wished);
      if (subnets.length === 0) {
        const words = "is supported only when connecting to networks with user configured subnets";
        complaints.push(`user specified IP address ${words}`);
      } else if (!subnets.some(({ subnet }) => address && containsAddress(parsePrefix(subnet)!.prefix, address))) {
        complaints.push(`no configured subnet or ip-range contain the IP address ${wished}`);
      }
    }
    return complaints;
  }

  /** The machine as containers on the default bridge see it: what "host-gateway" means. */
  get hostGateway(): string {
    return this.#live.findBridge(this.get("bridge").id)?.subnets[0]?.gateway ?? "127.0.0.1";
  }

  /** One after the other: each must see the names and subnets of those before. @throws {NaruError} in Docker's words */
  create(given: NetworkCreateRequest): Promise<NetworkRecord> {
    return this.#creations.run(() => this.#createNow(given));
  }

  async #createNow(given: NetworkCreateRequest): Promise<NetworkRecord> {
    checkNetworkRequest(given);
    if (this.list().some(({ name }) => name === given.Name)) {
      throw new NaruError("conflict", `network with name ${given.Name} already exists`);
    }
    const request = this.#withConfigFrom(given);
    const driver = readDriver(request);
    const wished = readSubnets(request.IPAM?.Config ?? []);
    const record: NetworkRecord = {
      ...emptyRecord(given.Name),
      driver,
      scope: given.Scope || "local",
      enableIPv4: request.EnableIPv4 ?? true,
      enableIPv6: request.EnableIPv6 ?? false,
      ipamOptions: request.IPAM?.Options ?? null,
      ipamConfig: request.IPAM?.Config?.length ? shownPools(request.IPAM.Config) : null,
      internal: request.Internal ?? false,
      attachable: given.Attachable ?? false,
      configFrom: given.ConfigFrom?.Network ?? "",
      configOnly: given.ConfigOnly ?? false,
      options: request.Options ?? {},
      labels: request.Labels ?? {},
    };
    if (driver === "macvlan" || driver === "ipvlan") {
      return this.#createOnParent(record, wished, readParentOptions(driver, record.options));
    }
    if (driver !== "bridge") return this.#put(record);
    return this.#createBridge(record, wished, readBridgeOptions(record.options, record));
  }

  /** The caller has made sure that nobody uses it. */
  async remove(record: NetworkRecord): Promise<void> {
    const user = this.list().find(({ configFrom }) => record.configOnly && configFrom === record.name);
    if (user !== undefined) {
      const words = `configuration network "${record.name}" is in use`;
      throw new NaruError("forbidden", `error while removing network: ${words}`);
    }
    await this.#options.records.delete(record.id);
    await this.#live.remove(record, this.listOwnParents());
  }

  /** Takes all bridges out of the kernel; the networks stay on record and come back at the next start. */
  async takeDown(): Promise<void> {
    await this.#live.takeDown(this.listOwnParents());
  }

  async #createBridge(record: NetworkRecord, wished: WishedSubnet[], options: BridgeOptions): Promise<NetworkRecord> {
    const { route, backgroundRoute } = this.#options;
    const interfaceName = options.interfaceName ?? `${this.bridgePrefix}${record.id.slice(0, ID_DIGITS)}`;
    this.#checkInterfaceName(record, interfaceName);
    this.#checkOverlap(wished);
    record.bridge = { ...options, interfaceName, subnets: wished.map(planSubnet) };
    chooseSubnets(record, (version) => this.#chooseSubnet(version));
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.remove(record));
    // Also one that is set up only in part, which nobody knows yet.
    undo.defer(() => removeInterface(backgroundRoute, interfaceName));
    await this.#bringUp(record);
    await this.#put(record);
    undo.move();
    if (findLink(route, interfaceName) === undefined) throw new Error(`the bridge ${interfaceName} vanished`);
    return record;
  }

  async #createOnParent(
    record: NetworkRecord,
    wished: WishedSubnet[],
    { parent, child }: ParentOptions,
  ): Promise<NetworkRecord> {
    const { route } = this.#options;
    this.#checkOverlap(wished);
    const interfaceName = parent ?? `${this.bridgePrefix}${record.id.slice(0, ID_DIGITS)}`;
    if (interfaceName === "lo") {
      throw new NaruError("invalid", `loopback interface is not a valid ${child.kind} parent link`);
    }
    const isThere = findLink(route, interfaceName) !== undefined && !this.listOwnParents().includes(interfaceName);
    const isOurs = parent === undefined ? "dummy" : isThere ? undefined : "vlan";
    record.parent = { interfaceName, isOurs, child, subnets: wished.map(planSubnet) };
    chooseSubnets(record, (version) => this.#chooseSubnet(version));
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.remove(record));
    tryChild(route, this.#live.raiseParent(record, record.parent).index, child);
    await this.#put(record);
    undo.move();
    return record;
  }

  #checkInterfaceName(record: NetworkRecord, interfaceName: string): void {
    const other = this.list().find(({ bridge }) => bridge?.interfaceName === interfaceName);
    if (other !== undefined) {
      const [mine, theirs] = [record, other].map(({ id }) => `network ${id} (${interfaceName})`);
      throw new NaruError(
        "forbidden",
        `cannot create ${mine}: conflicts with ${theirs}: networks have same bridge name`,
      );
    }
    if (findLink(this.#options.route, interfaceName) !== undefined) {
      throw new NaruError(
        "conflict",
        `there is already an interface ${interfaceName} on this machine: choose another name`,
      );
    }
  }

  #checkOverlap(wished: readonly WishedSubnet[]): void {
    const ours = this.#usedByUs();
    if (!wished.some(({ subnet }) => ours.some((other) => overlaps(other, subnet)))) return;
    throw new NaruError("forbidden", "invalid pool request: Pool overlaps with other one on this address space");
  }

  #chooseSubnet(version: 4 | 6): IpPrefix {
    const host = listHostPrefixes(this.#options.route).map(({ prefix }) => prefix);
    const { instance, addressPools } = this.#options;
    return chooseSubnet(version, [...this.#usedByUs(), ...host], uniqueLocalPool(instance), addressPools);
  }

  #usedByUs(): IpPrefix[] {
    return this.list().flatMap(({ bridge, parent }) =>
      ((bridge ?? parent)?.subnets ?? []).map(({ subnet }) => parsePrefix(subnet)!.prefix),
    );
  }

  async #bringUp(record: NetworkRecord): Promise<void> {
    await this.#live.bringUp(record, async () => {
      chooseSubnets(record, (version) => this.#chooseSubnet(version));
      if (this.#options.records.has(record.id)) await this.#put(record);
    });
  }

  #withConfigFrom(request: NetworkCreateRequest): NetworkCreateRequest {
    const name = request.ConfigFrom?.Network;
    if (!name) return request;
    const source = this.find(name);
    if (source === undefined) throw new NaruError("not-found", `configuration network "${name}" does not exist`);
    if (!source.configOnly) throw new NaruError("forbidden", `${name} is not a configuration network`);
    return {
      ...request,
      IPAM: { Driver: "default", Options: source.ipamOptions, Config: source.ipamConfig },
      Options: { ...source.options },
      Labels: { ...source.labels },
      Internal: source.internal,
      EnableIPv4: source.enableIPv4,
      EnableIPv6: source.enableIPv6,
    };
  }

  #defaultBridge(older: NetworkRecord | undefined): NetworkRecord {
    const { bip, defaultBridgeName: interfaceName, defaultMtu: mtu, defaultBridge } = this.#options;
    return defaultBridgeRecord({ ...defaultBridge, interfaceName, bip, mtu, older }, () => this.#chooseSubnet(4));
  }

  async #put(record: NetworkRecord): Promise<NetworkRecord> {
    await this.#options.records.propose(record.id, record);
    return record;
  }
}
