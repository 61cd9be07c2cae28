/** Paths beside the resources: discovery, health, version, OpenAPI, metrics, the token issuer's keys. */
import { StatusError } from "../status.ts";
import type { ApiExchange } from "./api-exchange.ts";
import type { Discovery } from "./discovery.ts";
import { encodeAs, wishOf } from "./media-type.ts";
import { ISSUER, type ServiceAccountTokens } from "./service-account-tokens.ts";

export interface OpenApiDocuments {
  /** The whole API in OpenAPI 2. */
  v2(): Promise<string>;
  /** The same in protobuf, which Go clients ask for. */
  v2Protobuf(): Promise<Buffer>;
  /** One group version ("apis/apps/v1", "api/v1") in OpenAPI 3; undefined when it is not served. */
  v3(path: string): Promise<string | undefined>;
  /** Changes when the documents do. */
  readonly stamp: string;
}

const OPEN_API_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

export interface PlainPaths {
  discovery: Discovery;
  /** Undefined: none are served. */
  openApi: OpenApiDocuments | undefined;
  tokens: ServiceAccountTokens;
  version: Record<string, string>;
  /** Names of checks with what is wrong, undefined when nothing is. */
  health(): Promise<Map<string, string | undefined>>;
  /** In the text format of Prometheus. */
  metrics(): Promise<string>;
}

/** @throws StatusError NotFound, MethodNotAllowed */
export async function servePlainPath(paths: PlainPaths, exchange: ApiExchange): Promise<void> {
  if (exchange.method !== "GET" && exchange.method !== "HEAD") {
    throw new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource", {});
  }
  const path = exchange.path.replace(/\/+$/, "") || "/";
  const parts = path.split("/").slice(1);
  switch (parts[0]) {
    case "":
      return await json(exchange, { paths: knownPaths(paths) });
    case "api":
    case "apis":
      return await serveDiscovery(paths, exchange, parts);
    case "version":
      return await json(exchange, paths.version);
    case "healthz":
    case "livez":
    case "readyz":
      return await serveHealth(paths, exchange, parts);
    case "openapi":
      return await serveOpenApi(paths.openApi, exchange, parts);
    case "metrics":
      return await exchange.send(200, "text/plain; version=0.0.4; charset=utf-8", await paths.metrics());
    case ".well-known":
    case "openid":
      return await serveIssuer(paths, exchange, path);
    default:
      throw unknown();
  }
}

function unknown(): StatusError {
  return new StatusError("NotFound", "the server could not find the requested resource", {});
}

async function json(exchange: ApiExchange, value: unknown): Promise<void> {
  if (value === undefined) throw unknown();
  const { format } = wishOf(exchange.header("accept"));
  await exchange.send(200, `application/${format}`, encodeAs(format, JSON.stringify(value)));
}

async function serveDiscovery({ discovery }: PlainPaths, exchange: ApiExchange, parts: string[]): Promise<void> {
  const [root, first, second, ...rest] = parts;
  if (rest.length > 0) throw unknown();
  const isCore = root === "api";
  if (first === undefined) {
    const { discovery: version } = wishOf(exchange.header("accept"));
    if (version !== undefined) return await serveAggregated(discovery, exchange, isCore, version);
    return await json(exchange, isCore ? discovery.coreVersions(exchange.header("host") ?? "") : discovery.groupList());
  }
  if (isCore) return await json(exchange, second === undefined ? discovery.resources("", first) : undefined);
  await json(exchange, second === undefined ? discovery.group(first) : discovery.resources(first, second));
}

async function serveAggregated(discovery: Discovery, exchange: ApiExchange, isCore: boolean, version: string) {
  const { body, etag } = discovery.aggregated(isCore, version);
  const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
  const headers = { ETag: etag, Vary: "Accept", "Cache-Control": "public" };
  const isKnown = exchange.header("if-none-match") === etag;
  await exchange.send(isKnown ? 304 : 200, type, isKnown ? "" : body, headers);
}

/** As Kubernetes: "ok", or with ?verbose (and when something is wrong) each check on a line. */
async function serveHealth(paths: PlainPaths, exchange: ApiExchange, [root, name]: string[]): Promise<void> {
  const excluded = new Set(exchange.query.getAll("exclude"));
  const all = [...(await paths.health())].filter(([check]) => !excluded.has(check));
  const checks = name === undefined ? all : all.filter(([check]) => check === name);
  if (name !== undefined && checks.length === 0) throw unknown();
  const failed = checks.some(([, fault]) => fault !== undefined);
  if (!failed && !exchange.query.has("verbose")) return await exchange.send(200, "text/plain; charset=utf-8", "ok");
  const lines = checks.map(([check, fault]) =>
    fault === undefined ? `[+]${check} ok` : `[-]${check} failed: ${fault}`,
  );
  lines.push(`${root} check ${failed ? "failed" : "passed"}`);
  await exchange.send(failed ? 500 : 200, "text/plain; charset=utf-8", `${lines.join("\n")}\n`);
}

async function serveOpenApi(
  documents: OpenApiDocuments | undefined,
  exchange: ApiExchange,
  parts: string[],
): Promise<void> {
  if (documents === undefined) throw unknown();
  const [, version, ...rest] = parts;
  const type = "application/json";
  const headers = { ETag: `"${documents.stamp}"`, Vary: "Accept" };
  if (version === "v2" && rest.length === 0) {
    if (!/proto-openapi\.spec\.v2/.test(exchange.header("accept") ?? "")) {
      return await exchange.send(200, type, await documents.v2(), headers);
    }
    return await exchange.send(200, OPEN_API_PROTOBUF, await documents.v2Protobuf(), headers);
  }
  if (version !== "v3") throw unknown();
  const text = await documents.v3(rest.join("/"));
  if (text === undefined) throw unknown();
  await exchange.send(200, type, text, headers);
}

/** What others need to verify service account tokens (OpenID Connect Discovery 1.0). */
async function serveIssuer({ tokens }: PlainPaths, exchange: ApiExchange, path: string): Promise<void> {
  if (path === "/openid/v1/jwks") {
    return await exchange.send(200, "application/jwk-set+json", JSON.stringify({ keys: [tokens.webKey()] }));
  }
  if (path !== "/.well-known/openid-configuration") throw unknown();
  await json(exchange, {
    issuer: ISSUER,
    jwks_uri: `${ISSUER}/openid/v1/jwks`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256"],
  });
}

function knownPaths({ discovery }: PlainPaths): string[] {
  const versions = discovery
    .groupVersions()
    .flatMap(({ group, version }) =>
      group === "" ? [`/api/${version}`] : [`/apis/${group}`, `/apis/${group}/${version}`],
    );
  const own = ["/.well-known/openid-configuration", "/api", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2"];
  return [...new Set([...own, ...versions, "/openapi/v3", "/openid/v1/jwks", "/readyz", "/version"])].sort();
}
