/** The cluster's API over HTTPS: who asks, may they, what for; every failure leaves as a Status object. */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type net from "node:net";
import type { Duplex } from "node:stream";
import tls, { type TLSSocket } from "node:tls";
import { errorText, isKind, NaruError } from "../../lib/errors.ts";
import type { Aggregation } from "../aggregation/create-aggregation.ts";
import type { Audit } from "../audit/audit.ts";
import type { AuditRecord } from "../audit/audit-record.ts";
import type { FlowControl } from "../flow-control/flow-control.ts";
import type { LocalClusterClient } from "../machinery/cluster-client.ts";
import { StatusError } from "../status.ts";
import { ApiExchange, type Headers } from "./api-exchange.ts";
import type { Authentication } from "./authentication.ts";
import { type Authorization, forbidden } from "./authorization.ts";
import { beginAudit } from "./begin-audit.ts";
import type { ClusterAuthority } from "./cluster-authority.ts";
import { HttpProxy } from "./http-proxy.ts";
import { contentTypeOf, encodeAs, plainWishOf, type Wish } from "./media-type.ts";
import { type PlainPaths, servePlainPath } from "./plain-paths.ts";
import type { PodStreams } from "./pod-streams.ts";
import { type RequestAttributes, requestAttributes } from "./request-attributes.ts";
import { managerOf } from "./request-options.ts";
import { ResourceAccess } from "./resource-access.ts";
import { notAllowed, serveResource } from "./resource-requests.ts";
import type { User } from "./user.ts";
import { serveVirtual } from "./virtual-answers.ts";
import type { VirtualResource } from "./virtual-resources.ts";

export interface ApiServerParts {
  client: LocalClusterClient;
  authority: ClusterAuthority;
  authentication: Authentication;
  authorization: Authorization;
  flowControl: FlowControl;
  aggregation: Aggregation;
  /** Undefined: requests are written down nowhere. */
  audit: Audit | undefined;
  virtual: readonly VirtualResource[];
  streams: PodStreams;
  paths: PlainPaths;
  log: {
    request(verb: string, url: string, durationMs: number, code: number): void;
    fault(method: string, url: string, error: unknown): void;
    debug(message: string, fields: Record<string, unknown>): void;
  };
}

/** Requests that take as long as they take: they are not counted among those that are served at once. */
const LONG_RUNNING: ReadonlySet<string> = new Set(["attach", "exec", "log", "portforward", "proxy"]);
/** Paths that are answered before anybody is asked who they are. */
const HEALTH = /^\/(healthz|livez|readyz)(\/|$)/;

export class ApiServer {
  readonly #http: http.Server;
  readonly #tls: tls.Server;
  readonly #connections = new Set<TLSSocket>();
  readonly #proxy: HttpProxy;

