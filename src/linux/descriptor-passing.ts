/**
 * Unix sockets that carry file descriptors: socketpair(2), and recvmsg(2) with SCM_RIGHTS (unix(7), cmsg(3)).
 * Everything here is non-blocking; the layouts are those of 64-bit Linux.
 */
import { dlopen, ptr, read } from "bun:ffi";
import { SysError } from "./sys-error.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  socketpair: { args: ["int", "int", "int", "ptr"], returns: "int" },
  socket: { args: ["int", "int", "int"], returns: "int" },
  connect: { args: ["int", "ptr", "u32"], returns: "int" },
  send: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
  recvmsg: { args: ["int", "ptr", "int"], returns: "i64" },
  close: { args: ["int"], returns: "int" },
  __errno_location: { args: [], returns: "ptr" },
});

const AF_UNIX = 1;
const SOCKET_TYPES = { stream: 1, seqpacket: 5 } as const;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const EINTR = 4;
const EAGAIN = 11;
const SUN_PATH_BYTES = 108;
const CMSG_HEADER_BYTES = 16;
const MSGHDR_BYTES = 56;
/** SCM_MAX_FD is 253; the monitor passes 64 at most. */
const MAX_DESCRIPTORS = 64;

/** What one packet, or one piece of a stream, brought. The receiver must close the descriptors. */
interface Received {
  bytes: Uint8Array;
  descriptors: number[];
}

/** A pair of connected sockets, close-on-exec; the caller closes both. @throws {SysError} EMFILE, ENFILE. */
export function openSocketPair(type: keyof typeof SOCKET_TYPES): [number, number] {
  const pair = new Int32Array(2);
  if (libc.socketpair(AF_UNIX, SOCKET_TYPES[type] | SOCK_CLOEXEC, 0, ptr(pair)) !== 0) throw failure("socketpair");
  return [pair[0] ?? -1, pair[1] ?? -1];
}

/**
 * A stream socket connected to the unix socket at `path` (at most 107 bytes); the caller closes it. connect(2) to a
 * local listener does not wait unless its backlog is full.
 * @throws {SysError} ENOENT, ECONNREFUSED when nobody listens there.
 */
export function openUnixConnection(path: string): number {
  const address = Buffer.alloc(2 + SUN_PATH_BYTES);
  address.writeUInt16LE(AF_UNIX, 0);
  if (address.write(path, 2) >= SUN_PATH_BYTES) throw new SysError(36, `connect to ${path}`);
  const socket = libc.socket(AF_UNIX, SOCKET_TYPES.stream | SOCK_CLOEXEC, 0);
  if (socket < 0) throw failure("socket");
  if (libc.connect(socket, ptr(address), address.length) !== 0) {
    const error = failure(`connect to ${path}`);
    libc.close(socket);
    throw error;
  }
  return socket;
}

/** Sends a few bytes at once. @throws {SysError} EAGAIN when the socket is full, EPIPE when the peer is gone. */
export function sendBytes(socket: number, bytes: Uint8Array): void {
  const sent = libc.send(socket, ptr(bytes), bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (Number(sent) !== bytes.length) throw failure("send");
}

/**
 * Takes what is waiting on `socket`, or undefined when nothing is. Zero bytes mean that the peer has closed it.
 * Received descriptors are close-on-exec.
 * @throws {SysError} ECONNRESET and the like.
 */
export function receiveWithDescriptors(socket: number, mostBytes = 4096): Received | undefined {
  const bytes = Buffer.alloc(mostBytes);
  const control = Buffer.alloc(CMSG_HEADER_BYTES + 4 * MAX_DESCRIPTORS);
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(BigInt(ptr(bytes)), 0);
  vector.writeBigUInt64LE(BigInt(bytes.length), 8);
  const message = Buffer.alloc(MSGHDR_BYTES);
  message.writeBigUInt64LE(BigInt(ptr(vector)), 16);
  message.writeBigUInt64LE(1n, 24);
  message.writeBigUInt64LE(BigInt(ptr(control)), 32);
  message.writeBigUInt64LE(BigInt(control.length), 40);
  for (;;) {
    const count = Number(libc.recvmsg(socket, ptr(message), MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    if (count >= 0) return { bytes: bytes.subarray(0, count), descriptors: descriptorsIn(control, message) };
    const errno = lastErrno();
    if (errno === EAGAIN) return undefined;
    if (errno !== EINTR) throw new SysError(errno, "recvmsg");
  }
}

/** Closes a descriptor that came from here. Errors are nobody's concern. */
export function closeDescriptor(descriptor: number): void {
  libc.close(descriptor);
}

function descriptorsIn(control: Buffer, message: Buffer): number[] {
  const received = Number(message.readBigUInt64LE(40));
  if (received < CMSG_HEADER_BYTES) return [];
  const length = Number(control.readBigUInt64LE(0));
  if (control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) return [];
  const descriptors: number[] = [];
  for (let at = CMSG_HEADER_BYTES; at + 4 <= length; at += 4) descriptors.push(control.readInt32LE(at));
  return descriptors;
}

function lastErrno(): number {
  return read.i32(libc.__errno_location()!, 0);
}

function failure(what: string): SysError {
  return new SysError(lastErrno(), what);
}
