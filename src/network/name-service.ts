/** Starts the name servers of containers and tells them what they need to know. */

import { NameServer } from "../dns/name-server.ts";
import { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { Collection } from "../store/contract.ts";
import { resolveName } from "./dns-names.ts";
import { gatewayEndpoint } from "./endpoints.ts";
import { redirectNames } from "./name-redirect.ts";
import { closeNameServerSockets, type NameServerSockets, type NamespaceServer } from "./namespace-pool.ts";
import type { SandboxRecord } from "./network-records.ts";
import type { HostResolvConf } from "./sandbox-files.ts";

/** A container's name server in this process. */
export interface LiveNames {
  nameServer?: NameServer;
  /** Its sockets; a monitor keeps copies while no daemon runs. */
  heldDescriptors: number[];
}

interface NameServiceParts {
  records: Collection<SandboxRecord>;
  resolvConf: HostResolvConf;
  /** False for a container whose names lead to others of the same name, as long as there are some. */
  isReady: (containerId: string) => boolean;
  server: NamespaceServer;
}

export class NameService {
  readonly #parts: NameServiceParts;

  constructor(parts: NameServiceParts) {
    this.#parts = parts;
  }

  /** In a fresh namespace. @param netfilter a socket of it. @throws {SysError} */
  start(record: SandboxRecord, live: LiveNames, netfilter: NetlinkSocket, sockets: NameServerSockets): void {
    redirectNames(netfilter, sockets, { replaces: false });
    this.serve(record, live, sockets);
  }

  /** Answers on sockets that names are redirected to already. */
  serve(record: SandboxRecord, live: LiveNames, sockets: NameServerSockets): void {
    const { containerId } = record;
    record.nameServer = { udpPort: sockets.udpPort, tcpPort: sockets.tcpPort };
    live.heldDescriptors = [sockets.udp, sockets.tcp];
    live.nameServer = new NameServer(
      { udp: { fd: sockets.udp }, tcp: { fd: sockets.tcp } },
      {
        resolve: (name, type) => {
          const asker = this.#parts.records.get(containerId);
          return asker === undefined
            ? undefined
            : resolveName(asker, this.#parts.records.values(), name, type, this.#parts.isReady);
        },
        upstream: () => {
          const asker = this.#parts.records.get(containerId);
          const hasWayOut =
            asker !== undefined && (gatewayEndpoint(asker, 4) ?? gatewayEndpoint(asker, 6)) !== undefined;
          return hasWayOut ? this.#parts.resolvConf.upstream(asker) : [];
        },
      },
    );
  }

  /** Makes new sockets in a namespace that lives already, in place of earlier ones. */
  async open(record: SandboxRecord, live: LiveNames): Promise<void> {
    const { descriptors, dnsUdpPort, dnsTcpPort } = await this.#parts.server.enter(record.namespacePath, {
      open: ["netfilter", "dns-udp", "dns-tcp"],
    });
    const netfilter = NetlinkSocket.adopt(descriptors.netfilter!);
    const [udp, tcp] = [descriptors["dns-udp"]!, descriptors["dns-tcp"]!];
    const sockets: NameServerSockets = { udp, tcp, udpPort: dnsUdpPort, tcpPort: dnsTcpPort };
    try {
      redirectNames(netfilter, sockets, { replaces: record.nameServer !== undefined });
      this.serve(record, live, sockets);
    } catch (error) {
      closeNameServerSockets(sockets);
      throw error;
    } finally {
      netfilter.close();
    }
  }
}
