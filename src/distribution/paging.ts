/** The address of the next page in a Link header (RFC 8288); undefined on the last page. */
export function nextPage(link: string | null, base: URL): URL | undefined {
  for (const part of (link ?? "").split(/,(?=\s*<)/)) {
    const [, target, parameters = ""] = /^\s*<([^>]*)>(.*)$/.exec(part) ?? [];
    if (target === undefined || !/;\s*rel="?next"?/i.test(parameters)) continue;
    return URL.parse(target, base.href) ?? undefined;
  }
  return undefined;
}
