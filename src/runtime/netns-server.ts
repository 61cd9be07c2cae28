/**
 * Client of `naru-monitor netns --serve`: network namespaces made and entered by a process without threads
 * (setns(2) in this one would leak into Bun's threads), and sockets opened inside them handed over as descriptors.
 */

import { unlink } from "node:fs/promises";
import type { Subprocess } from "bun";
import { NaruError } from "../lib/errors.ts";
import { closeDescriptor, openSocketPair, receiveWithDescriptors } from "../linux/descriptor-passing.ts";
import { SysError } from "../linux/sys-error.ts";
import type { SharedNamespaceRequest, SharedNamespaces } from "./contract.ts";
import { decodeNetnsAnswer, encodeNetnsRequest, FrameReader, NETNS, type NetnsAnswer } from "./monitor-protocol.ts";

/** Sockets that can be opened inside a namespace: netlink ones, and a DNS server's on 127.0.0.11 at random ports. */
export type NamespaceSocket = "route" | "netfilter" | "dns-udp" | "dns-tcp";

export interface NamespaceRequest {
  /** Written inside the namespace, before the sockets are opened: { "net.ipv4.ip_forward": "1" }. */
  sysctls?: Readonly<Record<string, string>>;
  open?: readonly NamespaceSocket[];
}

interface NamespaceSockets<Kind extends string = NamespaceSocket> {
  /** By the kinds asked for; the caller closes each. Netlink sockets are blocking, the others are not. */
  descriptors: Partial<Record<Kind, number>>;
  /** 0 when not asked for. */
  dnsUdpPort: number;
  dnsTcpPort: number;
}

const EEXIST = 17;
const ENOENT = 2;

export class NetnsServer implements SharedNamespaces {
  #process: ServerProcess;
  #isStopped = false;

  private constructor(readonly binaryPath: string) {
    this.#process = ServerProcess.start(binaryPath);
  }

  /** Starts the server process; stop() ends it, and so does the end of this process. */
  static start(binaryPath: string): NetnsServer {
    return new NetnsServer(binaryPath);
  }

  /**
   * Makes a namespace with its loopback up, kept by a bind mount at `path` (whose directory exists). Undone on failure.
   * @throws {NaruError} kind "conflict" when a namespace is already there, else "internal".
   */
  async create(path: string, request: NamespaceRequest = {}): Promise<NamespaceSockets> {
    return await this.#living().sockets(["--create", path], request);
  }

  /**
   * Opens sockets inside an existing namespace: a bind mount, or /proc/PID/ns/net.
   * @throws {NaruError} kind "not-found" when there is none.
   */
  async enter(path: string, request: NamespaceRequest): Promise<NamespaceSockets> {
    return await this.#living().sockets(["--enter", path], request);
  }

  /** Takes the bind mount away; the kernel removes the namespace when its last process is gone. Idempotent. */
  async delete(path: string): Promise<void> {
    await this.#living().ask(["--delete", path]);
  }

  async createShared({ ipc, uts, pid }: SharedNamespaceRequest): Promise<{ initPid: number | undefined }> {
    const args: string[] = [];
    if (ipc !== undefined) args.push("--ipc", ipc);
    if (uts !== undefined) args.push("--uts", `${uts.path}=${uts.hostname}`);
    if (pid !== undefined) args.push("--pid", pid);
    if (args.length === 0) return { initPid: undefined };
    try {
      const { message } = await this.#living().ask(args);
      return { initPid: pid === undefined ? undefined : Number(message) };
    } catch (error) {
      const paths = [ipc, uts?.path, pid].filter((path) => path !== undefined);
      await Promise.all(paths.map((path) => this.delete(path).catch(() => unlink(path).catch(() => {}))));
      throw error;
    }
  }

  async connectInside(networkNamespace: string, port: number): Promise<number> {
    const kind = `loopback:${port}`;
    const { descriptors } = await this.#living().sockets(["--enter", networkNamespace], { open: [kind] });
    return descriptors[kind]!;
  }

