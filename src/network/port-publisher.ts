/** Publishing ports: chosen, held by a bound socket, redirected by the firewall (IPv4) or relayed (IPv6). */
import { errorText, NaruError } from "../lib/errors.ts";
import { ipBytes, parseIp } from "../lib/ip-address.ts";
import { closeBoundSocket, openBoundSocket } from "../linux/bound-socket.ts";
import { errorCode, SysError } from "../linux/sys-error.ts";
import type { HostFirewall } from "./host-firewall.ts";
import type { PortOwner, PublishedPort } from "./network-records.ts";
import { PortAllocator } from "./port-allocator.ts";
import { openPortRelay, type PortRelay } from "./port-relay.ts";
import type { PortWish } from "./port-wishes.ts";
import { PortMembers } from "./shared-ports.ts";
import type { UdpFlows } from "./udp-flows.ts";

const EAFNOSUPPORT = 97;
const EADDRNOTAVAIL = 99;
const EPROTONOSUPPORT = 93;

/** What keeps a port ours. */
interface Hold {
  relay?: PortRelay;
  close(): void;
}
interface HeldPort extends Hold {
  port: PublishedPort;
  members: PortMembers;
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
   * @param hostAddress host address of wishes that name none: "0.0.0.0" stands for all, of both IP versions
   * @throws {NaruError} internal `Bind for 0.0.0.0:80 failed: port is already allocated` and the like
   */
  publish(wishes: readonly PortWish[], owner: PortOwner, hostAddress: string): PublishedPort[] {
    const published: PublishedPort[] = [];
    try {
      for (const wish of wishes) {
        // What is done is in the list also when the next one fails.
        for (const port of this.#publishOne(wish, owner, hostAddress)) published.push(port);
      }
      this.#lead(published);
      return published;
    } catch (error) {
      this.withdraw(published, owner.containerId);
      throw error;
    }
  }

  /** Idempotent. */
  withdraw(ports: readonly PublishedPort[], containerId: string): void {
    const left = ports.filter((port) => {
      const members = this.#held.get(portKey(port))?.members;
      members?.remove(containerId);
      return members !== undefined && !members.isEmpty;
    });
    const gone = ports.filter((port) => !left.includes(port));
    this.firewall.removePorts(redirected(gone));
    this.flows.forget(gone);
    for (const port of gone) this.#release(port);
    if (left.length > 0) this.#lead(left);
  }

  /** Leads published ports to another address of their container. */
  retarget(ports: readonly PublishedPort[], owner: PortOwner): void {
    for (const port of ports) this.#held.get(portKey(port))?.members.add(owner, port, true);
    this.#lead(ports);
  }

  /** See NetworkController.noteHealth(). */
  noteHealth(containerId: string, isHealthy: boolean): void {
    for (const { members } of this.#held.values()) members.noteHealth(containerId, isHealthy);
  }

  /** False while a container does not accept connections yet on a port that it shares. */
  isReady(containerId: string): boolean {
    return [...this.#held.values()].every(({ members }) => members.isReady(containerId) !== false);
  }

  /** See NetworkController.leaveService(). */
  leave(ports: readonly PublishedPort[], containerId: string): void {
    const changed = ports.filter((port) => this.#held.get(portKey(port))?.members.leave(containerId));
    if (changed.length > 0) this.#lead(changed);
  }

  /** At the start: ports of containers that may still run, so that the firewall's new table has them from its first moment. */
  expect(sandboxes: Iterable<{ ports: readonly PublishedPort[]; owner: PortOwner }>): void {
    const expected = new Map<string, { port: PublishedPort; members: PortMembers }>();
    for (const { ports, owner } of sandboxes) {
      for (const port of redirected(ports)) {
        const members = expected.get(portKey(port))?.members ?? new PortMembers(owner.sharing?.group, () => {});
        members.add(owner, port, true);
        expected.set(portKey(port), { port, members });
      }
    }
    this.firewall.expectPorts([...expected.values()].map(({ port, members }) => ({ port, targets: members.targets })));
  }

  /**
   * Takes ports up again after a restart of the daemon; their redirection never ceased.
   * @returns those that could not be held, with the reason
   */
  restore(ports: readonly PublishedPort[], owner: PortOwner): { port: PublishedPort; reason: string }[] {
    const failed: { port: PublishedPort; reason: string }[] = [];
    for (const port of ports) {
      try {
        this.#hold(port, owner, { isReady: true, mayShare: true });
      } catch (error) {
        failed.push({ port, reason: errorText(error) });
        const [one] = redirected([port]);
        const target = { ip: owner.targetIp, port: port.containerPort };
        if (one !== undefined && !this.#held.has(portKey(port))) this.firewall.setPorts([{ port, targets: [target] }]);
      }
    }
    this.#lead(ports);
    return failed;
  }

  /** Lets go of the sockets; the redirections stay. */
  close(): void {
    for (const { members, close } of this.#held.values()) {
      members.close();
      close();
    }
    this.#held.clear();
    this.flows.close();
  }

  /** The kernel and the relays send connections to those that are behind these ports now. */
  #lead(ports: readonly PublishedPort[]): void {
    const held = ports.flatMap((port) => this.#held.get(portKey(port)) ?? []);
    const led = held.map(({ port, members }) => ({ port, targets: members.targets }));
    this.firewall.setPorts(led.filter(({ port }) => redirected([port]).length > 0));
    this.flows.forget(ports);
    for (const { relay, members } of held) relay?.retarget(members.targets);
  }

  #publishOne(wish: PortWish, owner: PortOwner, hostAddress: string): PublishedPort[] {
    const hostIps = hostAddresses(wish.hostIp, hostAddress, owner.targetIp);
    const isRange = wish.firstHostPort !== wish.lastHostPort;
    const isChoice = wish.firstHostPort === 0 || isRange;
    const candidates = wish.firstHostPort === 0 ? this.#allocator.ephemeralPorts() : portsOf(wish);
    for (const hostPort of candidates) {
      try {
        return this.#holdEverywhere(wish, hostPort, hostIps, owner, !isChoice);
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
    owner: PortOwner,
    mayShare: boolean,
  ): PublishedPort[] {
    const done: PublishedPort[] = [];
    try {
      for (const hostIp of hostIps) {
        const port = { protocol, containerPort, hostIp, hostPort };
        try {
          this.#hold(port, owner, { isReady: false, mayShare });
          done.push(port);
        } catch (error) {
          // Nobody asked for IPv6 by name: a machine without it publishes on IPv4 alone.
          if (!(wishedIp === "" && hostIp === "::" && isAbsentIpv6(error))) throw error;
        }
      }
      return done;
    } catch (error) {
      this.withdraw(done, owner.containerId);
      throw error;
    }
  }

  /** Joins those of its group who have the port, else takes it for itself. */
  #hold(port: PublishedPort, owner: PortOwner, how: { isReady: boolean; mayShare: boolean }): void {
    const key = portKey(port);
    const group = owner.sharing?.group;
    const present = this.#held.get(key);
    if (how.mayShare && present !== undefined && group !== undefined && present.members.group === group) {
      present.members.add(owner, port, how.isReady);
      return;
    }
    const members = new PortMembers(group, () => this.#lead([port]));
    this.#held.set(key, { port, members, ...this.#open(port, owner.targetIp) });
    this.#allocator.reserve(port.protocol, port.hostIp, port.hostPort);
    members.add(owner, port, how.isReady);
  }

  /** @throws {PortTakenError}, {BindError} */
  #open(port: PublishedPort, targetIp: string): Hold {
    const { protocol, hostIp, hostPort } = port;
    const where = hostIp.includes(":") ? `[${hostIp}]:${hostPort}` : `${hostIp}:${hostPort}`;
    if (!this.#allocator.isFree(protocol, hostIp, hostPort)) {
      throw new PortTakenError(`Bind for ${where} failed: port is already allocated`);
    }
    try {
      return openPort(port, targetIp);
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

function openPort({ protocol, containerPort, hostIp, hostPort }: PublishedPort, targetIp: string): Hold {
  if (hostIp.includes(":") && protocol !== "sctp") {
    const relay = openPortRelay(protocol, hostIp, hostPort, [{ ip: targetIp, port: containerPort }]);
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
