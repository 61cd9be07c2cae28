/** Publishing ports: chosen, held by a bound socket, redirected by the firewall (IPv4) or relayed (IPv6). */
import { errorText, NaruError } from "../lib/errors.ts";
import { closeBoundSocket, openBoundSocket } from "../linux/bound-socket.ts";
import { errorCode, SysError } from "../linux/sys-error.ts";
import type { HostFirewall } from "./host-firewall.ts";
import { ipBytes, parseIp } from "./ip-address.ts";
import type { PublishedPort } from "./network-records.ts";
import { PortAllocator } from "./port-allocator.ts";
import { openPortRelay, type PortRelay } from "./port-relay.ts";
import type { PortWish } from "./port-wishes.ts";
import type { UdpFlows } from "./udp-flows.ts";

const EAFNOSUPPORT = 97;
const EADDRNOTAVAIL = 99;
const EPROTONOSUPPORT = 93;

/** What keeps a port ours. */
interface HeldPort {
  relay?: PortRelay;
  close(): void;
}

export class PortPublisher {
  readonly #held = new Map<string, HeldPort>();
  readonly #allocator: PortAllocator;

  constructor(
    readonly firewall: HostFirewall,
    readonly flows: UdpFlows,
    ephemeral: { first: number; last: number },
  ) {
    this.#allocator = new PortAllocator(ephemeral);
  }

  /**
   * Publishes all wishes or none.
   * @param targetIp the container's address
   * @param hostAddress host address of wishes that name none: "0.0.0.0" stands for all, of both IP versions
   * @throws {NaruError} internal `Bind for 0.0.0.0:80 failed: port is already allocated` and the like
   */
  publish(wishes: readonly PortWish[], targetIp: string, hostAddress: string): PublishedPort[] {
    const published: PublishedPort[] = [];
    try {
      for (const wish of wishes) {
        // What is done is in the list also when the next one fails.
        for (const port of this.#publishOne(wish, targetIp, hostAddress)) published.push(port);
      }
      this.firewall.setPorts(redirected(published), targetIp);
      this.flows.forget(published);
      return published;
    } catch (error) {
      this.withdraw(published);
      throw error;
    }
  }

  /** Idempotent. */
  withdraw(ports: readonly PublishedPort[]): void {
    this.firewall.removePorts(redirected(ports));
    this.flows.forget(ports);
    for (const port of ports) this.#release(port);
  }

  /** Leads published ports to another address of their container. */
  retarget(ports: readonly PublishedPort[], targetIp: string): void {
    this.firewall.setPorts(redirected(ports), targetIp);
    this.flows.forget(ports);
    for (const port of ports) {
      this.#held.get(portKey(port))?.relay?.retarget({ ip: targetIp, port: port.containerPort });
    }
  }

  /** At the start: ports of containers that may still run, so that the firewall's new table has them from its first moment. */
  expect(ports: readonly PublishedPort[], targetIp: string): void {
    this.firewall.expectPorts(redirected(ports), targetIp);
  }

  /**
   * Takes ports up again after a restart of the daemon; their redirection never ceased.
   * @returns those that could not be held, with the reason
   */
  restore(ports: readonly PublishedPort[], targetIp: string): { port: PublishedPort; reason: string }[] {
    const failed: { port: PublishedPort; reason: string }[] = [];
    for (const port of ports) {
      try {
        this.#hold(port, targetIp);
      } catch (error) {
        failed.push({ port, reason: errorText(error) });
      }
    }
    this.firewall.setPorts(redirected(ports), targetIp);
    return failed;
  }

  /** Lets go of the sockets; the redirections stay. */
  close(): void {
    for (const held of this.#held.values()) held.close();
    this.#held.clear();
    this.flows.close();
  }

  #publishOne(wish: PortWish, targetIp: string, hostAddress: string): PublishedPort[] {
    const hostIps = hostAddresses(wish.hostIp, hostAddress, targetIp);
    const isRange = wish.firstHostPort !== wish.lastHostPort;
    const isChoice = wish.firstHostPort === 0 || isRange;
    const candidates = wish.firstHostPort === 0 ? this.#allocator.ephemeralPorts() : portsOf(wish);
    for (const hostPort of candidates) {
      try {
        return this.#holdEverywhere(wish, hostPort, hostIps, targetIp);
      } catch (error) {
        if (!isChoice || !(error instanceof PortTakenError)) throw error;
      }
    }
    const range = isRange ? `${wish.firstHostPort}-${wish.lastHostPort}` : "0";
    throw new NaruError("internal", `Bind for ${hostIps[0]}:${range} failed: all ports are allocated`);
  }

  /** The same port on all addresses, or on none. */
  #holdEverywhere(
    { protocol, containerPort, hostIp: wishedIp }: PortWish,
    hostPort: number,
    hostIps: readonly string[],
    targetIp: string,
  ): PublishedPort[] {
    const done: PublishedPort[] = [];
    try {
      for (const hostIp of hostIps) {
        const port = { protocol, containerPort, hostIp, hostPort };
        try {
          this.#hold(port, targetIp);
          done.push(port);
        } catch (error) {
          // Nobody asked for IPv6 by name: a machine without it publishes on IPv4 alone.
          if (!(wishedIp === "" && hostIp === "::" && isAbsentIpv6(error))) throw error;
        }
      }
      return done;
    } catch (error) {
      for (const port of done) this.#release(port);
      throw error;
    }
  }