  /** Ends the server; namespaces stay. Requests under way fail. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#process.stop();
  }

  /** Somebody may have killed it, the kernel for want of memory too: it knows nothing that a new one would lack. */
  #living(): ServerProcess {
    if (this.#isStopped) throw new NaruError("unavailable", "the daemon is shutting down");
    if (this.#process.isOver) this.#process = ServerProcess.start(this.binaryPath);
    return this.#process;
  }
}

/** One life of the server. */
class ServerProcess {
  readonly #child: Subprocess<"pipe", "pipe", "inherit">;
  readonly #passing: number;
  readonly #waiting = new Map<number, (answer: NetnsAnswer | undefined) => void>();
  readonly #received = new Map<number, number[]>();
  readonly #finished: Promise<void>;
  #nextId = 1;
  isOver = false;

  private constructor(child: Subprocess<"pipe", "pipe", "inherit">, passing: number) {
    this.#child = child;
    this.#passing = passing;
    this.#finished = this.#readAnswers();
  }

  static start(binaryPath: string): ServerProcess {
    const [ours, theirs] = openSocketPair("seqpacket");
    try {
      const child = Bun.spawn([binaryPath, "netns", "--serve"], { stdio: ["pipe", "pipe", "inherit", theirs] });
      child.unref();
      return new ServerProcess(child, ours);
    } catch (error) {
      closeDescriptor(ours);
      throw error;
    } finally {
      closeDescriptor(theirs);
    }
  }

  async stop(): Promise<void> {
    if (this.isOver) return;
    this.#child.stdin.end();
    await this.#finished;
  }

  async sockets<Kind extends string>(
    how: string[],
    { sysctls = {}, open = [] }: Pick<NamespaceRequest, "sysctls"> & { open?: readonly Kind[] },
  ): Promise<NamespaceSockets<Kind>> {
    const args = [...how];
    for (const [name, value] of Object.entries(sysctls)) args.push("--sysctl", `${name}=${value}`);
    for (const kind of open) args.push("--open", kind);
    const answer = await this.ask(args);
    const received = open.length > 0 ? this.#take(answer.id) : [];
    if (received.length !== open.length) {
      for (const descriptor of received) closeDescriptor(descriptor);
      throw new NaruError("internal", `the netns server passed ${received.length} of ${open.length} sockets`);
    }
    return {
      descriptors: Object.fromEntries(open.map((kind, index) => [kind, received[index]])) as Record<Kind, number>,
      dnsUdpPort: answer.udpPort,
      dnsTcpPort: answer.tcpPort,
    };
  }

  async ask(args: readonly string[]): Promise<NetnsAnswer> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<NetnsAnswer | undefined>();
    this.#waiting.set(id, resolve);
    this.#child.stdin.write(encodeNetnsRequest(id, args));
    this.#child.stdin.flush();
    const answer = await promise;
    if (!answer) throw new NaruError("unavailable", "the netns server was killed in the middle of this; try again");
    if (answer.errno !== 0) {
      const kind = answer.errno === EEXIST ? "conflict" : answer.errno === ENOENT ? "not-found" : "internal";
      throw new NaruError(kind, answer.message, { cause: new SysError(answer.errno, args.join(" ")) });
    }
    return answer;
  }

  /** Packets come in any order; each is waiting before its answer is told. */
  #take(id: number): number[] {
    for (;;) {
      const mine = this.#received.get(id);
      if (mine) {
        this.#received.delete(id);
        return mine;
      }
      const packet = receiveWithDescriptors(this.#passing, 4);
      if (!packet || packet.bytes.length < 4) return [];
      const owner = new DataView(packet.bytes.buffer, packet.bytes.byteOffset).getUint32(0);
      this.#received.set(owner, packet.descriptors);
    }
  }

  async #readAnswers(): Promise<void> {
    const reader = new FrameReader();
    for await (const chunk of this.#child.stdout) {
      for (const { type, payload } of reader.push(chunk)) {
        if (type !== NETNS.answer) continue;
        const answer = decodeNetnsAnswer(payload);
        this.#waiting.get(answer.id)?.(answer);
        this.#waiting.delete(answer.id);
      }
    }
    this.isOver = true;
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
    for (const descriptors of this.#received.values()) descriptors.forEach(closeDescriptor);
    closeDescriptor(this.#passing);
  }
}
