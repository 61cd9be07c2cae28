/** Who stands behind each published port, and which of them gets connections. A port has several containers when they share it. */
import { connect } from "node:net";
import type { PortTarget } from "./host-firewall-table.ts";
import type { PortOwner, PublishedPort, SandboxRecord } from "./network-records.ts";

interface Member {
  owner: PortOwner;
  containerPort: number;
  protocol: PublishedPort["protocol"];
  isReady: boolean;
  /** Ends the wait until it accepts connections. */
  waiting?: AbortController;
}

/** How often a container that has just joined is asked whether it accepts connections. */
const FIRST_ASK_MS = 10;
const SLOWEST_ASK_MS = 500;
const ANSWER_MS = 1000;

/** Who the ports of this container lead to; undefined while they lead nowhere. */
export function portOwner({ containerId, portTarget, portSharing }: SandboxRecord): PortOwner | undefined {
  return portTarget === undefined ? undefined : { containerId, targetIp: portTarget, sharing: portSharing };
}

/** Containers behind one port of the host. */
export class PortMembers {
  readonly #members = new Map<string, Member>();

  constructor(
    readonly group: string | undefined,
    private readonly onChange: () => void,
  ) {}

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** Those that are ready; all when none is. */
  get targets(): PortTarget[] {
    const members = [...this.#members.values()];
    const ready = members.filter(({ isReady }) => isReady);
    return (ready.length > 0 ? ready : members).map(({ owner, containerPort }) => ({
      ip: owner.targetIp,
      port: containerPort,
    }));
  }

  /** Whether a container gets connections; undefined when it does not have this port. */
  isReady(containerId: string): boolean | undefined {
    return this.#members.get(containerId)?.isReady;
  }

  /** `isReady`: it serves already, as after a restart of the daemon. */
  add(owner: PortOwner, { containerPort, protocol }: PublishedPort, isReady: boolean): void {
    this.remove(owner.containerId);
    // Who is alone needs not be asked: there is nobody else to send connections to.
    const member: Member = { owner, containerPort, protocol, isReady: isReady || this.isEmpty };
    this.#members.set(owner.containerId, member);
    if (member.isReady || owner.sharing?.isHealthChecked) return;
    if (protocol !== "tcp") member.isReady = true;
    else this.#awaitAcceptance(member);
  }

  remove(containerId: string): void {
    this.#members.get(containerId)?.waiting?.abort();
    this.#members.delete(containerId);
  }

  /** What its health check says. Of those without one only their acceptance counts. */
  noteHealth(containerId: string, isHealthy: boolean): void {
    const member = this.#members.get(containerId);
    if (member === undefined || member.isReady === isHealthy) return;
    member.isReady = isHealthy;
    this.onChange();
  }

  /** No new connections from now on, when there is another container that takes them. True when that changed something. */
  leave(containerId: string): boolean {
    const member = this.#members.get(containerId);
    const isAlone = [...this.#members.values()].every((other) => other === member || !other.isReady);
    if (member === undefined || isAlone) return false;
    member.waiting?.abort();
    member.isReady = false;
    return true;
  }

  close(): void {
    for (const { waiting } of this.#members.values()) waiting?.abort();
  }

  #awaitAcceptance(member: Member): void {
    const waiting = new AbortController();
    member.waiting = waiting;
    void acceptsConnections({ ip: member.owner.targetIp, port: member.containerPort }, waiting.signal).then(
      (isOpen) => {
        if (!isOpen) return;
        member.isReady = true;
        this.onChange();
      },
    );
  }
}

/** Resolves true once something accepts a connection there, false when the signal comes first. */
async function acceptsConnections(target: PortTarget, signal: AbortSignal): Promise<boolean> {
  for (let pauseMs = FIRST_ASK_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, SLOWEST_ASK_MS)) {
    if (await canConnect(target)) return !signal.aborted;
    await new Promise((resolve) => setTimeout(resolve, pauseMs).unref());
  }
  return false;
}

function canConnect({ ip, port }: PortTarget): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port, timeout: ANSWER_MS });
    const settle = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.on("connect", () => settle(true));
    socket.on("timeout", () => settle(false));
    socket.on("error", () => settle(false));
  });
}
