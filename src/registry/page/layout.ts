/** The frame of every page. */
import { type Html, html } from "./html.ts";
import { SCRIPT, STYLE } from "./style.ts";
import type { Viewer } from "./viewer.ts";

/** Browsers keep style and script; an upgraded server must not be shown in the old dress. */
const EDITION = Bun.hash(STYLE + SCRIPT).toString(36);

interface PageContent {
  title: string;
  /** Links from the top down to this page: text and address. */
  trail?: readonly (readonly [string, string])[];
  body: Html;
  /** What the search field holds. */
  query?: string;
}

const MARK = html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect class="hull" x="3" y="20" width="26" height="6" rx="3"/><rect x="6" y="12" width="6" height="6" rx="1.5"/><rect x="13" y="12" width="6" height="6" rx="1.5"/><rect x="20" y="12" width="6" height="6" rx="1.5"/><rect x="13" y="5" width="6" height="6" rx="1.5"/></svg>`;

export function page(viewer: Viewer, { title, trail = [], body, query = "" }: PageContent): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="stylesheet" href="/-/style.css?${EDITION}">
<link rel="icon" href="/-/mark.svg?${EDITION}" type="image/svg+xml">
<script src="/-/page.js?${EDITION}" defer></script>
</head>
<body>
<header class="top">
<div class="wide">
<a class="brand" href="/">${MARK}<span>naru <b>registry</b></span></a>
<form class="search" action="/" role="search"><input type="search" name="q" value="${query}" placeholder="Search repositories" aria-label="Search repositories" autocomplete="off"></form>
<nav class="who">${who(viewer)}</nav>
</div>
</header>
<main class="wide">
${trail.length > 0 && html`<nav class="trail" aria-label="You are here">${trail.map(([text, address]) => html`<a href="${address}">${text}</a><i>/</i>`)}</nav>`}
${body}
</main>
<footer class="wide"><span>${viewer.host}</span><span>OCI distribution 1.1</span></footer>
</body>
</html>`;
}

function who({ session, canLogIn, proof }: Viewer): Html | undefined {
  if (session.user !== "") {
    return html`<span class="user">${session.user}</span><form method="post" action="/logout"><input type="hidden" name="proof" value="${proof}"><button class="quiet">Log out</button></form>`;
  }
  return canLogIn ? html`<a class="button quiet" href="/login">Log in</a>` : undefined;
}

/** A line to be copied with one click; without JavaScript it can be marked and copied. */
export function copyLine(text: string): Html {
  return html`<div class="copy"><code>${text}</code><button type="button" class="quiet" data-copy="${text}" aria-label="Copy">Copy</button></div>`;
}

/** A bar as long as `share` (0 to 1) of its place. */
export function bar(share: number): Html {
  const width = Math.max(0.8, Math.min(100, share * 100)).toFixed(1);
  return html`<svg class="bar" aria-hidden="true"><rect class="whole" width="100%" height="100%" rx="3"/><rect class="part" width="${width}%" height="100%" rx="3"/></svg>`;
}

export function messagePage(viewer: Viewer, title: string, text: string): Html {
  return page(viewer, {
    title: `${title} · naru registry`,
    body: html`<section class="empty"><h1>${title}</h1><p>${text}</p><p><a class="button" href="/">All repositories</a></p></section>`,
  });
}
