/** Lists that come in pages. */
import { NaruError } from "../lib/errors.ts";
import type { HttpReply } from "./http-reply.ts";

/** Asks for the first page and for every one that follows. @throws invalid when pages lead back to one that was seen */
export async function* pages(
  first: string,
  ask: (page: string | URL) => Promise<HttpReply>,
): AsyncGenerator<HttpReply> {
  const seen = new Set<string>();
  let page: string | URL | undefined = first;
  while (page !== undefined) {
    const reply: HttpReply = await ask(page);
    // Before the body is read, since the reader may leave.
    page = nextPage(reply.headers.get("link"), reply.url);
    if (page !== undefined && seen.has(page.href)) {
      await reply.discard();
      throw new NaruError("invalid", `the pages of ${reply.url.href} lead in a circle`);
    }
    if (page !== undefined) seen.add(page.href);
    yield reply;
  }
}

/** The address of the next page in a Link header (RFC 8288); undefined on the last page. */
export function nextPage(link: string | null, base: URL): URL | undefined {
  for (const part of (link ?? "").split(/,(?=\s*<)/)) {
    const [, target, parameters = ""] = /^\s*<([^>]*)>(.*)$/.exec(part) ?? [];
    if (target === undefined || !/;\s*rel="?next"?/i.test(parameters)) continue;
    return URL.parse(target, base.href) ?? undefined;
  }
  return undefined;
}
