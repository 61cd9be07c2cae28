/** Addresses of -H: unix://PATH, tcp://ADDRESS:PORT, fd:// (sockets handed over by systemd). */
import { badSetting } from "./setting-error.ts";

/** The first descriptor that systemd hands over (sd_listen_fds(3)). */
export const FIRST_PASSED_FD = 3;

export type ListenAddress =
  | { kind: "unix"; path: string }
  | { kind: "tcp"; host: string; port: number }
  /** Undefined: every socket that systemd hands over; else the descriptor of one, counted from 3. */
  | { kind: "fd"; which: number | undefined };

/**
 * `defaultPort` is for TCP addresses without one.
 * @throws invalid in dockerd's words.
 */
export function parseListenAddress(text: string, defaultPort: number): ListenAddress {
  const match = /^([a-z]+):\/\/(.*)$/.exec(text);
  // Without a protocol dockerd takes a path for a socket and everything else for a TCP address.
  const [protocol, rest] =
    match === null ? (text.startsWith("/") ? ["unix", text] : ["tcp", text]) : [match[1], match[2] ?? ""];
  switch (protocol) {
    case "unix":
      return { kind: "unix", path: rest === "" ? "/run/naru/naru.sock" : rest };
    case "fd":
      return { kind: "fd", which: parseDescriptor(text, rest ?? "") };
    case "tcp":
      return parseTcp(text, rest ?? "", defaultPort);
    default:
      throw badSetting(`invalid bind address (${text}): unsupported proto '${protocol}'`);
  }
}

/** As -H was written. */
export function listenAddressText(address: ListenAddress): string {
  if (address.kind === "unix") return `unix://${address.path}`;
  if (address.kind === "fd") return `fd://${address.which ?? ""}`;
  return `tcp://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

function parseDescriptor(text: string, rest: string): number | undefined {
  if (rest === "" || rest === "*") return undefined;
  const descriptor = /^\d{1,9}$/.test(rest) ? Number(rest) : 0;
  if (descriptor < FIRST_PASSED_FD) {
    throw badSetting(
      `invalid bind address (${text}): write fd:// for all sockets that systemd hands over, or fd://N, ` +
        `where ${FIRST_PASSED_FD} is the first of them`,
    );
  }
  return descriptor;
}

function parseTcp(text: string, rest: string, defaultPort: number): ListenAddress {
  const match = /^(\[[0-9a-fA-F:.%]+\]|[^:/]*)(?::(\d+))?\/?$/.exec(rest);
  if (match === null) throw badSetting(`invalid bind address (${text}): write tcp://ADDRESS:PORT`);
  const host = (match[1] ?? "").replace(/^\[|\]$/g, "");
  const port = Number(match[2] ?? defaultPort);
  if (port > 65535) throw badSetting(`invalid bind address (${text}): there is no port ${port}`);
  return { kind: "tcp", host: host === "" ? "localhost" : host, port };
}
