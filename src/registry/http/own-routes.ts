/** naru's own addresses beside the specification's, under /v2/_naru/: collection, repositories with sizes, their removal. */
import { NaruError } from "../../lib/errors.ts";
import { parseDuration } from "../../lib/go-duration.ts";
import type { CollectionSchedule } from "../collect/collection-schedule.ts";
import { RegistryError } from "../registry-error.ts";
import { emptyReply, jsonReply, type RegistryExchange, unsupported } from "./exchange.ts";
import { visibleRepositories } from "./listing-routes.ts";

const NANOSECONDS_PER_MS = 1e6;
const REPOSITORIES_PER_PAGE = 100;

/** A collection that takes longer goes on; the client asks again by GET how it is. */
const ANSWER_WITHIN_MS = 20_000;

/** POST: collects now (query: dry-run, untagged, grace, upload-age); 202 when it takes long. GET: how it is. */
export async function answerCollection(exchange: RegistryExchange, schedule: CollectionSchedule): Promise<Response> {
  const { method, catalog, grant, query } = exchange;
  // It takes away in all of them.
  for (const repository of await catalog.listRepositories({})) {
    if (grant.may(repository, "delete")) continue;
    throw new RegistryError(
      "DENIED",
      `a collection needs the right to delete in every repository, also in ${repository}`,
    );
  }
  const { collector, defaults } = schedule;
  if (method === "GET") {
    const { isRunning, lastReport, lastFailure } = collector;
    return jsonReply({ running: isRunning, last: lastReport ?? null, failure: lastFailure ?? null });
  }
  if (method !== "POST") throw unsupported(method);
  const collecting = schedule.collect({
    graceMs: duration(query, "grace") ?? defaults.graceMs,
    uploadAgeMs: duration(query, "upload-age") ?? defaults.uploadAgeMs,
    untagged: flag(query, "untagged") ?? defaults.untagged,
    dryRun: flag(query, "dry-run") ?? false,
  });
  const report = await Promise.race([collecting, Bun.sleep(ANSWER_WITHIN_MS)]);
  return report === undefined ? jsonReply({ running: true }, {}, 202) : jsonReply(report);
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
