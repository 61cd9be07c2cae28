/** A netlink socket: requests with their acknowledgements (netlink(7)). */
import { dlopen, ptr, read } from "bun:ffi";
import { write } from "node:fs";
import { promisify } from "node:util";
import { message, type NetlinkMessage, NLM_F, NLMSG, parseMessages } from "./netlink-message.ts";
import { SysError } from "./sys-error.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["int", "int", "int"], returns: "int" },
  setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
  send: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
  recv: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
  close: { args: ["int"], returns: "int" },
  __errno_location: { args: [], returns: "ptr" },
});
const writeInBackground = promisify(write);
let lastBackgroundCall: Promise<unknown> = Promise.resolve();

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const EINTR = 4;
/** The kernel answers within the call that sends; this bounds a mistake of ours to a second. */
const RECEIVE_TIMEOUT_SECONDS = 1;
const RECEIVE_BUFFER_BYTES = 256 * 1024;
/** A batch of firewall changes is one datagram. */
const SOCKET_BUFFER_BYTES = 1024 * 1024;

const NETLINK_PROTOCOL = { route: 0, netfilter: 12 } as const;

/** One request, and what it is for: the words of the error when the kernel refuses. */
export interface NetlinkRequest {
  message: Buffer;
  /** "add address 10.0.0.2/24 to eth0" */
  what: string;
  /** Numbers of errors that mean that the state asked for is there already. */
  acceptedErrnos?: readonly number[];
}

// One for all sockets: a request and its answers are handled in one go, without giving up the thread.
const receiveBuffer = Buffer.alloc(RECEIVE_BUFFER_BYTES);

/**
 * Use one socket either for calls in the background or for the others: both at once would take each other's answers.
 */
export class NetlinkSocket {
  #fd: number;
  #sequence = 1;

