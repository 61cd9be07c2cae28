/** A name server: names that it knows by itself, and the answers of others for the rest. */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { DnsStreamReader, type DnsTransport, forwardQuery, withLength } from "./forwarder.ts";
import { DNS_CODE, type DnsAnswer, type DnsQuery, type DnsReply, encodeAnswer, parseQuery } from "./message.ts";

const TCP_IDLE_MS = 10_000;

interface NameSource {
  /** Our own names; undefined for those of others. */
  resolve(name: string, type: number): NameAnswer | Promise<NameAnswer>;
  /** Whom to ask for the others; none for a container that has no way to the outside. */
  upstream(): readonly string[];
}

type NameAnswer = readonly DnsAnswer[] | DnsReply | undefined;

/** Where it listens: an address, or a descriptor that is bound (for TCP listening) and that close() closes. */
type DnsPlace = { fd: number } | { address: string; port: number };

export class NameServer {
  readonly #udp: DatagramSocket = createSocket("udp4");
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();

  constructor(
    places: { udp: DnsPlace; tcp: DnsPlace },
    readonly source: NameSource,
  ) {
    this.#udp.on("error", (error) => this.#failed(error));
    this.#udp.on("message", (bytes, from) => {
      void this.#answer(bytes, "udp").then((answer) => {
        if (answer !== undefined && !this.#isClosed) this.#udp.send(answer, from.port, from.address);
      });
    });
    this.#udp.bind(places.udp, () => this.#isUp());
    this.#tcp = createServer((connection) => this.#serve(connection));
    this.#tcp.on("error", (error) => this.#failed(error));
    const place = "fd" in places.tcp ? places.tcp : { host: places.tcp.address, port: places.tcp.port };
    this.#tcp.listen(place, () => this.#isUp());
    this.#listening.promise.catch(() => {});
  }

  #isClosed = false;
  #missing = 2;
  readonly #listening = Promise.withResolvers<{ udp: number; tcp: number }>();

  /** The ports, once it listens on both. @throws what keeps it from listening */
  listening(): Promise<{ udp: number; tcp: number }> {
    return this.#listening.promise;
  }

  #isUp(): void {
    this.#missing -= 1;
    const tcp = this.#tcp.address();
    if (this.#missing > 0 || tcp === null || typeof tcp === "string") return;
    this.#listening.resolve({ udp: this.#udp.address().port, tcp: tcp.port });
  }

  /** Before it listens this is told; afterwards a packet that could not be sent is the asker's to ask again. */
  #failed(error: Error): void {
    this.#listening.reject(error);
  }

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
    const own = query.isInternet ? await this.source.resolve(query.name, query.type) : undefined;
    if (own === undefined) return this.#askOthers(bytes, query, transport);
    if (isList(own)) return encodeAnswer(query, own, { mostBytes });
    return encodeAnswer(query, own.answers ?? [], { ...own, mostBytes });
  }

  async #askOthers(bytes: Uint8Array, query: DnsQuery, transport: DnsTransport): Promise<Uint8Array> {
    try {
      return await forwardQuery(bytes, this.source.upstream(), transport);
    } catch {
      return encodeAnswer(query, [], { code: DNS_CODE.serverFailure });
    }
  }
}

function isList(answer: readonly DnsAnswer[] | DnsReply): answer is readonly DnsAnswer[] {
  return Array.isArray(answer);
}
