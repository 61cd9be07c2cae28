/** Tag "Image": building, as docker's client without buildx asks for it, and the builder's cache. */
import type { ClassicBuilder } from "../build/classic/classic-builder.ts";
import type { ClassicOptions } from "../build/classic/classic-request.ts";
import type { Builder } from "../build/contract.ts";
import { errorText, NaruError } from "../lib/errors.ts";
import type { Ulimit } from "../model/container.ts";
import { requestBytes } from "./byte-streams.ts";
import { badRequest } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { streamProgress } from "./json-lines.ts";
import type { Query } from "./query.ts";
import { type AuthConfig, credentialsOf } from "./registry-credentials.ts";
import { nullWhenEmpty } from "./replies.ts";
import type { Call, Handlers } from "./router.ts";

export function buildHandlers(builder: Pick<Builder, "pruneCache">, classic: ClassicBuilder): Handlers {
  return {
    ImageBuild: (call) => build(classic, call),
    BuildPrune: (call) => prune(builder, call),
  };
}

async function build(classic: ClassicBuilder, { exchange, query, signal }: Call): Promise<void> {
  const options = classicOptions(query, exchange);
  if (query.text("version") === "2") {
    throw badRequest("builds with version=2 come through the builder's session: use docker's buildx");
  }
  await streamProgress(exchange, classic.build(options, requestBytes(exchange), signal));
}

/** @throws {NaruError} invalid, in Docker's words */
function classicOptions(query: Query, exchange: Exchange): ClassicOptions {
  refuseUnsupported(query);
  return {
    dockerfile: query.text("dockerfile"),
    tags: query.all("t").filter((tag) => tag !== ""),
    extraHosts: query
      .all("extrahosts")
      .flatMap((entry) => entry.split(","))
      .filter(Boolean),
    remote: query.text("remote"),
    isQuiet: query.bool("q"),
    noCache: query.bool("nocache"),
    cacheFrom: jsonOf<string[]>(query, "cachefrom", "cache-from") ?? [],
    pull: query.bool("pull"),
    buildArgs: givenArgs(jsonOf<Record<string, string | null>>(query, "buildargs", "build args") ?? {}),
    labels: jsonOf<Record<string, string>>(query, "labels", "labels") ?? {},
    squash: query.bool("squash"),
    networkMode: query.text("networkmode"),
    platform: query.text("platform"),
    target: query.text("target"),
    shmSizeBytes: query.intOrZero("shmsize"),
    ulimits: jsonOf<Ulimit[]>(query, "ulimits", "ulimit settings") ?? [],
    cgroupParent: query.text("cgroupparent"),
    resources: {
      memory: query.intOrZero("memory"),
      memorySwap: query.intOrZero("memswap"),
      cpuShares: query.intOrZero("cpushares"),
      cpuSetCpus: query.text("cpusetcpus"),
      cpuSetMems: query.text("cpusetmems"),
      cpuPeriod: query.intOrZero("cpuperiod"),
      cpuQuota: query.intOrZero("cpuquota"),
    },
    credentials: registryConfig(exchange),
  };
}

function refuseUnsupported(query: Query): void {
  const isolation = query.text("isolation");
  if (isolation !== "" && isolation !== "default")
    throw badRequest(`unsupported isolation: ${JSON.stringify(isolation)}`);
  if (query.all("securityopt").some((option) => option !== "")) {
    throw badRequest("the classic builder has no security options on Linux: leave --security-opt out");
  }
}

/** As Docker words it: `error reading build args: …`. */
function jsonOf<Value>(query: Query, name: string, what: string): Value | undefined {
  const text = query.text(name);
  if (text === "") return undefined;
  try {
    return JSON.parse(text) ?? undefined;
  } catch (cause) {
    throw new NaruError("invalid", `error reading ${what}: ${errorText(cause)}`, { cause });
  }
}

/** A value of null asks for the client's environment, which the client has looked up already. */
function givenArgs(args: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(Object.entries(args).filter((entry): entry is [string, string] => entry[1] !== null));
}

/** X-Registry-Config: logins by registry, JSON in base64. As in Docker, one that cannot be read counts as none. */
function registryConfig({ request }: Exchange): ClassicOptions["credentials"] {
  const header = request.headers["x-registry-config"];
  if (typeof header !== "string" || header === "") return {};
  try {
    const configs = JSON.parse(Buffer.from(header, "base64url").toString("utf8")) as Record<string, AuthConfig>;
    return Object.fromEntries(Object.entries(configs).map(([host, config]) => [host, credentialsOf(config)]));
  } catch {
    return {};
  }
}

async function prune(builder: Pick<Builder, "pruneCache">, { exchange, query }: Call): Promise<void> {
  const bytes = (name: string) => (query.text(name) === "" ? undefined : query.int(name));
  const { deleted, spaceReclaimed } = await builder.pruneCache({
    all: query.bool("all"),
    filters: query.filters(),
    keepBytes: bytes("reserved-space") ?? bytes("keep-storage"),
    maxUsedBytes: bytes("max-used-space"),
    minFreeBytes: bytes("min-free-space"),
  });
  exchange.json(200, { CachesDeleted: nullWhenEmpty(deleted.map(({ ID }) => ID)), SpaceReclaimed: spaceReclaimed });
}