  private constructor(fd: number) {
    this.#fd = fd;
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(BigInt(RECEIVE_TIMEOUT_SECONDS), 0);
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, ptr(timeout), timeout.length);
    const size = Buffer.alloc(4);
    size.writeInt32LE(SOCKET_BUFFER_BYTES);
    for (const option of [SO_SNDBUF, SO_RCVBUF]) libc.setsockopt(fd, SOL_SOCKET, option, ptr(size), size.length);
  }

  /** A socket in this process' namespace. @throws {SysError} */
  static open(protocol: keyof typeof NETLINK_PROTOCOL): NetlinkSocket {
    const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_PROTOCOL[protocol]);
    if (fd < 0) throw new SysError(errno(), `open netlink socket for ${protocol}`);
    return new NetlinkSocket(fd);
  }

  /** Takes over an open descriptor, which may belong to another namespace: netlink acts where its socket was made. */
  static adopt(fd: number): NetlinkSocket {
    return new NetlinkSocket(fd);
  }

  /**
   * Carries requests out, all in one system call. The kernel does the work inside this call: use it only for what takes
   * well under a millisecond, else `requestInBackground`.
   * @throws {SysError} of the first request that failed; the others were carried out all the same.
   */
  request(requests: readonly NetlinkRequest[]): void {
    if (requests.length === 0) return;
    const first = this.#send(requests);
    this.#readAcknowledgements(new Map(requests.map((request, index) => [first + index, request])));
  }

  #readAcknowledgements(waiting: Map<number, NetlinkRequest>): void {
    let failure: SysError | undefined;
    while (waiting.size > 0) {
      for (const answer of this.#receive("read netlink acknowledgements")) {
        const found = settle(answer, waiting);
        failure ??= found;
      }
    }
    if (failure) throw failure;
  }

  /**
   * The same in a thread of the pool, one call after the other in the whole process. For interfaces, addresses and routes:
   * changing them takes a lock that the kernel may hold for many milliseconds while it removes a namespace, and
   * waiting for it in more than one thread would only keep those from other work.
   * @throws {SysError}
   */
  requestInBackground(requests: readonly NetlinkRequest[]): Promise<void> {
    if (requests.length === 0) return Promise.resolve();
    return this.#inBackground(requests[0]!.what, () => {
      const first = this.#sequence;
      this.#sequence += requests.length;
      const bytes = Buffer.concat(requests.map((one, index) => withAcknowledgement(one.message, first + index)));
      return { bytes, finish: () => this.#readAcknowledgements(new Map(requests.map((one, i) => [first + i, one]))) };
    });
  }

  /** As `query`, waiting in a thread of the pool. @throws {SysError} */
  queryInBackground(query: Buffer, what: string): Promise<NetlinkMessage[]> {
    return this.#inBackground(what, () => {
      const { bytes, sequence } = this.#prepareQuery(query);
      return { bytes, finish: () => this.#readAnswers(bytes, sequence, what) };
    });
  }

  /** The kernel does its work inside write(2); the answers then wait in the socket. */
  #inBackground<T>(what: string, prepare: () => { bytes: Buffer; finish: () => T }): Promise<T> {
    const result = lastBackgroundCall.then(async () => {
      const { bytes, finish } = prepare();
      try {
        await writeInBackground(this.#fd, bytes, 0, bytes.length, null);
      } catch (error) {
        throw new SysError(Math.abs((error as { errno?: number }).errno ?? 5), what);
      }
      return finish();
    });
    lastBackgroundCall = result.catch(() => {});
    return result;
  }

  /** All messages of a dump, or the answer of a single get. @throws {SysError} */
  query(query: Buffer, what: string): NetlinkMessage[] {
    const { bytes, sequence } = this.#prepareQuery(query);
    this.#write(bytes, what);
    return this.#readAnswers(bytes, sequence, what);
  }

  #prepareQuery(query: Buffer): { bytes: Buffer; sequence: number } {
    const sequence = this.#sequence++;
    const bytes = Buffer.from(query);
    bytes.writeUInt32LE(sequence, 8);
    return { bytes, sequence };
  }

  #readAnswers(query: Buffer, sequence: number, what: string): NetlinkMessage[] {
    const isDump = (query.readUInt16LE(6) & NLM_F.DUMP) === NLM_F.DUMP;
    const found: NetlinkMessage[] = [];
    for (;;) {
      for (const answer of this.#receive(what)) {
        if (answer.sequence !== sequence) continue;
        if (answer.type === NLMSG.DONE) return found;
        if (answer.type === NLMSG.ERROR) throw new SysError(-answer.body.readInt32LE(0), what);
        found.push({ ...answer, body: Buffer.from(answer.body) });
        if (!isDump) return found;
      }
    }
  }

  /** Sends a netfilter batch; its parts carry their own flags. @throws {SysError} when any part fails: none is applied. */
  transact(parts: readonly Buffer[], what: string, acceptedErrnos: readonly number[] = []): boolean {
    const begin = message(16, 0, NFNL_BATCH_BODY);
    const end = message(17, 0, NFNL_BATCH_BODY);
    const sequence = this.#sequence;
    const all = [begin, ...parts, end].map((part, index) => {
      const bytes = Buffer.from(part);
      // One acknowledgement is enough: the kernel sends it when the whole batch is committed, or the first error.
      if (index === parts.length) bytes.writeUInt16LE(bytes.readUInt16LE(6) | NLM_F.ACK, 6);
      bytes.writeUInt32LE(sequence + index, 8);
      return bytes;
    });
    this.#sequence += all.length;
    this.#write(Buffer.concat(all), what);
    let worst = 0;
    for (let isAcknowledged = false; !isAcknowledged; ) {
      for (const { type, sequence: answered, body } of this.#receive(what)) {
        if (type !== NLMSG.ERROR || answered < sequence) continue;
        const code = -body.readInt32LE(0);
        if (code !== 0 && worst === 0) worst = code;
        if (answered === sequence + parts.length || code !== 0) isAcknowledged = true;
      }
    }
    this.#drain();
    if (worst === 0) return true;
    if (acceptedErrnos.includes(worst)) return false;
    throw new SysError(worst, what);
  }

  close(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }

  #send(requests: readonly NetlinkRequest[]): number {
    const first = this.#sequence;
    this.#sequence += requests.length;
    const all = requests.map((request, index) => withAcknowledgement(request.message, first + index));
    this.#write(Buffer.concat(all), requests[0]?.what ?? "netlink request");
    return first;
  }

  #write(bytes: Buffer, what: string): void {
    if (Number(libc.send(this.#fd, ptr(bytes), bytes.length, 0)) < 0) throw new SysError(errno(), what);
  }

  #receive(what: string): NetlinkMessage[] {
    for (;;) {
      const length = Number(libc.recv(this.#fd, ptr(receiveBuffer), receiveBuffer.length, 0));
      if (length >= 0) return parseMessages(receiveBuffer.subarray(0, length));
      const code = errno();
      if (code !== EINTR) throw new SysError(code, what);
    }
  }

  /** Throws away what else the kernel said about a failed batch. */
  #drain(): void {
    const MSG_DONTWAIT = 0x40;
    while (Number(libc.recv(this.#fd, ptr(receiveBuffer), receiveBuffer.length, MSG_DONTWAIT)) > 0);
  }
}

// nfgenmsg of NFNL_MSG_BATCH_BEGIN and _END: family 0, version 0, resource = the subsystem (10: nftables), big-endian.
const NFNL_BATCH_BODY = Uint8Array.of(0, 0, 0, 10);

function errno(): number {
  return read.i32(libc.__errno_location()!, 0);
}

function withAcknowledgement(request: Buffer, sequence: number): Buffer {
  const bytes = Buffer.alloc((request.length + 3) & ~3);
  bytes.set(request);
  bytes.writeUInt16LE(bytes.readUInt16LE(6) | NLM_F.ACK, 6);
  bytes.writeUInt32LE(sequence, 8);
  return bytes;
}

/** Takes an acknowledgement off the list; the error when it was one that counts. */
function settle(answer: NetlinkMessage, waiting: Map<number, NetlinkRequest>): SysError | undefined {
  const request = waiting.get(answer.sequence);
  if (request === undefined || answer.type !== NLMSG.ERROR || answer.body.length < 4) return undefined;
  waiting.delete(answer.sequence);
  const code = -answer.body.readInt32LE(0);
  return code === 0 || request.acceptedErrnos?.includes(code) ? undefined : new SysError(code, request.what);
}
