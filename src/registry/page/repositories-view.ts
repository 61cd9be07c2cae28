import { type Html, html } from "./html.ts";
import { page } from "./layout.ts";
import type { Viewer } from "./viewer.ts";
import { ageWords, countWords } from "./words.ts";

const HUES = 6;

export interface RepositoryRow {
  name: string;
  tags: number;
  newestTag: string | undefined;
  updatedAt: number | undefined;
  /** The host that it is a copy of. */
  copyOf: string | undefined;
}

export function repositoriesPage(
  viewer: Viewer,
  view: { rows: readonly RepositoryRow[]; query: string; nextAfter: string | undefined; isFirst: boolean },
): Html {
  const { rows, query, nextAfter, isFirst } = view;
  const more = new URLSearchParams({ ...(query === "" ? {} : { q: query }), after: nextAfter ?? "" });
  const heading = query === "" ? "Repositories" : `Repositories with “${query}”`;
  return page(viewer, {
    title: "naru registry",
    query,
    body: html`<div class="heading"><h1>${heading}</h1></div>
${rows.length === 0 ? nothing(viewer, query) : html`<ul class="cards">${rows.map(row)}</ul>`}
<nav class="pages">${!isFirst && html`<a class="button quiet" href="/?${query === "" ? "" : `q=${encodeURIComponent(query)}`}">First page</a>`}${nextAfter !== undefined && html`<a class="button" href="/?${more.toString()}">More</a>`}</nav>`,
  });
}

function row({ name, tags, newestTag, updatedAt, copyOf }: RepositoryRow): Html {
  const slash = name.lastIndexOf("/");
  return html`<li><a class="card repository" href="/r/${name}">
<span class="letter hue-${hueOf(name)}" aria-hidden="true">${name.slice(slash + 1, slash + 2).toUpperCase()}</span>
<span class="name"><i>${name.slice(0, slash + 1)}</i>${name.slice(slash + 1)}</span>
<span class="facts"><span>${countWords(tags, "tag")}</span>${newestTag !== undefined && html`<span class="chip">${newestTag}</span>`}${copyOf !== undefined && html`<span class="chip soft">copy of ${copyOf}</span>`}</span>
<span class="soft when">${updatedAt === undefined ? "no tags" : ageWords(updatedAt)}</span>
</a></li>`;
}

function nothing(viewer: Viewer, query: string): Html {
  if (query !== "") return html`<section class="empty"><p>No repository here has “${query}” in its name.</p></section>`;
  const cannotSee = viewer.canLogIn && viewer.session.user === "";
  return html`<section class="empty"><h2>${cannotSee ? "Nothing is public here" : "Nothing here yet"}</h2>
${
  cannotSee
    ? html`<p>Log in to see what you have the right to.</p><p><a class="button" href="/login">Log in</a></p>`
    : html`<p>Push the first image:</p><pre>docker tag IMAGE ${viewer.host}/NAME:TAG
docker push ${viewer.host}/NAME:TAG</pre>`
}</section>`;
}

/** Repositories of one namespace look alike. */
function hueOf(name: string): number {
  let hash = 0;
  for (const sign of name.split("/")[0]!) hash = (hash * 31 + sign.charCodeAt(0)) % 997;
  return hash % HUES;
}