  constructor(private readonly parts: ApiServerParts) {
    this.#proxy = new HttpProxy(parts.client);
    this.#http = http.createServer((request: IncomingMessage, response: ServerResponse) => {
      void this.#serve(new ApiExchange(request, { response }));
    });
    this.#http.on("upgrade", (request: IncomingMessage, upgraded: Duplex, head: Buffer) => {
      if (head.length > 0) upgraded.unshift(head);
      void this.#serve(new ApiExchange(request, { upgraded }));
    });
    // Watches, logs and terminals take as long as they take; idle connections are the client's to close.
    this.#http.requestTimeout = 0;
    this.#http.timeout = 0;
    this.#http.keepAliveTimeout = 0;
    const { server, ca } = parts.authority;
    this.#tls = tls.createServer(
      {
        key: server.key,
        cert: server.certificate,
        ca,
        requestCert: true,
        // Clients with tokens have no certificate.
        rejectUnauthorized: false,
        minVersion: "TLSv1.2",
        ALPNProtocols: ["http/1.1"],
      },
      (socket) => this.#adopt(socket),
    );
    this.#tls.on("tlsClientError", (error) => parts.log.debug("TLS handshake failed", { reason: errorText(error) }));
  }

  /** Resolves to the port. @throws {NaruError} unavailable when the address cannot be had */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#tls.once("error", (error) =>
        reject(new NaruError("unavailable", `the cluster's API cannot listen on ${host}:${port}: ${errorText(error)}`)),
      );
      this.#tls.listen(port, host, resolve);
    });
    return (this.#tls.address() as net.AddressInfo).port;
  }

  /** Takes no more connections and cuts those that are open: watches have no end of their own. */
  close(): void {
    this.#tls.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #adopt(socket: TLSSocket): void {
    this.#connections.add(socket);
    socket.once("close", () => this.#connections.delete(socket));
    socket.on("error", () => {});
    this.#http.emit("connection", socket);
  }

  async #serve(exchange: ApiExchange): Promise<void> {
    const { method, request } = exchange;
    const startedAt = performance.now();
    const told: { record?: AuditRecord } = {};
    try {
      await this.#answer(exchange, told);
    } catch (error) {
      const isGone = exchange.signal.aborted || (exchange.started && isKind(error, "unavailable"));
      if (!(error instanceof StatusError) && !isGone) {
        this.parts.log.fault(method, request.url ?? "", error);
      }
      await answerError(exchange, error).catch(() => exchange.cut());
    } finally {
      told.record?.ended();
      this.parts.log.request(method, request.url ?? "", performance.now() - startedAt, exchange.statusCode);
    }
  }

  /** @param told takes the record of the request, where it is written down */
  async #answer(exchange: ApiExchange, told: { record?: AuditRecord }): Promise<void> {
    const attributes = requestAttributes(exchange.method, exchange.path, exchange.query);
    if (HEALTH.test(exchange.path)) return await servePlainPath(this.parts.paths, exchange);
    const user = this.#knownUser(exchange, attributes, told);
    const serve = () => this.#serveAllowed(exchange, attributes, user, told.record);
    if (LONG_RUNNING.has(attributes.subresource)) return await serve();
    const tell = (headers: Readonly<Headers>) => exchange.addHeaders(headers);
    const entered = this.parts.flowControl.enter(user, attributes, exchange.signal, tell);
    const seat = entered instanceof Promise ? await entered : entered;
    // A watch that has begun waits for others: it needs no seat.
    if (attributes.verb === "watch") exchange.onStart(seat.release);
    try {
      await serve();
    } finally {
      seat.release();
    }
  }

  /** @throws StatusError Unauthorized, Forbidden (an impersonation) */
  #knownUser(exchange: ApiExchange, attributes: RequestAttributes, told: { record?: AuditRecord }): User {
    const { audit, authentication } = this.parts;
    if (audit === undefined) return authentication.userOf(exchange.request);
    const isLong = isLasting(attributes);
    const begin = (user: User | undefined) => {
      told.record = beginAudit({ audit, authentication, exchange, attributes, user, isLong });
    };
    try {
      const user = authentication.userOf(exchange.request);
      begin(user);
      return user;
    } catch (error) {
      begin(undefined);
      throw error;
    }
  }

  async #serveAllowed(
    exchange: ApiExchange,
    attributes: RequestAttributes,
    user: User,
    record: AuditRecord | undefined,
  ): Promise<void> {
    const { isAllowed, reason } = this.parts.authorization.decide(user, attributes);
    record?.annotate({
      "authorization.k8s.io/decision": isAllowed ? "allow" : "forbid",
      "authorization.k8s.io/reason": reason,
    });
    if (!isAllowed) throw forbidden(user, attributes);
    const remote = this.parts.aggregation.remotes.find(exchange.path);
    if (remote !== undefined)
      return await this.parts.aggregation.proxy.serve(exchange, user, remote, isLasting(attributes));
    if (attributes.isResource) return await this.#serveResource(exchange, attributes, user);
    await servePlainPath(this.parts.paths, exchange);
  }

  async #serveResource(exchange: ApiExchange, attributes: RequestAttributes, user: User): Promise<void> {
    const { group, version, resource, subresource } = attributes;
    const { core } = this.parts.client;
    const kind = core.registry.find(group, version, resource);
    if (kind === undefined) return await this.#serveVirtual(exchange, attributes, user);
    if (attributes.namespace !== "" && !kind.type.namespaced && resource !== "namespaces") throw unknownPath();
    const caller = { user, manager: managerOf(exchange.header("user-agent")) };
    if (subresource !== "") {
      const isServed = await this.parts.streams.serve(exchange, attributes, caller);
      if (isServed || (await this.#proxy.serve(exchange, attributes))) return;
    }
    const access = new ResourceAccess(core, kind, caller);
    if (kind.conversion?.deprecation !== undefined) exchange.warn(kind.conversion.deprecation);
    const place = kind.type.namespaced ? attributes : { ...attributes, namespace: "" };
    await serveResource({ exchange, attributes: place, kind, core, access });
  }

  async #serveVirtual(exchange: ApiExchange, attributes: RequestAttributes, user: User): Promise<void> {
    const { group, version, resource, verb } = attributes;
    const found = this.parts.virtual.find(
      (one) => one.resource === resource && one.group === group && one.version === version,
    );
    if (found === undefined) throw unknownPath();
    const handler = found.verbs[verb];
    if (handler === undefined) throw notAllowed();
    const manager = managerOf(exchange.header("user-agent"));
    await serveVirtual(found, handler, { exchange, attributes, user, manager });
  }
}

/** True for requests that take as long as they take. */
function isLasting({ verb, subresource }: RequestAttributes): boolean {
  return verb === "watch" || LONG_RUNNING.has(subresource);
}

function unknownPath(): StatusError {
  return new StatusError("NotFound", "the server could not find the requested resource", {});
}

async function answerError(exchange: ApiExchange, error: unknown): Promise<void> {
  if (exchange.signal.aborted) return;
  if (exchange.started) return exchange.cut();
  const known = statusErrorOf(error);
  const wish = errorWish(exchange.header("accept"));
  const { retryAfterSeconds } = known.details ?? {};
  const headers: Headers = retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) };
  const body = encodeAs(wish.format, JSON.stringify(known.toStatus()));
  await exchange.send(known.code, contentTypeOf(wish), body, headers);
}

/** A client that asked for a form we do not speak is told so in JSON. */
function errorWish(accept: string | undefined): Wish {
  try {
    return plainWishOf(accept);
  } catch {
    return plainWishOf(undefined);
  }
}

function statusErrorOf(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof NaruError && error.kind === "invalid") return new StatusError("BadRequest", error.message);
  if (error instanceof NaruError && error.kind === "unavailable") {
    return new StatusError("ServiceUnavailable", error.message);
  }
  if (error instanceof SyntaxError) return new StatusError("BadRequest", error.message);
  return new StatusError("InternalError", `Internal error occurred: ${errorText(error)}`);
}
