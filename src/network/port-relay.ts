/**
 * Carries connections to a published IPv6 port of the host to the container, which may have no IPv6 itself. (IPv4 ports
 * need no relay: the kernel redirects them.)
 */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import { ipBytes, parseIp } from "../lib/ip-address.ts";
import { openBoundSocket } from "../linux/bound-socket.ts";
import type { PortTarget } from "./host-firewall-table.ts";

const LISTEN_BACKLOG = 512;
/** As the kernel's own connection tracking forgets an answered UDP flow. */
const UDP_IDLE_MS = 120_000;

export interface PortRelay {
  /** Connections from now on go there, to each of several in turn. */
  retarget(targets: readonly PortTarget[]): void;
  close(): void;
}

/** @throws {SysError} EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT (no IPv6 on this machine) */
export function openPortRelay(
  protocol: "tcp" | "udp",
  hostIp: string,
  hostPort: number,
  targets: readonly PortTarget[],
): PortRelay {
  const address = ipBytes(parseIp(hostIp)!);
  if (protocol === "udp")
    return relayDatagrams(openBoundSocket({ protocol, address, port: hostPort }), new Turns(targets));
  return relayConnections(
    openBoundSocket({ protocol, address, port: hostPort, listenBacklog: LISTEN_BACKLOG }),
    new Turns(targets),
  );
}

/** Several targets, each in turn. */
class Turns {
  #last = -1;

  constructor(private targets: readonly PortTarget[]) {}

  next(): PortTarget | undefined {
    this.#last = (this.#last + 1) % Math.max(1, this.targets.length);
    return this.targets[this.#last];
  }

  has({ ip, port }: PortTarget): boolean {
    return this.targets.some((target) => target.ip === ip && target.port === port);
  }

  replace(targets: readonly PortTarget[]): void {
    this.targets = targets;
  }
}

function relayConnections(fd: number, turns: Turns): PortRelay {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    const target = turns.next();
    if (target === undefined) return void client.destroy();
    const container = connect({ host: target.ip, port: target.port, allowHalfOpen: true });
    for (const [one, other] of [
      [client, container],
      [container, client],
    ] as const) {
      open.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroySoon();
      });
    }
    container.on("connect", () => {
      client.pipe(container);
      container.pipe(client);
      client.resume();
    });
  });
  server.on("error", () => {});
  server.listen({ fd });
  return {
    retarget: (targets) => turns.replace(targets),
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

interface DatagramFlow {
  socket: DatagramSocket;
  target: PortTarget;
  lastUsed: number;
}

function relayDatagrams(fd: number, turns: Turns): PortRelay {
  const flows = new Map<string, DatagramFlow>();
  const server = createSocket("udp6");
  server.on("error", () => {});
  server.on("message", (data, client) => {
    const key = `${client.address} ${client.port}`;
    const known = flows.get(key);
    const target = known !== undefined && turns.has(known.target) ? known.target : turns.next();
    if (target === undefined) return;
    const socket = known?.socket ?? openFlow(target, (answer) => server.send(answer, client.port, client.address));
    flows.set(key, { socket, target, lastUsed: Date.now() });
    socket.send(data, target.port, target.ip);
  });
  server.bind({ fd });
  const sweep = setInterval(() => {
    for (const [key, { socket, lastUsed }] of flows) {
      if (Date.now() - lastUsed < UDP_IDLE_MS) continue;
      socket.close();
      flows.delete(key);
    }
  }, UDP_IDLE_MS / 4);
  sweep.unref();
  const openFlow = (target: PortTarget, answer: (data: Buffer) => void) => {
    const socket = createSocket(target.ip.includes(":") ? "udp6" : "udp4");
    socket.on("error", () => {});
    socket.on("message", answer);
    return socket;
  };
  return {
    retarget: (targets) => turns.replace(targets),
    close() {
      clearInterval(sweep);
      server.close();
      for (const { socket } of flows.values()) socket.close();
    },
  };
}
