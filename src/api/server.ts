/** The Docker Engine API on node:http: one function that any number of listeners share. */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { BuildKitServer } from "../build/buildkit/buildkit-server.ts";
import type { ClassicBuilder } from "../build/classic/classic-builder.ts";
import type { CommandBuilds } from "../build/command/command-builds.ts";
import type { Builder } from "../build/contract.ts";
import type { ProjectAutomation } from "../compose/automation/contract.ts";
import type { RegistryClient } from "../distribution/contract.ts";
import type { Engine } from "../engine/contract.ts";
import type { ClusterControl } from "../kube/cluster-control.ts";
import { errorText, NaruError } from "../lib/errors.ts";
import { API_VERSION, NARU_VERSION } from "../lib/version.ts";
import { archiveHandlers } from "./archive.ts";
import { buildHandlers } from "./build.ts";
import { buildKitHandlers } from "./buildkit.ts";
import { clusterHandlers } from "./cluster.ts";
import { composeAutomationHandlers } from "./compose-automation.ts";
import { containerStreamHandlers } from "./container-streams.ts";
import { containerHandlers } from "./containers.ts";
import { errorBody, statusOf } from "./errors.ts";
import { Exchange, type Headers } from "./exchange.ts";
import { execHandlers } from "./exec.ts";
import { type ImageSboms, imageSbomHandlers } from "./image-sbom.ts";
import { type ImageMaker, imageSourceHandlers } from "./image-sources.ts";
import { imageHandlers } from "./images.ts";
import { naruBuildHandlers } from "./naru-build.ts";
import { networkHandlers } from "./networks.ts";
import { Query } from "./query.ts";
import { registryHandlers } from "./registries.ts";
import { type Handlers, Router } from "./router.ts";
import { type DaemonTraits, systemHandlers } from "./system.ts";
import { requireVersion, splitVersion, TooOldVersionError } from "./version.ts";
import { volumeHandlers } from "./volumes.ts";
import { pluginHandlers } from "./without-plugins.ts";

interface ApiParts {
  engine: Engine;
  builder: Builder;
  classicBuilder: ClassicBuilder;
  buildKit: BuildKitServer;
  commandBuilds: CommandBuilds;
  imageMaker: ImageMaker;
  registries: RegistryClient;
  sboms: ImageSboms;
  automation: ProjectAutomation;
  cluster: ClusterControl;
  traits: DaemonTraits;
  /** Told of every request that ended, and of faults of ours. */
  log: ApiLog;
}
interface ApiLog {
  request(method: string, url: string, durationMs: number): void;
  fault(method: string, url: string, error: unknown): void;
}

const COMMON_HEADERS: Headers = {
  "Api-Version": API_VERSION,
  Ostype: "linux",
  Server: `Naru/${NARU_VERSION} (linux)`,
};

/** Every operation that naru serves. */
export function apiHandlers(parts: Omit<ApiParts, "log">): Handlers {
  const {
    engine,
    builder,
    classicBuilder,
    buildKit,
    commandBuilds,
    imageMaker,
    registries,
    sboms,
    automation,
    cluster,
    traits,
  } = parts;
  return {
    ...systemHandlers(engine.system, builder, traits),
    ...containerHandlers(engine.containers),
    ...containerStreamHandlers(engine.containers),
    ...archiveHandlers(engine.containers),
    ...execHandlers(engine.execs, engine.containers),
    ...imageHandlers(engine.images),
    ...imageSourceHandlers(engine.images, imageMaker),
    ...buildHandlers(builder, classicBuilder),
    ...buildKitHandlers(buildKit),
    ...naruBuildHandlers(commandBuilds),
    ...imageSbomHandlers(sboms),
    ...composeAutomationHandlers(automation),
    ...clusterHandlers(cluster),
    ...registryHandlers(registries),
    ...networkHandlers(engine.networks),
    ...volumeHandlers(engine.volumes),
    ...pluginHandlers(),
  };
}

/** A server that is not listening: connections are handed to it. */
export class ApiServer {
  readonly #router: Router;
  readonly #log: ApiLog;
  readonly #http: http.Server;
  readonly #underWay = new Set<Exchange>();

  constructor(parts: ApiParts) {
    this.#router = new Router(apiHandlers(parts));
    this.#log = parts.log;
    const headers = { ...COMMON_HEADERS, "Docker-Experimental": String(parts.traits.isExperimental) };
    this.#http = http.createServer((request: IncomingMessage, response: ServerResponse) => {
      void this.#serve(Exchange.plain(request, response, headers));
    });
    this.#http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // Input that came in one piece with the request.
      if (head.length > 0) socket.unshift(head);
      void this.#serve(Exchange.upgrade(request, socket, headers));
    });
    this.#http.on("clientError", (_error: Error, socket: Duplex) => refuseMalformed(socket));
    // Uploads, attached terminals and waits take as long as they take; idle connections are the client's to close.
    this.#http.requestTimeout = 0;
    this.#http.timeout = 0;
    this.#http.keepAliveTimeout = 0;
  }

  /** Serves the requests that come over `connection`, plain or TLS. */
  adopt(connection: Socket): void {
    // Attach clients end their input and go on reading.
    connection.allowHalfOpen = true;
    this.#http.emit("connection", connection);
  }

  /** "METHOD /path" of each, the oldest first. */
  requestsUnderWay(): string[] {
    return [...this.#underWay].map(({ request: { method, url } }) => `${method} ${url}`);
  }

  /** Resolves when every request has at least the beginning of its answer, or after `timeoutMs`. */
  async settle(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline && [...this.#underWay].some((exchange) => !exchange.started)) {
      await Bun.sleep(10);
    }
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { method = "GET", url = "/" } = exchange.request;
    const startedAt = performance.now();
    this.#underWay.add(exchange);
    try {
      await dispatch(this.#router, exchange, method, url);
    } catch (error) {
      if (exchange.signal.aborted) return;
      if (!(error instanceof NaruError) && !(error instanceof TooOldVersionError)) this.#log.fault(method, url, error);
      answerError(exchange, error);
    } finally {
      this.#underWay.delete(exchange);
      this.#log.request(method, url, performance.now() - startedAt);
    }
  }
}

function refuseMalformed(socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request",
  );
}

async function dispatch(router: Router, exchange: Exchange, method: string, target: string): Promise<void> {
  // Through a proxy the target is a whole URL (RFC 9112, 3.2.2).
  const url = target.replace(/^https?:\/\/[^/?]*/i, "");
  const question = url.indexOf("?");
  const fullPath = question === -1 ? url : url.slice(0, question);
  if (fullPath.includes("//")) {
    const query = question === -1 ? "" : url.slice(question);
    return exchange.empty(301, { Location: fullPath.replace(/\/{2,}/g, "/") + query });
  }
  if (method === "OPTIONS") return exchange.empty(200);
  const { asked, path } = splitVersion(fullPath);
  const { route, params } = router.match(method, path);
  const version = requireVersion(asked);
  const query = new Query(question === -1 ? "" : url.slice(question + 1));
  await route.handler({ exchange, path: params, query, version, signal: exchange.signal });
}

function answerError(exchange: Exchange, error: unknown): void {
  if (exchange.started) {
    // Half an answer must not look like a whole one.
    exchange.cut();
  } else if (error instanceof TooOldVersionError) {
    exchange.text(400, `${errorText(error)}\n`, { "X-Content-Type-Options": "nosniff" });
  } else if (statusOf(error) === 304) {
    exchange.empty(304);
  } else {
    exchange.json(statusOf(error), errorBody(error));
  }
}
