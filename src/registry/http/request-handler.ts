/** A request's way: where does it go, who may, what is answered, what is told about it. */
import { CHUNKS_HEADER } from "../../lib/chunk-list.ts";
import { errorText } from "../../lib/errors.ts";
import type { ChunkLists } from "../chunks/chunk-lists.ts";
import type { CollectionSchedule } from "../collect/collection-schedule.ts";
import type { AnsweredRequest, Grant, RegistryCatalog, RegistrySurroundings, RequestOrigin } from "../contract.ts";
import { RegistryError } from "../registry-error.ts";
import type { RegistryLog } from "../registry-log.ts";
import { answerBlob } from "./blob-routes.ts";
import { answerChunkList, answerKnownChunks } from "./chunk-routes.ts";
import { errorReply } from "./error-reply.ts";
import { jsonReply, type RegistryExchange, unsupported } from "./exchange.ts";
import { answerCatalog, answerReferrers, answerTags } from "./listing-routes.ts";
import { answerManifest } from "./manifest-routes.ts";
import { answerCollection, answerRepositories, answerRepository } from "./own-routes.ts";
import { parseRoute, type RegistryRoute } from "./route.ts";
import { answerUpload, answerUploads } from "./upload-routes.ts";

interface HandlerParts {
  catalog: RegistryCatalog;
  chunks: ChunkLists;
  surroundings: RegistrySurroundings;
  collections: CollectionSchedule;
  log: RegistryLog;
}

/** Where the connection came from; the request alone does not say. */
interface Peer {
  address: string;
  scheme: "http" | "https";
}

export type RegistryHandler = (request: Request, peer: Peer) => Promise<Response>;

const EVERYTHING: Grant = { user: "", may: () => true };

/** The one function behind every listener of the registry. It never throws. */
export function createHandler(parts: HandlerParts): RegistryHandler {
  return async (request, peer) => {
    const startedAt = performance.now();
    const seen = { route: "other", bytesIn: 0 };
    let response: Response;
    try {
      response = await answer(parts, request, peer, seen);
    } catch (error) {
      response = failed(parts.log, request, error);
    }
    // Docker's clients look for it on /v2/ and on every 401.
    response.headers.set("Docker-Distribution-Api-Version", "registry/2.0");
    response.headers.set("X-Content-Type-Options", "nosniff");
    // naru's own clients then send and fetch changed chunks only.
    response.headers.set(CHUNKS_HEADER, "1");
    observe(parts, {
      method: request.method,
      route: seen.route,
      status: response.status,
      durationMs: performance.now() - startedAt,
      bytesIn: seen.bytesIn,
      bytesOut: request.method === "HEAD" ? 0 : Number(response.headers.get("content-length") ?? 0),
    });
    return response;
  };
}

async function answer(
  parts: HandlerParts,
  request: Request,
  peer: Peer,
  seen: { route: string; bytesIn: number },
): Promise<Response> {
  const { catalog, surroundings } = parts;
  const url = new URL(request.url);
  const origin: RequestOrigin = {
    authorization: request.headers.get("authorization") ?? undefined,
    scheme: peer.scheme,
    host: request.headers.get("host") ?? url.host,
    remoteAddress: surroundings.clientAddress?.(peer.address, request.headers.get("x-forwarded-for")) ?? peer.address,
  };
  const route = parseRoute(url.pathname);
  if (route === undefined) {
    const other = await surroundings.otherPaths?.(request, origin);
    if (other !== undefined) return other;
    throw new RegistryError("UNSUPPORTED", `there is nothing at ${url.pathname}`, { status: 404 });
  }
  seen.route = route.kind;
  const query = url.searchParams;
  const shownName = "name" in route ? route.name : "";
  const stored = (name: string) => surroundings.storedName?.(name, query.get("ns") ?? undefined) ?? name;
  const repository = shownName === "" ? "" : stored(shownName);
  const grant = await authorize(surroundings, origin, route, repository, request.method, query);
  const exchange: RegistryExchange = {
    request,
    method: request.method,
    query,
    repository,
    shownName,
    catalog,
    grant,
    actor: { user: grant.user, remoteAddress: origin.remoteAddress },
    broken: (error) => parts.log.warn("an answer was cut short", { url: request.url, reason: errorText(error) }),
    body: () => countedBody(request, seen),
  };
  return await dispatch(exchange, route, parts);
}

async function authorize(
  { access }: RegistrySurroundings,
  origin: RequestOrigin,
  route: RegistryRoute,
  repository: string,
  method: string,
  query: URLSearchParams,
): Promise<Grant> {
  if (access === undefined) return EVERYTHING;
  if (route.kind === "base") return await access.authorize(origin, {});
  if (repository === "") return await access.authorize(origin, { action: "catalog" });
  const mountFrom = query.get("mount") === null ? undefined : (query.get("from") ?? undefined);
  return await access.authorize(origin, { repository, action: actionOf(route, method), mountFrom });
}

function actionOf(route: RegistryRoute, method: string): "pull" | "push" | "delete" {
  // Whoever may push may also ask how far an upload is, and give it up.
  if (route.kind === "upload" || route.kind === "uploads") return "push";
  if (method === "DELETE") return "delete";
  return method === "GET" || method === "HEAD" ? "pull" : "push";
}

async function dispatch(exchange: RegistryExchange, route: RegistryRoute, parts: HandlerParts): Promise<Response> {
  switch (route.kind) {
    case "base":
      if (exchange.method !== "GET" && exchange.method !== "HEAD") throw unsupported(exchange.method);
      return jsonReply({});
    case "catalog":
      return await answerCatalog(exchange);
    case "tags":
      return await answerTags(exchange);
    case "referrers":
      return await answerReferrers(exchange, route.digest);
    case "manifest":
      return await answerManifest(exchange, route.reference);
    case "blob":
      return await answerBlob(exchange, route.digest);
    case "uploads":
      return await answerUploads(exchange);
    case "upload":
      return await answerUpload(exchange, route.id);
    case "chunk-list":
      return await answerChunkList(exchange, parts.chunks, route.digest);
    case "known-chunks":
      return await answerKnownChunks(exchange, parts.chunks);
    case "collection":
      return await answerCollection(exchange, parts.collections);
    case "repositories":
      return await answerRepositories(exchange);
    case "repository":
      return await answerRepository(exchange);
  }
}

async function* countedBody(request: Request, seen: { bytesIn: number }): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  for await (const piece of request.body) {
    seen.bytesIn += piece.length;
    yield piece;
  }
}

function failed(log: RegistryLog, request: Request, error: unknown): Response {
  const { response, isFault } = errorReply(error);
  if (request.signal.aborted) log.debug("a client went away", { method: request.method, url: request.url });
  else if (isFault) {
    log.error("a request failed in an unexpected way", {
      method: request.method,
      url: request.url,
      error: error instanceof Error ? error : errorText(error),
    });
  } else if (response.status >= 500) log.warn("a request failed", { url: request.url, reason: errorText(error) });
  return response;
}

function observe({ surroundings, log }: HandlerParts, answered: AnsweredRequest): void {
  log.debug("request", { ...answered, durationMs: Math.round(answered.durationMs * 10) / 10 });
  surroundings.observe?.(answered);
}
