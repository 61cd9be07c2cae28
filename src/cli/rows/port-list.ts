import type { PortSummary } from "../../model/container.ts";
import { byCodePoint } from "./row-text.ts";

interface PortRange {
  ip: string;
  type: string;
  first: number;
  last: number;
}

/**
 * The PORTS column: ports that lie beside each other share one entry (`0.0.0.0:81-85->81-85/tcp`), unless the published
 * number differs from the container's; those come last, one by one.
 */
export function portList(ports: readonly PortSummary[]): string {
  const closed: string[] = [];
  const translated: string[] = [];
  const open = new Map<string, PortRange>();
  for (const port of [...ports].sort(byPort)) {
    const { IP: ip = "", PrivatePort: number, PublicPort: publicNumber = 0, Type: type } = port;
    if (ip !== "" && publicNumber !== number) {
      translated.push(`${hostPort(ip, String(publicNumber))}->${number}/${type}`);
      continue;
    }
    const key = `${ip}/${type}`;
    const range = open.get(key);
    if (range?.last === number - 1) {
      range.last = number;
      continue;
    }
    if (range) closed.push(rangeText(range));
    open.set(key, { ip, type, first: number, last: number });
  }
  return [...closed, ...[...open.values()].map(rangeText), ...translated].join(", ");
}

function byPort(a: PortSummary, b: PortSummary): number {
  return (
    a.PrivatePort - b.PrivatePort ||
    byCodePoint(a.IP ?? "", b.IP ?? "") ||
    (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
    byCodePoint(a.Type, b.Type)
  );
}

function rangeText({ ip, type, first, last }: PortRange): string {
  const numbers = first === last ? `${first}` : `${first}-${last}`;
  return ip === "" ? `${numbers}/${type}` : `${hostPort(ip, numbers)}->${numbers}/${type}`;
}

/** An address and a port; IPv6 addresses stand in brackets. */
export function hostPort(ip: string, port: string): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}
