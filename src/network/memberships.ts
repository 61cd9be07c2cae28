/** A sandbox's memberships in networks: interfaces plugged in and out, and what follows them: default routes and published ports. */
import { randomBytes } from "node:crypto";
import { errorText, NaruError } from "../lib/errors.ts";
import type { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { EndpointSettings } from "../model/network.ts";
import { removeInterface } from "./bridge-interface.ts";
import { addIpv6Address, plugIn, setDefaultRoutes, setHairpin, silence, type WireEnds } from "./endpoint-interface.ts";
import { interfaceSysctls } from "./endpoint-sysctls.ts";
import { chooseInterfaceName, createEndpoint, gatewayEndpoint, releaseAddresses } from "./endpoints.ts";
import type { NamespaceServer } from "./namespace-pool.ts";
import type { NetworkCatalog } from "./network-catalog.ts";
import type { EndpointRecord, SandboxRecord } from "./network-records.ts";
import { plugInChild, unplugChild } from "./parent-interface.ts";
import type { PortPublisher } from "./port-publisher.ts";
import { readPortWishes } from "./port-wishes.ts";
import { portOwner } from "./shared-ports.ts";

/** In the names of interfaces on routed bridges, after the prefix: no other name has it there. */
export const ROUTED_MARK = "r";

interface MembershipParts {
  catalog: NetworkCatalog;
  ports: PortPublisher;
  server: NamespaceServer;
  /** For requests in the background alone. */
  hostRoute: NetlinkSocket;
  /** Beginning of the host's ends of containers' interfaces. */
  interfacePrefix: string;
  warn: (message: string) => void;
}

/** Records are changed in place; keeping them is the caller's. A container's socket speaks to its own namespace. */
export class Memberships {
  readonly #parts: MembershipParts;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
  }

  /** @param namespaceFd the container's network namespace, open */
  async attach(
    record: SandboxRecord,
    containerRoute: NetlinkSocket,
    networkId: string,
    { settings, namespaceFd, mac }: { settings: EndpointSettings; namespaceFd: number; mac?: string },
  ): Promise<void> {
    const bridge = this.#parts.catalog.findBridge(networkId);
    const parent = this.#parts.catalog.findParent(networkId);
    const interfaceName = chooseInterfaceName(settings, record.endpoints);
    const digits = randomBytes(3).toString("hex");
    const ending = bridge?.routesNeighbours ? ROUTED_MARK + digits.slice(1) : digits;
    const hostInterfaceName = `${this.#parts.interfacePrefix}${ending}`;
    const network = this.#parts.catalog.get(networkId);
    const names = { interfaceName, hostInterfaceName: parent === undefined ? hostInterfaceName : "", mac };
    const endpoint = createEndpoint(network, bridge ?? parent, settings, names);
    // From here on tearing down the record gives the addresses back, and the namespace takes the interface along.
    record.endpoints.push(endpoint);
    if (bridge === undefined && parent === undefined) return;
    const sysctls = interfaceSysctls(settings, interfaceName);
    if (endpoint.ipv6 !== undefined) sysctls[`net/ipv6/conf/${interfaceName}/disable_ipv6`] = "0";
    if (parent !== undefined) await plugInChild(this.#ends(containerRoute), endpoint, parent, namespaceFd);
    else await plugIn(this.#ends(containerRoute), endpoint, bridge!, namespaceFd);
    if (Object.keys(sysctls).length === 0) return;
    // These exist only once the interface does; IPv6 addresses only once IPv6 is on.
    await this.#parts.server.enter(record.namespacePath, { sysctls });
    if (endpoint.ipv6 !== undefined) await addIpv6Address(containerRoute, endpoint);
  }

  /** Takes a membership away: what remains gets the default route and the ports. */
  async detach(record: SandboxRecord, containerRoute: NetlinkSocket, networkId: string): Promise<void> {
    const at = record.endpoints.findIndex((endpoint) => endpoint.networkId === networkId);
    const [endpoint] = at < 0 ? [] : record.endpoints.splice(at, 1);
    if (endpoint === undefined) return;
    const network = this.#parts.catalog.findLive(networkId);
    if (network !== undefined) {
      await silence(this.#ends(containerRoute), endpoint, network.index);
      if (endpoint.hostInterfaceName === "") await unplugChild(this.#ends(containerRoute), endpoint);
      else await removeInterface(this.#parts.hostRoute, endpoint.hostInterfaceName);
      releaseAddresses(endpoint, network);
    }
    await this.refreshRoutesAndPorts(record, containerRoute);
  }

  /** The default route and the published ports follow the memberships. */
  async refreshRoutesAndPorts(record: SandboxRecord, containerRoute: NetlinkSocket): Promise<void> {
    const ipv4 = gatewayEndpoint(record, 4);
    const ipv6 = gatewayEndpoint(record, 6);
    if (record.endpoints.length > 0) await setDefaultRoutes(containerRoute, ipv4, ipv6);
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

  /** Of a sandbox that closes: ports and addresses are free again, and it is silent. @param containerRoute absent when it is gone already */
  async endAll(record: SandboxRecord, containerRoute: NetlinkSocket | undefined): Promise<void> {
    const { ports, catalog, warn } = this.#parts;
    ports.withdraw(record.published, record.containerId);
    for (const endpoint of record.endpoints) {
      const network = catalog.findLive(endpoint.networkId);
      if (network !== undefined && containerRoute !== undefined) {
        try {
          await silence(this.#ends(containerRoute), endpoint, network.index);
        } catch (error) {
          warn(`network of container ${record.containerName}: ${errorText(error)}`);
        }
      }
      releaseAddresses(endpoint, network);
    }
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

  #ends(containerRoute: NetlinkSocket): WireEnds {
    return { hostRoute: this.#parts.hostRoute, containerRoute };
  }
}
