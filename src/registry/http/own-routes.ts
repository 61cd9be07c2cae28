/** naru's own addresses beside the specification's, under /v2/_naru/: collection, repositories with sizes, their removal. */
import { NaruError } from "../../lib/errors.ts";
import { parseDuration } from "../../lib/go-duration.ts";
import type { CollectOptions, Collector } from "../collect/collector.ts";
import { RegistryError } from "../registry-error.ts";
import { emptyReply, jsonReply, type RegistryExchange, unsupported } from "./exchange.ts";
import { visibleRepositories } from "./listing-routes.ts";

const NANOSECONDS_PER_MS = 1e6;
const REPOSITORIES_PER_PAGE = 100;

/** What the collection's address needs of the collector. */
export interface Collecting {
  collector: Collector;
  /** What the query does not say. */
  defaults: CollectOptions;
}

/** POST: collects now (query: dry-run, untagged, grace, upload-age). GET: the last report. */
export async function answerCollection(
  exchange: RegistryExchange,
  { collector, defaults }: Collecting,
): Promise<Response> {
  const { method, request, catalog, grant, query } = exchange;
  // It takes away in all of them.
  for (const repository of await catalog.listRepositories({})) {
    if (!grant.may(repository, "delete")) {
      throw new RegistryError(
        "DENIED",
        `a collection needs the right to delete in every repository, also in ${repository}`,
      );
    }
  }
  if (method === "GET") return jsonReply({ running: collector.isRunning, last: collector.lastReport ?? null });
  if (method !== "POST") throw unsupported(method);
  const report = await collector.collect(
    {
      graceMs: duration(query, "grace") ?? defaults.graceMs,
      uploadAgeMs: duration(query, "upload-age") ?? defaults.uploadAgeMs,
      untagged: flag(query, "untagged") ?? defaults.untagged,
      dryRun: flag(query, "dry-run") ?? false,
    },
    request.signal,
  );
  return jsonReply(report);
}

/** GET: repositories with their number of tags and their bytes, a page at a time (query: n, last). */
export async function answerRepositories(exchange: RegistryExchange): Promise<Response> {
  const { method, query, catalog } = exchange;
  if (method !== "GET") throw unsupported(method);
  const names = await visibleRepositories(exchange, query.get("last") ?? undefined, REPOSITORIES_PER_PAGE + 1);
  const page = names.slice(0, REPOSITORIES_PER_PAGE);
  const repositories = [];
  for (const name of page) {
    const [tags, bytes] = await Promise.all([catalog.listTags(name, {}), catalog.repositorySize(name)]).catch(ifGone);
    if (tags !== undefined) repositories.push({ name, tags: tags.length, bytes });
  }
  const next = names.length > page.length ? page.at(-1) : undefined;
  return jsonReply({ repositories, next });
}

/** DELETE: everything of one repository. */
export async function answerRepository(exchange: RegistryExchange): Promise<Response> {
  const { method, catalog, repository, actor } = exchange;
  if (method !== "DELETE") throw unsupported(method);
  await catalog.deleteRepository(repository, actor);
  return emptyReply(202);
}

/** Removed since it was listed. */
function ifGone(error: unknown): [undefined, undefined] {
  if (error instanceof RegistryError && error.code === "NAME_UNKNOWN") return [undefined, undefined];
  throw error;
}

function duration(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  try {
    const value = parseDuration(text) / NANOSECONDS_PER_MS;
    if (value >= 0) return value;
  } catch {
    // Said below.
  }
  throw new NaruError("invalid", `${name}=${text}: write a duration such as 10m or 0s`);
}

function flag(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (text === "" || text === "1" || text === "true") return true;
  if (text === "0" || text === "false") return false;
  throw new NaruError("invalid", `${name}=${text}: write 1 or 0`);
}
