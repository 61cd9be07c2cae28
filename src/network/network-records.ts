/** What the state store keeps of networks and sandboxes. Everything that the kernel needs can be made again from these. */
import type { ChildKind } from "../linux/netlink-child-links.ts";
import type { PortMap } from "../model/container.ts";
import type { EndpointSettings, IPAMPool } from "../model/network.ts";

export type NetworkDriver = "bridge" | "host" | "null" | "macvlan" | "ipvlan";

/** One subnet of a bridge. Texts as `ip-address.ts` prints them. */
export interface SubnetRecord {
  subnet: string;
  range?: string;
  gateway: string;
  auxiliaryAddresses: string[];
  /** The user named it; only then may containers wish for addresses in it. */
  isUsersChoice: boolean;
}

export interface BridgeRecord {
  interfaceName: string;
  mtu: number;
  /** False: containers on this network reach each other only by published ports. */
  allowsTalk: boolean;
  /**
   * True: what containers say to each other goes through the machine's own forwarding, where rules see it and translated addresses find
   * their way back, instead of from port to port of the bridge.
   */
  routesNeighbours?: boolean;
  masquerades: boolean;
  /** Host address of published ports that name none. */
  hostAddress: string;
  subnets: SubnetRecord[];
}

/** The machine's interface that the containers of a macvlan or ipvlan network stand on. */
export interface ParentRecord {
  interfaceName: string;
  /** We made it, and take it away with the network; undefined: it is the machine's own. */
  isOurs: "vlan" | "dummy" | undefined;
  child: ChildKind;
  subnets: SubnetRecord[];
}

export interface NetworkRecord {
  id: string;
  name: string;
  /** RFC 3339 with nanoseconds. */
  created: string;
  scope: string;
  driver: NetworkDriver;
  enableIPv4: boolean;
  enableIPv6: boolean;
  ipamOptions: Record<string, string> | null;
  /** As the user is shown it. */
  ipamConfig: IPAMPool[] | null;
  internal: boolean;
  attachable: boolean;
  configFrom: string;
  configOnly: boolean;
  options: Record<string, string>;
  labels: Record<string, string>;
  /** Of driver "bridge". */
  bridge?: BridgeRecord;
  /** Of drivers "macvlan" and "ipvlan". */
  parent?: ParentRecord;
}

export interface EndpointRecord {
  networkId: string;
  networkName: string;
  endpointId: string;
  /** The wished part. */
  settings: EndpointSettings;
  /** In the container: "eth0"; "" on networks without interfaces. */
  interfaceName: string;
  /** Its number there; 0 until it is plugged in. */
  interfaceIndex: number;
  /** The other end, on the host. */
  hostInterfaceName: string;
  mac: string;
  /** "10.0.0.2" */
  ipv4?: string;
  ipv4PrefixBits?: number;
  ipv4Gateway?: string;
  ipv6?: string;
  ipv6PrefixBits?: number;
  ipv6Gateway?: string;
  /** The default route needs no gateway: it leaves by the interface (ipvlan in modes l3 and l3s). */
  routesByInterface?: boolean;
}

export type PortProtocol = "tcp" | "udp" | "sctp";

/** One port of the host that leads to a port of a container. */
export interface PublishedPort {
  protocol: PortProtocol;
  containerPort: number;
  /** "0.0.0.0", "::" or one address. */
  hostIp: string;
  hostPort: number;
}

/** Containers that may publish the same port together; its connections are spread over them. */
export interface PortSharing {
  /** Containers of one group share. */
  group: string;
  /** Its health check says when it takes connections; without one, that it accepts them. */
  isHealthChecked: boolean;
}

/** The container that a published port leads to. */
export interface PortOwner {
  containerId: string;
  targetIp: string;
  sharing?: PortSharing;
}

export interface SandboxRecord {
  sandboxId: string;
  containerId: string;
  containerName: string;
  hostname: string;
  domainname: string;
  namespacePath: string;
  /** In the order of their interfaces. */
  endpoints: EndpointRecord[];
  portBindings: PortMap;
  exposedPorts: string[];
  publishAllPorts: boolean;
  published: PublishedPort[];
  /** Where the published ports lead now: the endpoint with the default route. */
  portTarget?: string;
  portSharing?: PortSharing;
  links: { containerId: string; alias: string }[];
  dns: string[];
  dnsOptions: string[];
  dnsSearch: string[];
  /** "name:ip" with host-gateway resolved. */
  extraHosts: string[];
  /** Present when a name server answers inside the namespace. */
  nameServer?: { udpPort: number; tcpPort: number };
}
