import { type Html, html } from "./html.ts";
import type { PlatformFacts } from "./image-facts.ts";
import { copyLine, page } from "./layout.ts";
import type { Viewer } from "./viewer.ts";
import { ageWords, countWords, shortDigest, sizeWords } from "./words.ts";

export interface TagRow {
  name: string;
  digest: string;
  updatedAt: number;
  platforms: readonly PlatformFacts[];
}

interface TagsView {
  repository: string;
  rows: readonly TagRow[];
  tags: number;
  bytes: number;
  query: string;
  pageNumber: number;
  pages: number;
  mayDelete: boolean;
}

export function tagsPage(viewer: Viewer, view: TagsView): Html {
  const { repository, rows, tags, bytes, query } = view;
  return page(viewer, {
    title: `${repository} · naru registry`,
    trail: [["Repositories", "/"]],
    body: html`<div class="heading"><h1>${repository}</h1><p class="soft">${countWords(tags, "tag")} · ${sizeWords(bytes)} stored</p></div>
${copyLine(`docker pull ${viewer.host}/${repository}${shownTag(rows)}`)}
<div class="heading"><h2>Tags</h2><form class="filter" role="search"><input type="search" name="tag" value="${query}" placeholder="Filter tags" aria-label="Filter tags"></form></div>
${rows.length === 0 ? html`<section class="empty"><p>${query === "" ? "This repository has no tags." : `No tag has “${query}” in its name.`}</p></section>` : table(view)}
${pageLinks(view)}
${view.mayDelete && dangerZone(viewer, repository)}`,
  });
}

/** What one gets without a tag, or else the newest. */
function shownTag(rows: readonly TagRow[]): string {
  const newest = rows[0];
  return newest === undefined || rows.some(({ name }) => name === "latest") ? "" : `:${newest.name}`;
}

function table({ repository, rows }: TagsView): Html {
  return html`<table class="tags"><thead><tr><th>Tag</th><th>Platforms</th><th class="number">Size</th><th>Pushed</th><th>Digest</th></tr></thead><tbody>
${rows.map((row) => tagRow(repository, row))}
</tbody></table>`;
}

function tagRow(repository: string, { name, digest, updatedAt, platforms }: TagRow): Html {
  const images = platforms.filter(({ platform }) => platform !== undefined);
  const largest = Math.max(0, ...platforms.map(({ bytes }) => bytes));
  return html`<tr>
<td><a class="tag" href="/r/${repository}:${name}">${name}</a></td>
<td class="chips">${images.length === 0 ? html`<span class="chip soft">not an image</span>` : images.map(({ platform }) => html`<span class="chip">${platform}</span>`)}</td>
<td class="number">${images.length > 1 && html`<span class="soft">up to </span>`}${sizeWords(largest)}</td>
<td title="${new Date(updatedAt).toISOString()}">${ageWords(updatedAt)}</td>
<td><code class="soft" title="${digest}">${shortDigest(digest)}</code></td>
</tr>`;
}

function pageLinks({ pageNumber, pages, query }: TagsView): Html | undefined {
  if (pages <= 1) return undefined;
  const link = (number: number, text: string) =>
    html`<a class="button quiet" href="?${new URLSearchParams({ ...(query === "" ? {} : { tag: query }), page: String(number) }).toString()}">${text}</a>`;
  return html`<nav class="pages">${pageNumber > 1 && link(pageNumber - 1, "Newer")}<span class="soft">page ${pageNumber} of ${pages}</span>${pageNumber < pages && link(pageNumber + 1, "Older")}</nav>`;
}

function dangerZone(viewer: Viewer, repository: string): Html {
  return html`<details class="danger"><summary>Delete this repository</summary>
<form method="post" action="/r/${repository}"><input type="hidden" name="proof" value="${viewer.proof}"><input type="hidden" name="do" value="delete">
<p>All its tags and images go. Write its name to confirm:</p>
<input name="confirm" aria-label="Name of the repository" autocomplete="off" required pattern="${repository.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}" placeholder="${repository}"> <button class="danger">Delete ${repository}</button></form></details>`;
}