  #hold(port: PublishedPort, targetIp: string): void {
    const { protocol, hostIp, hostPort } = port;
    const where = hostIp.includes(":") ? `[${hostIp}]:${hostPort}` : `${hostIp}:${hostPort}`;
    if (!this.#allocator.isFree(protocol, hostIp, hostPort)) {
      throw new PortTakenError(`Bind for ${where} failed: port is already allocated`);
    }
    try {
      this.#held.set(portKey(port), openHeldPort(port, targetIp));
      this.#allocator.reserve(protocol, hostIp, hostPort);
    } catch (error) {
      if (isAbsentIpv6(error) && hostIp === "::") throw error;
      const target = targetIp.includes(":") ? `[${targetIp}]` : targetIp;
      const attempt = `${where}:${target}:${port.containerPort}/${protocol}`;
      const words = error instanceof SysError ? (error.message.split(": ").at(-1) ?? "") : errorText(error);
      const Kind = errorCode(error) === "EADDRINUSE" ? PortTakenError : BindError;
      throw new Kind(`failed to bind host port for ${attempt}: ${words}`, { cause: error });
    }
  }

  #release(port: PublishedPort): void {
    const held = this.#held.get(portKey(port));
    if (held === undefined) return;
    this.#held.delete(portKey(port));
    held.close();
    this.#allocator.release(port.protocol, port.hostIp, port.hostPort);
  }
}

class BindError extends NaruError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("internal", message, options);
  }
}
class PortTakenError extends BindError {}

const portKey = ({ protocol, hostIp, hostPort }: PublishedPort): string => `${protocol} ${hostIp} ${hostPort}`;

/** Those that the kernel redirects by itself. */
function redirected(ports: readonly PublishedPort[]): PublishedPort[] {
  return ports.filter(({ hostIp }) => !hostIp.includes(":"));
}

function hostAddresses(wished: string, networkDefault: string, targetIp: string): string[] {
  const chosen = wished === "" ? networkDefault : wished;
  // A container with IPv6 alone is reached through the relay, which speaks no IPv4 on the host's side.
  if (wished === "" && networkDefault === "0.0.0.0") return targetIp.includes(":") ? ["::"] : ["0.0.0.0", "::"];
  return [chosen];
}

function* portsOf({ firstHostPort, lastHostPort }: PortWish): Generator<number> {
  for (let port = firstHostPort; port <= lastHostPort; port++) yield port;
}

function openHeldPort({ protocol, containerPort, hostIp, hostPort }: PublishedPort, targetIp: string): HeldPort {
  if (hostIp.includes(":") && protocol !== "sctp") {
    const relay = openPortRelay(protocol, hostIp, hostPort, { ip: targetIp, port: containerPort });
    return { relay, close: () => relay.close() };
  }
  const address = parseIp(hostIp);
  if (address === undefined) throw new NaruError("invalid", `invalid IP address: ${hostIp}`);
  try {
    const fd = openBoundSocket({ protocol, address: ipBytes(address), port: hostPort });
    return { close: () => closeBoundSocket(fd) };
  } catch (error) {
    // A kernel without SCTP of its own still passes it on to containers.
    if (error instanceof SysError && error.errno === EPROTONOSUPPORT) return { close: () => {} };
    throw error;
  }
}

function isAbsentIpv6(error: unknown): boolean {
  return error instanceof SysError && [EAFNOSUPPORT, EADDRNOTAVAIL].includes(error.errno);
}
