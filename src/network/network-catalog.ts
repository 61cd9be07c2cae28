/** The networks: their records, bridges in the kernel and free addresses. */
import { randomBytes } from "node:crypto";
import { NaruError } from "../lib/errors.ts";
import type { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { EndpointSettings, IPAMPool, NetworkCreateRequest } from "../model/network.ts";
import type { Collection } from "../store/contract.ts";
import { AddressPool } from "./address-pool.ts";
import { ensureBridgeInterface, findLink, removeInterface } from "./bridge-interface.ts";
import { enableForwarding } from "./forwarding.ts";
import type { HostFirewall } from "./host-firewall.ts";
import { listHostPrefixes } from "./host-prefixes.ts";
import {
  containsAddress,
  formatIp,
  formatPrefix,
  type IpAddress,
  type IpPrefix,
  overlaps,
  parseIp,
  parsePrefix,
} from "./ip-address.ts";
import type { BridgeRecord, NetworkRecord, SubnetRecord } from "./network-records.ts";
import {
  type BridgeOptions,
  checkNetworkRequest,
  PREDEFINED_NETWORKS,
  readBridgeOptions,
  readDriver,
  readSubnets,
  type WishedSubnet,
} from "./network-request.ts";
import { chooseSubnet, type SubnetPool, uniqueLocalPool } from "./subnet-choice.ts";

const INSTANCE_DIGITS = 6;
const ID_DIGITS = 6;

/** A bridge as it is in the kernel now. */
export interface LiveBridge extends BridgeRecord {
  index: number;
  pools: AddressPool[];
}

export interface CatalogOptions {
  records: Collection<NetworkRecord>;
  route: NetlinkSocket;
  firewall: HostFirewall;
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

/** How the network "bridge" differs from what Docker does by default. */
export interface DefaultBridgeSettings {
  /** Containers on it reach each other. */
  allowsTalk?: boolean;
  masquerades?: boolean;
  /** Where ports are published that name no host address. */
  hostAddress?: string;
}

export class NetworkCatalog {
  readonly #live = new Map<string, LiveBridge>();
  readonly #options: CatalogOptions;

  constructor(options: CatalogOptions) {
    this.#options = options;
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
  findBridge(networkId: string): LiveBridge | undefined {
    return this.#live.get(networkId);
  }

  /** Every bridge's interface. */
  listBridgeNames(): string[] {
    return [...this.#live.values()].map(({ interfaceName }) => interfaceName);
  }

  /**
   * What is wrong with the addresses that a container wishes for on a network, in Docker's words. Empty for unknown and
   * predefined networks: those are other complaints.
   */
  addressComplaints(ref: string, settings: EndpointSettings): string[] {
    const network = this.find(ref);
    const complaints: string[] = [];
    for (const wished of [settings.IPAMConfig?.IPv4Address, settings.IPAMConfig?.IPv6Address]) {
      if (!wished || network === undefined || PREDEFINED_NETWORKS.includes(network.name)) continue;
      const subnets = (network.bridge?.subnets ?? []).filter(({ isUsersChoice }) => isUsersChoice);
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
    return this.#live.get(this.get("bridge").id)?.subnets[0]?.gateway ?? "127.0.0.1";
  }

  /** @throws {NaruError} in Docker's words */
  async create(given: NetworkCreateRequest): Promise<NetworkRecord> {
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
      ipamConfig: request.IPAM?.Config?.length ? request.IPAM.Config.map(shownPool) : null,
      internal: request.Internal ?? false,
      attachable: given.Attachable ?? false,
      configFrom: given.ConfigFrom?.Network ?? "",
      configOnly: given.ConfigOnly ?? false,
      options: request.Options ?? {},
      labels: request.Labels ?? {},
    };
    if (driver !== "bridge") return this.#put(record);
    return this.#createBridge(record, wished, readBridgeOptions(record.options));
  }

  /** The caller has made sure that nobody uses it. */
  async remove(record: NetworkRecord): Promise<void> {
    const { records, route, firewall } = this.#options;
    const user = this.list().find(({ configFrom }) => record.configOnly && configFrom === record.name);
    if (user !== undefined) throw new NaruError("forbidden", `configuration network "${record.name}" is in use`);
    await records.delete(record.id);
    const bridge = this.#live.get(record.id);
    if (bridge === undefined) return;
    this.#live.delete(record.id);
    firewall.removeBridge(bridge.interfaceName);
    await removeInterface(route, bridge.interfaceName);
  }

  /** Takes all bridges out of the kernel; the networks stay on record and come back at the next start. */
  async takeDown(): Promise<void> {
    for (const name of this.listBridgeNames()) await removeInterface(this.#options.route, name);
    this.#live.clear();
  }

  async #createBridge(record: NetworkRecord, wished: WishedSubnet[], options: BridgeOptions): Promise<NetworkRecord> {
    const { route } = this.#options;
    const interfaceName = options.interfaceName ?? `${this.bridgePrefix}${record.id.slice(0, ID_DIGITS)}`;
    this.#checkInterfaceName(record, interfaceName);
    const subnets = this.#planSubnets(record, wished);
    record.bridge = { ...options, interfaceName, subnets };
    // Subnets of the user's choice are shown as they were given, chosen ones with their gateway.
    const chosen = subnets.filter((_, index) => index >= wished.length);
    const shown = chosen.map(({ subnet, gateway }): IPAMPool => ({ Subnet: subnet, Gateway: gateway }));
    record.ipamConfig = [...(record.ipamConfig ?? []), ...shown];
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.remove(record));
    await this.#bringUp(record);
    await this.#put(record);
    undo.move();
    if (findLink(route, interfaceName) === undefined) throw new Error(`the bridge ${interfaceName} vanished`);
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

  /** What the user wished, and a chosen subnet for each IP version that is on but was not wished for. */
  #planSubnets(record: NetworkRecord, wished: readonly WishedSubnet[]): SubnetRecord[] {
    const ours = this.#usedByUs();
    for (const { subnet } of wished) {
      if (ours.some((other) => overlaps(other, subnet))) {
        throw new NaruError("forbidden", "invalid pool request: Pool overlaps with other one on this address space");
      }
    }
    const planned = wished.map(planSubnet);
    const isMissing = (version: 4 | 6) => !wished.some(({ subnet }) => subnet.version === version);
    for (const version of [4, 6] as const) {
      const isOn = version === 4 ? record.enableIPv4 : record.enableIPv6;
      if (!isOn || !isMissing(version)) continue;
      const subnet = planSubnet({ subnet: this.#chooseSubnet(version), auxiliaryAddresses: [] });
      planned.push({ ...subnet, isUsersChoice: false });
    }
    return planned;
  }

  #chooseSubnet(version: 4 | 6): IpPrefix {
    const used = [...this.#usedByUs(), ...listHostPrefixes(this.#options.route)];
    return chooseSubnet(version, used, uniqueLocalPool(this.#options.instance), this.#options.addressPools);
  }

  #usedByUs(): IpPrefix[] {
    return this.list().flatMap(({ bridge }) =>
      (bridge?.subnets ?? []).map(({ subnet }) => parsePrefix(subnet)!.prefix),
    );
  }

  async #bringUp(record: NetworkRecord): Promise<void> {
    const { bridge } = record;
    if (bridge === undefined) return;
    const { route, firewall } = this.#options;
    const index = await ensureBridgeInterface(route, bridge);
    this.#live.set(record.id, { ...bridge, index, pools: bridge.subnets.map(createPool) });
    const { interfaceName, masquerades } = bridge;
    firewall.addBridge({ interfaceName, masquerades, isInternal: record.internal });
    await enableForwarding(bridge.subnets.some(({ subnet }) => subnet.includes(":")));
  }

  #withConfigFrom(request: NetworkCreateRequest): NetworkCreateRequest {
    const name = request.ConfigFrom?.Network;
    if (!name) return request;
    const source = this.find(name);
    if (source === undefined) throw new NaruError("not-found", `network ${name} not found`);
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
    const { bip, defaultBridgeName, defaultMtu = 1500 } = this.#options;
    const { allowsTalk = true, masquerades = true, hostAddress = "0.0.0.0" } = this.#options.defaultBridge ?? {};
    const parsed = bip === undefined ? undefined : parsePrefix(bip);
    if (bip !== undefined && parsed?.prefix.version !== 4) {
      throw new NaruError("invalid", `invalid --bip ${bip}: give an IPv4 address with its prefix, such as 10.1.0.1/24`);
    }
    const [kept] = parsed === undefined ? (older?.bridge?.subnets ?? []) : [];
    const subnet =
      kept ??
      planSubnet({
        subnet: parsed?.prefix ?? this.#chooseSubnet(4),
        gateway: parsed && formatIp(parsed.address),
        auxiliaryAddresses: [],
      });
    return {
      ...emptyRecord("bridge"),
      ...(older === undefined ? {} : { id: older.id, created: older.created }),
      driver: "bridge",
      ipamConfig: [{ Subnet: subnet.subnet, Gateway: subnet.gateway }],
      options: {
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.enable_icc": String(allowsTalk),
        "com.docker.network.bridge.enable_ip_masquerade": String(masquerades),
        "com.docker.network.bridge.host_binding_ipv4": hostAddress,
        "com.docker.network.bridge.name": defaultBridgeName,
        "com.docker.network.driver.mtu": String(defaultMtu),
      },
      bridge: {
        interfaceName: defaultBridgeName,
        mtu: defaultMtu,
        allowsTalk,
        masquerades,
        hostAddress,
        subnets: [subnet],
      },
    };
  }

  async #put(record: NetworkRecord): Promise<NetworkRecord> {
    await this.#options.records.put(record.id, record);
    return record;
  }
}

const newId = (): string => randomBytes(32).toString("hex");

function emptyRecord(name: string): Omit<NetworkRecord, "driver"> {
  return {
    id: newId(),
    name,
    created: new Date().toISOString(),
    scope: "local",
    enableIPv4: true,
    enableIPv6: false,
    ipamOptions: null,
    ipamConfig: null,
    internal: false,
    attachable: false,
    configFrom: "",
    configOnly: false,
    options: {},
    labels: {},
  };
}

/** Only what was given, in Docker's order of fields. */
function shownPool({ Subnet, IPRange, Gateway, AuxiliaryAddresses }: IPAMPool): IPAMPool {
  return {
    ...(Subnet ? { Subnet } : {}),
    ...(IPRange ? { IPRange } : {}),
    ...(Gateway ? { Gateway } : {}),
    ...(AuxiliaryAddresses && Object.keys(AuxiliaryAddresses).length > 0 ? { AuxiliaryAddresses } : {}),
  };
}

/** The gateway is the lowest address that is free, unless the user named one. */
function planSubnet({ subnet, range, gateway, auxiliaryAddresses }: WishedSubnet): SubnetRecord {
  const pool = new AddressPool(subnet, range);
  for (const address of auxiliaryAddresses) pool.reserve(parseIp(address)!);
  return {
    subnet: formatPrefix(subnet),
    ...(range === undefined ? {} : { range: formatPrefix(range) }),
    gateway: formatIp(gateway === undefined ? pool.allocate() : parseIp(gateway)!),
    auxiliaryAddresses,
    isUsersChoice: true,
  };
}

function createPool({ subnet, range, gateway, auxiliaryAddresses }: SubnetRecord): AddressPool {
  const pool = new AddressPool(
    parsePrefix(subnet)!.prefix,
    range === undefined ? undefined : parsePrefix(range)!.prefix,
  );
  const reserved: (IpAddress | undefined)[] = [gateway, ...auxiliaryAddresses].map(parseIp);
  for (const address of reserved) if (address !== undefined) pool.reserve(address);
  return pool;
}
