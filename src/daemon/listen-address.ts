/** Addresses of -H: unix://PATH, tcp://ADDRESS:PORT, fd:// (sockets handed over by systemd). */
import { badSetting } from "./setting-error.ts";

export type ListenAddress =
  | { kind: "unix"; path: string }
  | { kind: "tcp"; host: string; port: number }
  /** Undefined: every socket that systemd hands over; else its position or name. */
  | { kind: "fd"; which: string | undefined };

/** @throws invalid in dockerd's words. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^([a-z]+):\/\/(.*)$/.exec(text);
  // Without a protocol dockerd takes a path for a socket and everything else for a TCP address.
  const [protocol, rest] =
    match === null ? (text.startsWith("/") ? ["unix", text] : ["tcp", text]) : [match[1], match[2] ?? ""];
  switch (protocol) {
    case "unix":
      return { kind: "unix", path: rest === "" ? "/run/naru/naru.sock" : rest };
    case "fd":
      return { kind: "fd", which: rest === "" || rest === "*" ? undefined : rest };
    case "tcp":
      return parseTcp(text, rest ?? "");
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

function parseTcp(text: string, rest: string): ListenAddress {
  const match = /^(\[[0-9a-fA-F:.%]+\]|[^:/]*)(?::(\d+))?\/?$/.exec(rest);
  if (match === null) throw badSetting(`invalid bind address (${text}): write tcp://ADDRESS:PORT`);
  const host = (match[1] ?? "").replace(/^\[|\]$/g, "");
  const port = Number(match[2] ?? 2376);
  if (port > 65535) throw badSetting(`invalid bind address (${text}): there is no port ${port}`);
  return { kind: "tcp", host: host === "" ? "localhost" : host, port };
}
