/**
 * Network namespaces for containers. Some are kept ready, with sockets open inside them, so that a starting container
 * does not wait for one.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { closeDescriptor } from "../linux/descriptor-passing.ts";
import { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { NamespaceSocket, NetnsServer } from "../runtime/netns-server.ts";

/** The part of the netns server that networking needs. */
export type NamespaceServer = Pick<NetnsServer, "create" | "enter" | "delete">;

const SHORT_ID_LENGTH = 12;
const SOCKETS: readonly NamespaceSocket[] = ["route", "netfilter", "dns-udp", "dns-tcp"];
// New interfaces have no IPv6 unless their network has; and they tell the neighbourhood when they come up, because an
// address may have belonged to another container a moment ago.
const SYSCTLS = {
  "net.ipv6.conf.default.disable_ipv6": "1",
  "net.ipv4.conf.default.arp_notify": "1",
  "net.ipv6.conf.default.ndisc_notify": "1",
};

/** A namespace in which nothing runs yet. Whoever takes it closes its sockets. */
export interface FreshNamespace {
  sandboxId: string;
  path: string;
  /** The namespace itself, for moving interfaces into it; keeps it alive while open. */
  handle: FileHandle;
  route: NetlinkSocket;
  netfilter: NetlinkSocket;
  nameServer: NameServerSockets;
}

/** Bound to 127.0.0.11 in the namespace. */
export interface NameServerSockets {
  udp: number;
  tcp: number;
  udpPort: number;
  tcpPort: number;
}

export class NamespacePool {
  readonly #ready: FreshNamespace[] = [];
  #filling: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    readonly server: NamespaceServer,
    /** "<exec root>/netns" */
    readonly directory: string,
    readonly size: number,
  ) {}

  /** Where the namespaces are mounted: made here. */
  async prepare(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o711 });
    this.#fill();
  }

  /** @throws {NaruError} when the netns server cannot make one. */
  async take(): Promise<FreshNamespace> {
    const ready = this.#ready.pop();
    // Refilled a little later: the container that is starting now needs the processor more.
    setTimeout(() => this.#fill(), 20).unref();
    return ready ?? (await this.#create());
  }

  /** Waits for namespaces that are being made. */
  async settle(): Promise<void> {
    await this.#filling;
  }

  /** Removes what was kept ready. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#filling;
    await Promise.all(this.#ready.splice(0).map((namespace) => this.discard(namespace)));
  }

  /** Paths of namespaces that belong to no container. */
  get readyPaths(): ReadonlySet<string> {
    return new Set(this.#ready.map(({ path }) => path));
  }

  async discard(namespace: FreshNamespace): Promise<void> {
    await closeFreshNamespace(namespace);
    closeNameServerSockets(namespace.nameServer);
    await this.server.delete(namespace.path);
  }

  #fill(): void {
    if (this.#filling !== undefined) return;
    this.#filling = this.#fillNow()
      // The next container that needs one makes its own and reports what is wrong.
      .catch(() => {})
      .finally(() => {
        this.#filling = undefined;
      });
  }

  async #fillNow(): Promise<void> {
    while (!this.#isClosed && this.#ready.length < this.size) this.#ready.push(await this.#create());
  }

  async #create(): Promise<FreshNamespace> {
    const sandboxId = randomBytes(32).toString("hex");
    const path = join(this.directory, sandboxId.slice(0, SHORT_ID_LENGTH));
    const { descriptors, dnsUdpPort, dnsTcpPort } = await this.server.create(path, {
      sysctls: SYSCTLS,
      open: SOCKETS,
    });
    return {
      sandboxId,
      path,
      handle: await open(path),
      route: NetlinkSocket.adopt(descriptors.route!),
      netfilter: NetlinkSocket.adopt(descriptors.netfilter!),
      nameServer: {
        udp: descriptors["dns-udp"]!,
        tcp: descriptors["dns-tcp"]!,
        udpPort: dnsUdpPort,
        tcpPort: dnsTcpPort,
      },
    };
  }
}

/** Closes all but the name server's sockets. */
async function closeFreshNamespace({ handle, route, netfilter }: FreshNamespace): Promise<void> {
  route.close();
  netfilter.close();
  await handle.close();
}

export function closeNameServerSockets({ udp, tcp }: NameServerSockets): void {
  closeDescriptor(udp);
  closeDescriptor(tcp);
}
