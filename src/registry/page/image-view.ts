import type { Descriptor, ImageConfig } from "../../model/image.ts";
import { type Attachment, attachmentKind } from "./attachments.ts";
import { type Html, html } from "./html.ts";
import type { ImageFacts, PlatformFacts, StepFacts } from "./image-facts.ts";
import { bar, copyLine, page } from "./layout.ts";
import type { Viewer } from "./viewer.ts";
import { ageWords, shortDigest, sizeWords } from "./words.ts";

interface ImageView {
  repository: string;
  /** A tag or a digest, as in the address. */
  reference: string;
  descriptor: Descriptor;
  platforms: readonly PlatformFacts[];
  /** The one that is shown; undefined: nothing of the index is here. */
  image: ImageFacts | undefined;
  attachments: readonly Attachment[];
  updatedAt: number | undefined;
  mayDelete: boolean;
}

export function imagePage(viewer: Viewer, view: ImageView): Html {
  const { repository, reference, descriptor, image, updatedAt } = view;
  const separator = reference.includes(":") ? "@" : ":";
  return page(viewer, {
    title: `${repository}${separator}${shortReference(reference)} · naru registry`,
    trail: [
      ["Repositories", "/"],
      [repository, `/r/${repository}`],
    ],
    body: html`<div class="heading"><h1>${repository}<i>${separator}${shortReference(reference)}</i></h1>
<p class="soft">${updatedAt !== undefined && html`pushed ${ageWords(updatedAt)} · `}<code title="${descriptor.digest}">${shortDigest(descriptor.digest)}</code></p></div>
${copyLine(`docker pull ${viewer.host}/${repository}${separator}${reference}`)}
${platformTabs(view)}
${
  image !== undefined &&
  html`${summary(image)}
<div class="columns"><section class="card"><h2>Layers</h2>${steps(image)}</section><section class="card"><h2>Configuration</h2>${configuration(image)}</section></div>`
}
${attachments(view)}
${view.mayDelete && deletion(viewer, view)}`,
  });
}

function platformTabs({ repository, reference, platforms, image }: ImageView): Html | undefined {
  const shown = platforms.filter(({ platform }) => platform !== undefined);
  if (shown.length < 2) return undefined;
  const separator = reference.includes(":") ? "@" : ":";
  return html`<nav class="tabs" aria-label="Platforms">${shown.map(
    ({ digest, platform, bytes }) =>
      html`<a href="/r/${repository}${separator}${reference}?platform=${digest}"${digest === image?.descriptor.digest && html` aria-current="page"`}>${platform} <small>${sizeWords(bytes)}</small></a>`,
  )}</nav>`;
}

function summary({ bytes, steps: all, config, descriptor }: ImageFacts): Html {
  const facts: [string, string][] = [
    ["Compressed size", sizeWords(bytes)],
    ["Layers", String(all.filter(({ layer }) => layer !== undefined).length)],
    ["Platform", [config?.os, config?.architecture, config?.variant].filter(Boolean).join("/") || "not an image"],
    ["Created", config?.created ? ageWords(Date.parse(config.created)) : "unknown"],
  ];
  return html`<dl class="summary">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}<div class="long"><dt>Digest</dt><dd><code>${descriptor.digest}</code></dd></div></dl>`;
}

function steps({ steps: all, bytes }: ImageFacts): Html {
  if (all.length === 0) return html`<p class="soft">This manifest has no layers.</p>`;
  return html`<ol class="steps">${all.map((step) => stepRow(step, bytes))}</ol>`;
}

function stepRow({ command, layer }: StepFacts, whole: number): Html {
  const [, instruction = "", rest = command] = /^([A-Z]+)\s([\s\S]*)$/.exec(command) ?? [];
  return html`<li${layer === undefined && html` class="empty-step"`}>
<code class="command">${instruction !== "" && html`<b>${instruction}</b> `}${rest === "" ? "(no command recorded)" : rest}</code>
${layer !== undefined && html`<span class="layer">${bar(whole === 0 ? 0 : layer.bytes / whole)}<span class="number">${sizeWords(layer.bytes)}</span><code class="soft" title="${layer.digest} ${layer.mediaType}">${shortDigest(layer.digest)}</code></span>`}
</li>`;
}

function configuration({ config, manifest }: ImageFacts): Html {
  const run: NonNullable<ImageConfig["config"]> | Record<string, never> = config?.config ?? {};
  const lines = (values: readonly string[] | null | undefined) =>
    values && values.length > 0
      ? html`<ul class="lines">${values.map((value) => html`<li><code>${value}</code></li>`)}</ul>`
      : undefined;
  const words = (values: readonly string[] | string | null | undefined) =>
    values && values.length > 0
      ? html`<code>${typeof values === "string" ? values : JSON.stringify(values)}</code>`
      : undefined;
  const pairs = (values: Record<string, string> | null | undefined) =>
    lines(Object.entries(values ?? {}).map(([key, value]) => `${key}=${value}`));
  const rows: [string, Html | undefined][] = [
    ["Entrypoint", words(run.Entrypoint)],
    ["Command", words(run.Cmd)],
    ["Ports", lines(Object.keys(run.ExposedPorts ?? {}))],
    ["Environment", lines(run.Env)],
    ["Working directory", words(run.WorkingDir)],
    ["User", words(run.User)],
    ["Volumes", lines(Object.keys(run.Volumes ?? {}))],
    ["Stop signal", words(run.StopSignal)],
    ["Health check", words(run.Healthcheck?.Test)],
    ["Labels", pairs(run.Labels)],
    ["Annotations", pairs(manifest.annotations)],
    ["Artifact type", words(manifest.artifactType)],
    ["Author", words(config?.author)],
  ];
  const shown = rows.filter(([, value]) => value !== undefined);
  if (shown.length === 0) return html`<p class="soft">Nothing is set.</p>`;
  return html`<dl class="config">${shown.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function attachments({ repository, attachments: all }: ImageView): Html | undefined {
  if (all.length === 0) return undefined;
  return html`<section class="card"><h2>Attached</h2><ul class="attached">${all.map(
    ({ descriptor, type, bytes }) =>
      html`<li><span class="chip strong">${attachmentKind(type)}</span><a href="/r/${repository}@${descriptor.digest}"><code>${shortDigest(descriptor.digest)}</code></a><span class="soft">${type}</span><span class="number">${bytes !== undefined && sizeWords(bytes)}</span></li>`,
  )}</ul></section>`;
}

function deletion(viewer: Viewer, { repository, reference }: ImageView): Html {
  const isTag = !reference.includes(":");
  const what = isTag ? `the tag ${reference}` : "this manifest";
  const effect = isTag
    ? "Only the name goes; the image stays under its digest and under other tags, until garbage is collected."
    : "Every tag that names this digest goes with it.";
  return html`<details class="danger"><summary>Delete ${what}</summary>
<form method="post" action="/r/${repository}${isTag ? ":" : "@"}${reference}"><input type="hidden" name="proof" value="${viewer.proof}"><input type="hidden" name="do" value="delete">
<p>${effect}</p><button class="danger">Delete ${what}</button></form></details>`;
}

function shortReference(reference: string): string {
  return reference.includes(":") ? shortDigest(reference) : reference;
}
