/** Tag "System": ping, version, info, events, disk usage. */
import type { Builder } from "../build/contract.ts";
import type { SystemService } from "../engine/contract.ts";
import { API_VERSION, MIN_API_VERSION } from "../lib/version.ts";
import type { DiskUsage, EventMessage } from "../model/system.ts";
import { badRequest } from "./errors.ts";
import type { Headers } from "./exchange.ts";
import { streamJsonLines } from "./json-lines.ts";
import { shapeDiskUsage, shapeEvent, shapeInfo } from "./replies.ts";
import type { Call, Handlers } from "./router.ts";
import { parseUnixTime } from "./timestamps.ts";

/** What these routes need of the engine. */
type SystemBackend = Pick<SystemService, "info" | "version" | "diskUsage" | "events">;

const DISK_USAGE_TYPES = ["container", "image", "volume", "build-cache"] as const;

/** What settings of the daemon make its answers say. */
export interface DaemonTraits {
  isExperimental: boolean;
  /** False: docker's client builds by POST /build unless its user says otherwise. May change while the daemon runs. */
  readonly prefersBuildKit: boolean;
}

const PING_HEADERS: Headers = {
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
  Swarm: "inactive",
};

export function systemHandlers(
  system: SystemBackend,
  builder: Pick<Builder, "listCache">,
  traits: DaemonTraits,
): Handlers {
  // 2 sends docker's client to BuildKit's session, 1 to POST /build.
  const pingHeaders = () => ({ "Builder-Version": traits.prefersBuildKit ? "2" : "1", ...PING_HEADERS });
  return {
    SystemPing: ({ exchange }) => exchange.text(200, "OK", pingHeaders()),
    SystemPingHead: ({ exchange }) => exchange.text(200, "", pingHeaders()),
    SystemInfo: async ({ exchange, version }) => exchange.json(200, shapeInfo(await system.info(), version)),
    SystemVersion: async ({ exchange }) => exchange.json(200, withApiVersions(await system.version())),
    SystemDataUsage: (call) => answerDiskUsage(system, builder, call),
    SystemEvents: (call) => streamEvents(system, call),
  };
}

/** Docker prints the API's versions right behind its own. */
function withApiVersions(version: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(version);
  const at = entries.findIndex(([name]) => name === "Version") + 1;
  entries.splice(at, 0, ["ApiVersion", API_VERSION], ["MinAPIVersion", MIN_API_VERSION]);
  return Object.fromEntries(entries);
}

async function answerDiskUsage(
  system: SystemBackend,
  builder: Pick<Builder, "listCache">,
  { exchange, query, version }: Call,
): Promise<void> {
  const asked = version >= 42 ? query.all("type") : [];
  const types = new Set<(typeof DISK_USAGE_TYPES)[number]>();
  for (const name of asked) {
    const type = DISK_USAGE_TYPES.find((known) => known === name);
    if (type === undefined) throw badRequest(`unknown object type: ${name}`);
    types.add(type);
  }
  const usage: Partial<DiskUsage> = await system.diskUsage(types.size === 0 ? undefined : types);
  if (usage.BuildCache !== undefined) usage.BuildCache = await builder.listCache();
  exchange.json(200, shapeDiskUsage(usage, version));
}

async function streamEvents(system: SystemBackend, { exchange, query, signal }: Call): Promise<void> {
  const since = query.text("since");
  const until = query.text("until");
  const sinceNs = parseUnixTime(since);
  const untilNs = parseUnixTime(until);
  if (untilNs !== undefined && sinceNs !== undefined && untilNs < sinceNs) {
    throw badRequest(`\`since\` time (${since}) cannot be after \`until\` time (${until})`);
  }
  const events = system.events({ sinceNs, untilNs, filters: query.filters() }, signal);
  await streamJsonLines(exchange, shaped(events));
}

async function* shaped(events: AsyncIterable<EventMessage>): AsyncGenerator<object> {
  for await (const event of events) yield shapeEvent(event);
}
