/** The name server of one container: sockets on 127.0.0.11 in its namespace, answered by this daemon. */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { DnsStreamReader, type DnsTransport, forwardQuery, withLength } from "./forwarder.ts";
import { DNS_CODE, type DnsAnswer, type DnsQuery, encodeAnswer, parseQuery } from "./message.ts";

const TCP_IDLE_MS = 10_000;

interface NameSource {
  /** Our own names; undefined for those of others. */
  resolve(name: string, type: number): DnsAnswer[] | undefined;
  /** Whom to ask for the others; none for a container that has no way to the outside. */
  upstream(): readonly string[];
}

export class NameServer {
  readonly #udp: DatagramSocket = createSocket("udp4");
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();

  /** Takes over both descriptors: bound, the one of TCP listening; close() closes them. */
  constructor(
    sockets: { udp: number; tcp: number },
    readonly source: NameSource,
  ) {
    this.#udp.on("error", () => {});
    this.#udp.on("message", (bytes, from) => {
      void this.#answer(bytes, "udp").then((answer) => {
        if (answer !== undefined && !this.#isClosed) this.#udp.send(answer, from.port, from.address);
      });
    });
    this.#udp.bind({ fd: sockets.udp });
    this.#tcp = createServer((connection) => this.#serve(connection));
    this.#tcp.on("error", () => {});
    this.#tcp.listen({ fd: sockets.tcp });
  }

  #isClosed = false;

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#udp.close();
    this.#tcp.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #serve(connection: Socket): void {
    const reader = new DnsStreamReader();
    this.#connections.add(connection);
    connection.setTimeout(TCP_IDLE_MS, () => connection.destroy());
    connection.on("error", () => {});
    connection.on("close", () => this.#connections.delete(connection));
    connection.on("data", (chunk: Buffer) => {
      for (const query of reader.push(chunk)) {
        void this.#answer(query, "tcp").then((answer) => {
          if (answer !== undefined && !connection.destroyed) connection.write(withLength(answer));
        });
      }
    });
  }

  /** Undefined for what deserves no answer. */
  async #answer(bytes: Uint8Array, transport: DnsTransport): Promise<Uint8Array | undefined> {
    const query = parseQuery(bytes);
    if (query === undefined) return undefined;
    const mostBytes = transport === "udp" ? query.udpBytes : undefined;
    if (!query.isStandardQuery) return encodeAnswer(query, [], { code: DNS_CODE.notImplemented });
    const own = query.isInternet ? this.source.resolve(query.name, query.type) : undefined;
    if (own !== undefined) return encodeAnswer(query, own, { mostBytes });
    return this.#askOthers(bytes, query, transport);
  }

  async #askOthers(bytes: Uint8Array, query: DnsQuery, transport: DnsTransport): Promise<Uint8Array> {
    try {
      return await forwardQuery(bytes, this.source.upstream(), transport);
    } catch {
      return encodeAnswer(query, [], { code: DNS_CODE.serverFailure });
    }
  }
}
