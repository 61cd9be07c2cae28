/**
 * Search: Docker Hub and registries with its search endpoint answer themselves; of others the catalog is read, so that
 * a plain registry can be searched too.
 */
import { NaruError } from "../lib/errors.ts";
import { basicAuthorization } from "./bearer-tokens.ts";
import type { RegistryCredentials, SearchResult } from "./contract.ts";
import type { HttpReply } from "./http-reply.ts";
import { pages } from "./paging.ts";
import type { RegistryHost } from "./registry-host.ts";

interface SearchOptions {
  limit: number;
  filters: ReadonlyMap<string, readonly string[]>;
  credentials?: RegistryCredentials;
  signal?: AbortSignal;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const CATALOG_PAGE = 1000;
/** Docker Hub's search is at its index, not at its registry. */
const HUB_INDEX = "index.docker.io";

/** @throws invalid for a bad term, limit or filter, in Docker's words */
export async function searchRegistry(
  term: string,
  options: SearchOptions,
  hostOf: (domain: string) => RegistryHost,
): Promise<SearchResult[]> {
  const { limit, credentials, signal } = options;
  if (limit < 1 || limit > 100) throw new NaruError("invalid", `limit ${limit} is outside the range of [1, 100]`);
  const isWanted = resultFilter(options.filters);
  const { domain, words } = splitTerm(term);
  const host = hostOf(domain);
  const index = new URL(await host.locate(`/v1/search?${new URLSearchParams({ q: words, n: String(limit) })}`, signal));
  const headers: Record<string, string> = { "X-Docker-Token": "true" };
  if (credentials?.username && credentials.password) headers.Authorization = basicAuthorization(credentials);
  const reply = await host.send(index, undefined, { method: "GET", headers, signal });
  if (reply.status === 404 && domain !== HUB_INDEX) {
    await reply.discard();
    return (await searchCatalog(host, domain, words, options)).filter(isWanted).slice(0, limit);
  }
  if (reply.status !== 200) throw await unexpected(reply);
  const { results } = (await reply.json(MAX_ANSWER_BYTES)) as { results?: Partial<SearchResult>[] };
  return (results ?? []).map(wholeResult).filter(isWanted);
}

async function unexpected(reply: HttpReply): Promise<NaruError> {
  await reply.discard();
  return new NaruError("unavailable", `Unexpected status code ${reply.status}`);
}

/** The first part of a term is a registry when it looks like one. */
function splitTerm(term: string): { domain: string; words: string } {
  if (/^https?:\/\//.test(term)) {
    throw new NaruError("invalid", `invalid repository name: repository name (${term}) should not have a scheme`);
  }
  const [first = "", ...rest] = term.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  if (isHost && first !== "docker.io" && first !== HUB_INDEX) return { domain: first, words: rest.join("/") };
  return { domain: HUB_INDEX, words: (isHost ? rest.join("/") : term).replace(/^library\//, "") };
}

async function searchCatalog(
  host: RegistryHost,
  domain: string,
  words: string,
  { credentials, limit, signal }: SearchOptions,
): Promise<SearchResult[]> {
  const found: SearchResult[] = [];
  const access = { credentials, scopes: ["registry:catalog:*"] };
  const ask = (page: string | URL) => host.send(page, access, { method: "GET", signal });
  for await (const reply of pages(`/v2/_catalog?n=${CATALOG_PAGE}`, ask)) {
    if (!reply.isSuccess) throw await unexpected(reply);
    const { repositories } = (await reply.json(MAX_ANSWER_BYTES)) as { repositories?: string[] | null };
    const named = (repositories ?? []).filter((name) => name.includes(words));
    found.push(...named.map((name) => wholeResult({ name: `${domain}/${name}` })));
    if (found.length >= limit) break;
  }
  return found;
}

function wholeResult(result: Partial<SearchResult>): SearchResult {
  const { name = "", description = "", star_count = 0, is_official = false } = result;
  // Docker Hub has no automated builds any more; clients still expect the field.
  return { star_count, is_official, name, is_automated: false, description: description ?? "" };
}

const TRUE = new Set(["1", "true"]);
const FALSE = new Set(["0", "false"]);

function resultFilter(filters: SearchOptions["filters"]): (result: SearchResult) => boolean {
  for (const name of filters.keys()) {
    if (!["is-automated", "is-official", "stars"].includes(name))
      throw new NaruError("invalid", `invalid filter '${name}'`);
  }
  const flag = (name: string): boolean | undefined => {
    const values = filters.get(name);
    if (values === undefined || values.length === 0) return undefined;
    if (values.every((value) => TRUE.has(value))) return true;
    if (values.every((value) => FALSE.has(value))) return false;
    throw new NaruError("invalid", `invalid filter '${name}=[${values.join(" ")}]'`);
  };
  const isAutomated = flag("is-automated");
  const isOfficial = flag("is-official");
  const stars = (filters.get("stars") ?? []).map((text) => {
    if (/^[+-]?\d+$/.test(text)) return Number(text);
    throw new NaruError(
      "invalid",
      `invalid filter 'stars=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  });
  return (result) =>
    (isAutomated === undefined || result.is_automated === isAutomated) &&
    (isOfficial === undefined || result.is_official === isOfficial) &&
    stars.every((least) => result.star_count >= least);
}
