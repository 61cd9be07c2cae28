/** A file from a URL as a step's result. What is known of it is asked for again by its validators. */
import { chmod, open, utimes } from "node:fs/promises";
import { join } from "node:path";
import { errorText, NaruError } from "../../lib/errors.ts";
import type { Digest } from "../../model/image.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import type { CacheRecord, CacheStore } from "./cache-store.ts";
import type { HttpOperation } from "./graph.ts";

interface HttpRun {
  operation: HttpOperation;
  onProgress(current: number, total: number): void;
  signal: AbortSignal;
}

/** @throws {NaruError} unavailable, not-found; invalid when it is not what the checksum says */
export async function bringHttpFile(
  context: SolverContext,
  cache: CacheStore,
  run: HttpRun,
): Promise<{ record: CacheRecord; isCached: boolean }> {
  const { url, filename, checksum } = run.operation;
  const key = digestOf("http", url, filename);
  const known = cache.find(key);
  // Content that was asked for by its digest cannot have changed.
  if (known && checksum !== undefined && known.validator?.digest === checksum) return { record: known, isCached: true };
  const response = await request(url, known, run.signal);
  if (response.status === 304 && known?.validator) {
    await response.body?.cancel();
    checkDigest(run.operation, known.validator.digest);
    return { record: known, isCached: true };
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    const kind = response.status === 404 ? "not-found" : "unavailable";
    throw new NaruError(kind, `failed to load cache key: invalid response status ${response.status} for ${url}`);
  }
  return await keepFile(context, cache, { run, key, response });
}

async function request(url: string, known: CacheRecord | undefined, signal: AbortSignal): Promise<Response> {
  const { etag, lastModified } = known?.validator ?? {};
  const headers: Record<string, string> = { "Accept-Encoding": "identity" };
  if (etag !== undefined) headers["If-None-Match"] = etag;
  else if (lastModified !== undefined) headers["If-Modified-Since"] = lastModified;
  try {
    return await fetch(url, { headers, signal, redirect: "follow" });
  } catch (cause) {
    signal.throwIfAborted();
    throw new NaruError("unavailable", `cannot download ${url}: ${errorText(cause)}`, { cause });
  }
}

function checkDigest({ checksum, url }: HttpOperation, digest: Digest): void {
  if (checksum === undefined || checksum === digest) return;
  throw new NaruError("invalid", `digest mismatch ${digest}: ${checksum} was expected of ${url}`);
}

async function keepFile(
  context: SolverContext,
  cache: CacheStore,
  { run, key, response }: { run: HttpRun; key: Digest; response: Response },
): Promise<{ record: CacheRecord; isCached: boolean }> {
  const { operation } = run;
  await using undo = new AsyncDisposableStack();
  const draft = await context.workshop.openDraft();
  undo.defer(() => context.workshop.removeLayer(draft.id));
  const path = join(draft.upperDir, operation.filename);
  const digest = await download(path, response, run);
  checkDigest(operation, digest);
  const etag = response.headers.get("etag") ?? undefined;
  const lastModified = response.headers.get("last-modified") ?? undefined;
  const modifiedAt = lastModified === undefined ? 0 : Math.floor(Date.parse(lastModified) / 1000) || 0;
  await chmod(path, 0o600);
  await utimes(path, modifiedAt, modifiedAt);
  await context.workshop.keepDraft(draft);
  undo.move();
  const validator = { digest, ...(etag ? { etag } : {}), ...(lastModified ? { lastModified } : {}) };
  const record = await cache.add({
    keys: [key],
    identity: digestOf("http file", operation.filename, digest),
    layer: draft.id,
    kind: "regular",
    description: `http url ${operation.url}`,
    parents: [],
    validator,
  });
  return { record, isCached: false };
}

async function download(path: string, response: Response, run: HttpRun): Promise<Digest> {
  const hash = new Bun.CryptoHasher("sha256");
  const total = Number(response.headers.get("content-length") ?? 0);
  let current = 0;
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of response.body!) {
      run.signal.throwIfAborted();
      hash.update(chunk);
      await file.write(chunk);
      current += chunk.length;
      run.onProgress(current, total);
    }
  } finally {
    await file.close();
  }
  return `sha256:${hash.digest("hex")}`;
}
