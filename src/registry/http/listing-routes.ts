/** Lists: repositories, tags, referrers. */
import { MEDIA } from "../../model/media-types.ts";
import { parseDigest } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import { jsonReply, type RegistryExchange, unsupported } from "./exchange.ts";

/** Entries of a page whose client did not say. Tags come all at once then, as the specification wants. */
const DEFAULT_REPOSITORIES = 1000;
const REFERRERS_PER_PAGE = 500;
const MAX_PAGE = 10_000;

export async function answerCatalog(exchange: RegistryExchange): Promise<Response> {
  requireGet(exchange);
  const limit = pageSize(exchange.query) ?? DEFAULT_REPOSITORIES;
  const after = exchange.query.get("last") ?? undefined;
  const repositories = await visibleRepositories(exchange, after, limit + 1);
  const page = repositories.slice(0, limit);
  return jsonReply({ repositories: page }, nextPage("/v2/_catalog", page, limit, repositories.length));
}

/** Repositories that the caller may pull from. */
export async function visibleRepositories(
  { catalog, grant }: RegistryExchange,
  after: string | undefined,
  limit: number,
): Promise<string[]> {
  const found: string[] = [];
  for (let from = after; found.length < limit; ) {
    const batch = await catalog.listRepositories({ after: from, limit: DEFAULT_REPOSITORIES });
    found.push(...batch.filter((name) => grant.may(name, "pull")));
    if (batch.length < DEFAULT_REPOSITORIES) break;
    from = batch.at(-1);
  }
  return found.slice(0, limit);
}

export async function answerTags(exchange: RegistryExchange): Promise<Response> {
  requireGet(exchange);
  const { catalog, repository, shownName, query } = exchange;
  const limit = pageSize(query);
  const after = query.get("last") ?? undefined;
  const tags = await catalog.listTags(repository, { after, limit: limit === undefined ? undefined : limit + 1 });
  const page = limit === undefined ? tags : tags.slice(0, limit);
  const headers = limit === undefined ? {} : nextPage(`/v2/${shownName}/tags/list`, page, limit, tags.length);
  return jsonReply({ name: shownName, tags: page }, headers);
}

/** An unknown digest has no referrers; it is no error (specification, "Listing Referrers"). */
export async function answerReferrers(exchange: RegistryExchange, reference: string): Promise<Response> {
  requireGet(exchange);
  const { catalog, repository, shownName, query } = exchange;
  const subject = parseDigest(reference);
  const artifactType = query.get("artifactType");
  const last = query.get("last");
  const all = await catalog.listReferrers(repository, subject);
  const wanted = all.filter(
    (entry) => (artifactType === null || entry.artifactType === artifactType) && (last === null || entry.digest > last),
  );
  const manifests = wanted.slice(0, REFERRERS_PER_PAGE);
  const headers: Record<string, string> = { "Content-Type": MEDIA.index };
  if (artifactType !== null) headers["OCI-Filters-Applied"] = "artifactType";
  if (wanted.length > manifests.length) {
    const next = new URLSearchParams({ last: manifests.at(-1)!.digest });
    if (artifactType !== null) next.set("artifactType", artifactType);
    headers.Link = `</v2/${shownName}/referrers/${subject}?${next}>; rel="next"`;
  }
  return jsonReply({ schemaVersion: 2, mediaType: MEDIA.index, manifests }, headers);
}

function requireGet({ method }: RegistryExchange): void {
  if (method !== "GET" && method !== "HEAD") throw unsupported(method);
}

/** @throws PAGINATION_NUMBER_INVALID */
function pageSize(query: URLSearchParams): number | undefined {
  const text = query.get("n");
  if (text === null) return undefined;
  const size = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isNaN(size)) return Math.min(size, MAX_PAGE);
  throw new RegistryError("PAGINATION_NUMBER_INVALID", "the query parameter n must be a number of entries", {
    detail: { n: text.slice(0, 64) },
  });
}

/** The Link header (RFC 8288) when there is more. */
function nextPage(path: string, page: readonly string[], limit: number, found: number): Record<string, string> {
  const last = page.at(-1);
  if (found <= limit || last === undefined) return {};
  return { Link: `<${path}?n=${limit}&last=${encodeURIComponent(last)}>; rel="next"` };
}
