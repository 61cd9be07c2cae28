/**
 * Carries connections to a published IPv6 port of the host to the container, which may have no IPv6 itself. (IPv4 ports
 * need no relay: the kernel redirects them.)
 */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import { openBoundSocket } from "../linux/bound-socket.ts";
import { ipBytes, parseIp } from "./ip-address.ts";

const LISTEN_BACKLOG = 512;
/** As the kernel's own connection tracking forgets an answered UDP flow. */
const UDP_IDLE_MS = 120_000;

interface RelayTarget {
  ip: string;
  port: number;
}

export interface PortRelay {
  /** Connections from now on go there. */
  retarget(target: RelayTarget): void;
  close(): void;
}

/** @throws {SysError} EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT (no IPv6 on this machine) */
export function openPortRelay(
  protocol: "tcp" | "udp",
  hostIp: string,
  hostPort: number,
  target: RelayTarget,
): PortRelay {
  const address = ipBytes(parseIp(hostIp)!);
  if (protocol === "udp") return relayDatagrams(openBoundSocket({ protocol, address, port: hostPort }), target);
  return relayConnections(
    openBoundSocket({ protocol, address, port: hostPort, listenBacklog: LISTEN_BACKLOG }),
    target,
  );
}

function relayConnections(fd: number, firstTarget: RelayTarget): PortRelay {
  let target = firstTarget;
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
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
    retarget(next) {
      target = next;
    },
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function relayDatagrams(fd: number, firstTarget: RelayTarget): PortRelay {
  let target = firstTarget;
  const flows = new Map<string, { socket: DatagramSocket; lastUsed: number }>();
  const server = createSocket("udp6");
  server.on("error", () => {});
  server.on("message", (data, client) => {
    const key = `${client.address} ${client.port}`;
    const flow = flows.get(key) ?? openFlow((answer) => server.send(answer, client.port, client.address));
    flows.set(key, flow);
    flow.lastUsed = Date.now();
    flow.socket.send(data, target.port, target.ip);
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
  const openFlow = (answer: (data: Buffer) => void) => {
    const socket = createSocket(target.ip.includes(":") ? "udp6" : "udp4");
    socket.on("error", () => {});
    socket.on("message", answer);
    return { socket, lastUsed: Date.now() };
  };
  return {
    retarget(next) {
      target = next;
    },
    close() {
      clearInterval(sweep);
      server.close();
      for (const { socket } of flows.values()) socket.close();
    },
  };
}
