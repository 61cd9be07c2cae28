/** The two doors of the ingress, HTTP and HTTPS: each request goes where the routing table says. */

import http, { type IncomingMessage, type ServerResponse } from "node:http";
import net, { type Socket } from "node:net";
import type { Duplex } from "node:stream";
import tls, { type SecureContext, type TLSSocket } from "node:tls";
import { errorText, NaruError } from "../../lib/errors.ts";
import type { BackendPlace } from "./backend-picker.ts";
import { answerPlainly, forwardRequest } from "./forward-request.ts";
import { forwardUpgrade, refuseUpgrade } from "./forward-upgrade.ts";
import { hostName, type RouteTarget } from "./routing-table.ts";

type Scheme = "http" | "https";

export interface IngressServerOptions {
  route(host: string, path: string): RouteTarget | undefined;
  places(target: RouteTarget): BackendPlace[];
  contextFor(host: string): SecureContext | undefined;
  /** PEM; shown to clients whose host has no certificate of its own. */
  fallback: { key: string; certificate: string };
  log(message: string): void;
}

type Found = { places: BackendPlace[] } | { status: 400 | 404 | 503; message: string };

/** One door: listens from `listen` to `close`. */
export class IngressServer {
  readonly #http: http.Server;
  readonly #listener: net.Server;
  readonly #connections = new Set<Socket>();

  constructor(
    readonly scheme: Scheme,
    private readonly options: IngressServerOptions,
  ) {
    this.#http = http.createServer((request, response) => void this.#serve(request, response));
    this.#http.on("upgrade", (request: IncomingMessage, client: Duplex, head: Buffer) => {
      if (head.length > 0) client.unshift(head);
      void this.#upgrade(request, client);
    });
    // How long requests take is the backends' business; idle connections are the clients' to close.
    this.#http.requestTimeout = 0;
    this.#http.timeout = 0;
    this.#http.keepAliveTimeout = 0;
    this.#listener = scheme === "http" ? net.createServer((socket) => this.#adopt(socket)) : this.#tlsListener();
  }

  /** Resolves to the port. @throws {NaruError} unavailable when the address cannot be had */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: unknown) =>
        reject(new NaruError("unavailable", `cannot listen on ${host}:${port}: ${errorText(error)}`));
      this.#listener.once("error", refuse);
      this.#listener.listen(port, host, () => {
        this.#listener.off("error", refuse);
        resolve();
      });
    });
    this.#listener.on("error", (error) => this.options.log(`the ${this.scheme} door: ${errorText(error)}`));
    return (this.#listener.address() as net.AddressInfo).port;
  }

  /** Takes no more connections and cuts those that are open. */
  close(): void {
    this.#listener.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #tlsListener(): net.Server {
    const { key, certificate: cert } = this.options.fallback;
    const settings = { key, cert, minVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"] } as const;
    const fallback = tls.createSecureContext({ key, cert });
    const server = tls.createServer(
      {
        ...settings,
        ALPNProtocols: [...settings.ALPNProtocols],
        SNICallback: (name, tell) => tell(null, this.options.contextFor(name) ?? fallback),
      },
      (socket: TLSSocket) => this.#adopt(socket),
    );
    server.on("tlsClientError", (error) => this.options.log(`TLS handshake failed: ${errorText(error)}`));
    return server;
  }

  #adopt(socket: Socket): void {
    this.#connections.add(socket);
    socket.once("close", () => this.#connections.delete(socket));
    socket.on("error", () => {});
    this.#http.emit("connection", socket);
  }

  #find(request: IncomingMessage): Found {
    const host = request.headers.host ?? "";
    if (!URL.canParse(request.url ?? "/", "http://any")) return { status: 400, message: "the address is none" };
    // As the backend will be asked: without "..", so that no rule is passed by.
    const { pathname } = new URL(request.url ?? "/", "http://any");
    const target = this.options.route(hostName(host), pathname);
    if (target === undefined) return { status: 404, message: `no ingress has a rule for ${host}${pathname}` };
    const places = this.options.places(target);
    if (places.length > 0) return { places };
    const message = `service ${target.namespace}/${target.service} has no ready endpoint on port ${target.port}`;
    return { status: 503, message };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const found = this.#find(request);
      if ("status" in found) answerPlainly(response, found.status, found.message);
      else await forwardRequest(request, response, { scheme: this.scheme, places: found.places });
    } catch (error) {
      this.options.log(`a request failed: ${errorText(error)}`);
      response.destroy();
    }
  }

  async #upgrade(request: IncomingMessage, client: Duplex): Promise<void> {
    try {
      client.on("error", () => {});
      const found = this.#find(request);
      if ("status" in found) refuseUpgrade(client, found.status, found.message);
      else await forwardUpgrade(request, client, { scheme: this.scheme, places: found.places });
    } catch (error) {
      this.options.log(`an upgrade failed: ${errorText(error)}`);
      client.destroy();
    }
  }
}
