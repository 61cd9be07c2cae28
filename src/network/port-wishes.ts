/** Which ports a container wants published, read from its configuration. Pure. */
import { NaruError } from "../lib/errors.ts";
import type { PortMap } from "../model/container.ts";
import type { PortProtocol } from "./network-records.ts";

export interface PortWish {
  protocol: PortProtocol;
  containerPort: number;
  /** "" means every address, of both IP versions. */
  hostIp: string;
  /** The first free port of the range; both 0: any port of the machine's ephemeral range. */
  firstHostPort: number;
  lastHostPort: number;
}

const PROTOCOLS: readonly string[] = ["tcp", "udp", "sctp"];

/**
 * The wishes, those for a certain port first: a random choice must not take it away from them.
 * @throws {NaruError} invalid `invalid port specification: "x"`
 */
export function readPortWishes(options: {
  portBindings: PortMap;
  exposedPorts: readonly string[];
  publishAllPorts: boolean;
}): PortWish[] {
  const wishes: PortWish[] = [];
  const bound = new Set<string>();
  for (const [key, bindings] of Object.entries(options.portBindings)) {
    const port = readContainerPort(key);
    for (const { HostIp: hostIp = "", HostPort: hostPort = "" } of bindings ?? []) {
      bound.add(`${port.containerPort}/${port.protocol}`);
      wishes.push({ ...port, hostIp, ...readHostPorts(hostPort) });
    }
  }
  if (options.publishAllPorts) {
    for (const key of options.exposedPorts) {
      const port = readContainerPort(key);
      if (bound.has(`${port.containerPort}/${port.protocol}`)) continue;
      wishes.push({ ...port, hostIp: "", firstHostPort: 0, lastHostPort: 0 });
    }
  }
  return wishes.sort(
    (a, b) =>
      certainty(b) - certainty(a) ||
      a.containerPort - b.containerPort ||
      a.protocol.localeCompare(b.protocol) ||
      a.firstHostPort - b.firstHostPort,
  );
}

function certainty({ firstHostPort, lastHostPort }: PortWish): number {
  if (firstHostPort === 0) return 0;
  return firstHostPort === lastHostPort ? 2 : 1;
}

/** "80/tcp"; the protocol may be left out. */
function readContainerPort(key: string): { containerPort: number; protocol: PortProtocol } {
  const [port = "", protocol = "tcp"] = key.toLowerCase().split("/");
  if (!PROTOCOLS.includes(protocol)) throw new NaruError("invalid", `invalid port specification: "${key}"`);
  return { containerPort: readPort(port, key), protocol: protocol as PortProtocol };
}

function readHostPorts(text: string): { firstHostPort: number; lastHostPort: number } {
  if (text === "") return { firstHostPort: 0, lastHostPort: 0 };
  const [first = "", last = first] = text.split("-");
  const firstHostPort = readPort(first, text);
  const lastHostPort = readPort(last, text);
  if (lastHostPort < firstHostPort) throw new NaruError("invalid", `invalid port specification: "${text}"`);
  return { firstHostPort, lastHostPort };
}

function readPort(text: string, whole: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw new NaruError("invalid", `invalid port specification: "${whole}"`);
}
