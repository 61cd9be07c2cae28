/** Puts networking together: sockets to the kernel, the firewall, networks, ports and sandboxes on record. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { StateStore } from "../store/contract.ts";
import { BridgeGuard } from "./bridge-guard.ts";
import type { NetworkController } from "./contract.ts";
import { ForeignFirewall } from "./foreign-firewall.ts";
import { HostFirewall } from "./host-firewall.ts";
import { ROUTED_MARK } from "./memberships.ts";
import { NamespacePool, type NamespaceServer } from "./namespace-pool.ts";
import { NetworkCatalog } from "./network-catalog.ts";
import { BridgedNetworkController, INSTANCE_DIGITS } from "./network-controller.ts";
import type { NetworkRecord, SandboxRecord } from "./network-records.ts";
import { PortPublisher } from "./port-publisher.ts";
import type { DefaultBridgeSettings } from "./predefined-networks.ts";
import { HostResolvConf } from "./sandbox-files.ts";
import { SandboxRegistry } from "./sandbox-registry.ts";
import { portOwner } from "./shared-ports.ts";
import type { SubnetPool } from "./subnet-choice.ts";
import { UdpFlows } from "./udp-flows.ts";

const READY_NAMESPACES = 3;
const EPHEMERAL_PORTS = "/proc/sys/net/ipv4/ip_local_port_range";
const DEFAULT_EPHEMERAL_PORTS = { first: 32768, last: 60999 };

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
  const interfacePrefix = `nv${digits}-`;
  const defaultBridgeName = options.defaultBridgeName ?? `nr${digits}-0`;
  const records = store.collection<SandboxRecord>("network-sandboxes");
  const kernel = {
    route: NetlinkSocket.open("route"),
    backgroundRoute: NetlinkSocket.open("route"),
    firewall: new HostFirewall(`naru-${instance}`),
    guard: new BridgeGuard(`naru-${instance}`, `${interfacePrefix}${ROUTED_MARK}`, warn),
  };
  const { route, backgroundRoute, firewall } = kernel;
  const catalog = new NetworkCatalog({
    ...kernel,
    warn,
    records: store.collection<NetworkRecord>("networks"),
    instance,
    defaultBridgeName,
    bip: options.bip,
    defaultMtu: options.mtu,
    hasContainers: (networkId) =>
      [...records.values()].some(({ endpoints }) => endpoints.some((one) => one.networkId === networkId)),
    defaultBridge: options.defaultBridge,
    addressPools: options.addressPools,
  });
  const ports = new PortPublisher(firewall, new UdpFlows(route), await readEphemeralPorts());
  // Together with the bridges that follow, this becomes the table that running containers rely on: never without them.
  ports.expect(portsOnRecord([...records.values()]));
  await catalog.start();
  firewall.rebuild();
  const pool = new NamespacePool(netns, join(execRoot, "netns"), readyNamespaces);
  await pool.prepare();
  const resolvConf = new HostResolvConf();
  const hostRoute = backgroundRoute;
  const sandboxes = new SandboxRegistry({
    records,
    catalog,
    pool,
    ports,
    hostRoute,
    resolvConf,
    interfacePrefix,
    warn,
  });
  sandboxes.reserveAddresses();
  const foreign = new ForeignFirewall(`naru-${instance}`, warn);
  const touchForeignFirewalls = options.touchForeignFirewalls !== false;
  const own = { instance, touchForeignFirewalls, defaultBridgeName, warn };
  const controller = new BridgedNetworkController({ ...kernel, ...own, catalog, ports, pool, sandboxes, foreign });
  controller.watchFirewalls();
  return controller;
}

function portsOnRecord(sandboxes: readonly SandboxRecord[]) {
  return sandboxes.flatMap((record) => {
    const owner = portOwner(record);
    return owner === undefined ? [] : [{ ports: record.published, owner }];
  });
}

async function readEphemeralPorts(): Promise<{ first: number; last: number }> {
  const text = await readFile(EPHEMERAL_PORTS, "utf8").catch(() => "");
  const [first, last] = text.trim().split(/\s+/).map(Number);
  return first && last ? { first, last } : DEFAULT_EPHEMERAL_PORTS;
}
