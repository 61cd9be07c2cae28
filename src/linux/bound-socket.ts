/** Sockets that are bound to an address by plain system calls: to hold a port, or to be adopted by a server. */
import { dlopen, ptr, read } from "bun:ffi";
import { SysError } from "./sys-error.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["int", "int", "int"], returns: "int" },
  setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
  bind: { args: ["int", "ptr", "u32"], returns: "int" },
  listen: { args: ["int", "int"], returns: "int" },
  close: { args: ["int"], returns: "int" },
  __errno_location: { args: [], returns: "ptr" },
});

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK = { tcp: 1, udp: 2, sctp: 1 } as const;
const IPPROTO = { tcp: 6, udp: 17, sctp: 132 } as const;
const SOCK_CLOEXEC = 0x80000;
const SOCK_NONBLOCK = 0x800;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

interface BoundAddress {
  protocol: keyof typeof SOCK;
  /** 4 or 16 raw bytes. */
  address: Uint8Array;
  port: number;
  /** Accept connections (tcp); else the port is only held. */
  listenBacklog?: number;
}

/**
 * A bound, non-blocking socket; an IPv6 one leaves the IPv4 port alone. Whoever asks for the same address gets EADDRINUSE
 * until the descriptor is closed.
 * @throws {SysError} EADDRINUSE, EADDRNOTAVAIL for an address that is not this machine's, EAFNOSUPPORT, EPROTONOSUPPORT
 */
export function openBoundSocket({ protocol, address, port, listenBacklog }: BoundAddress): number {
  const isIpv6 = address.length === 16;
  const what = `bind ${protocol} port ${port}`;
  const type = SOCK[protocol] | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const fd = libc.socket(isIpv6 ? AF_INET6 : AF_INET, type, IPPROTO[protocol]);
  if (fd < 0) throw new SysError(lastErrno(), what);
  try {
    const one = Buffer.from([1, 0, 0, 0]);
    if (isIpv6) libc.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, ptr(one), 4);
    // Connections of an earlier daemon that still linger must not keep it from listening again.
    if (listenBacklog !== undefined) libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ptr(one), 4);
    const name = socketAddress(address, port);
    if (libc.bind(fd, ptr(name), name.length) !== 0) throw new SysError(lastErrno(), what);
    if (listenBacklog !== undefined && libc.listen(fd, listenBacklog) !== 0) throw new SysError(lastErrno(), what);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** sockaddr_in or sockaddr_in6. */
function socketAddress(address: Uint8Array, port: number): Buffer {
  const isIpv6 = address.length === 16;
  const bytes = Buffer.alloc(isIpv6 ? 28 : 16);
  bytes.writeUInt16LE(isIpv6 ? AF_INET6 : AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address, isIpv6 ? 8 : 4);
  return bytes;
}

export function closeBoundSocket(fd: number): void {
  libc.close(fd);
}

function lastErrno(): number {
  return read.i32(libc.__errno_location()!, 0);
}
