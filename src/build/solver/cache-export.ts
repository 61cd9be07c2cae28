/** Sends a build's cache elsewhere: into the image itself, to a registry, to a directory of the client's. */
import type { LayerCompression } from "../../image/contract.ts";
import { findGoBool } from "../../lib/go-bool.ts";
import { canonicalReference, parseReference } from "../../lib/image-reference.ts";
import type { Digest } from "../../model/image.ts";
import { MEDIA } from "../../model/media-types.ts";
import type { CacheTarget } from "../contract.ts";
import type { BuildRun } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import { type CacheList, descriptorOf, INLINE_CACHE_KEY, manifestOf, type TravellingRecord } from "./cache-manifest.ts";
import type { CacheStore } from "./cache-store.ts";
import type { ConfiguredTarget } from "./image-config.ts";

/** Of the steps of a build: those with their layers, which are packed when they were not, and those with their keys alone. */
interface Collected {
  whole: ReadonlySet<string>;
  all: readonly string[];
}

async function collect(
  context: SolverContext,
  cache: CacheStore,
  { whole, all }: Collected,
  compression: LayerCompression,
): Promise<CacheList> {
  const records: TravellingRecord[] = [];
  // Not as they were done, which differs from build to build: equal caches make equal images.
  for (const id of [...new Set([...whole, ...all])].sort()) {
    const record = cache.get(id);
    if (!record) continue;
    const { keys, identity, kind, description, parents, validator, createdAt } = record;
    if (!whole.has(id)) {
      // Enough to know that what was copied from it has not changed.
      records.push({ id, keys, identity, kind, description, parents, isKeyOnly: true });
      continue;
    }
    const packed =
      record.layer === undefined ? undefined : await context.workshop.packLayer(record.layer, { compression });
    records.push({
      id,
      keys,
      identity,
      kind,
      description,
      parents,
      createdAt,
      ...(validator ? { validator } : {}),
      ...(packed ? { layer: { diffId: packed.diffId, blob: packed.blob } } : {}),
    });
  }
  return { version: 1, records };
}

/** The target with its cache in its configuration. */
export async function withInlineCache(
  context: SolverContext,
  cache: CacheStore,
  run: BuildRun,
  target: ConfiguredTarget,
): Promise<ConfiguredTarget> {
  const { cacheTo, buildArgs } = run.request;
  const isAsked = cacheTo.some(({ type }) => type === "inline") || findGoBool(buildArgs.BUILDKIT_INLINE_CACHE ?? "");
  if (!isAsked) return target;
  const collected = { whole: new Set(target.recordIds), all: await allRecordIds(run) };
  const list = await collect(context, cache, collected, compressionOf(run));
  return { ...target, config: { ...target.config, ...{ [INLINE_CACHE_KEY]: list } } };
}

export async function exportCache(
  context: SolverContext,
  cache: CacheStore,
  run: BuildRun,
  targets: readonly ConfiguredTarget[],
): Promise<void> {
  for (const target of run.request.cacheTo) {
    if (target.type === "inline") continue;
    const name = `exporting cache to ${target.type === "registry" ? target.ref : "client directory"}`;
    await run
      .showing({ digest: digestOf(name), name, inputs: [], cached: false }, async () => {
        const all = await allRecordIds(run);
        // "min": what the results consist of. "max": every step of the build.
        const whole = new Set(target.mode === "max" ? all : targets.flatMap(({ recordIds }) => recordIds));
        await send(context, run, target, await collect(context, cache, { whole, all }, compressionOf(run)));
      })
      .catch((error) => {
        run.signal.throwIfAborted();
        // The step tells it all the same.
        if (!findGoBool(target.attributes["ignore-error"] ?? "")) throw error;
      });
  }
}

function compressionOf({ request }: BuildRun): LayerCompression {
  const attribute = request.cacheTo
    .map((target) => ("attributes" in target ? target.attributes.compression : undefined))
    .find(Boolean);
  if (attribute === "zstd" || attribute === "uncompressed") return attribute;
  const output = request.outputs.find((one) => "compression" in one && one.compression !== undefined);
  return output && "compression" in output && output.compression !== undefined ? output.compression : "gzip";
}

/** Also of steps whose results nobody needed. */
async function allRecordIds(run: BuildRun): Promise<string[]> {
  const results = await Promise.all(run.results.values());
  const found = await Promise.all(run.lookups.values());
  return [
    ...results.flatMap(({ recordIds }) => recordIds ?? []),
    ...found.flatMap((record) => (record ? [record.id] : [])),
  ];
}

async function send(
  { registries, workshop }: SolverContext,
  run: BuildRun,
  target: Exclude<CacheTarget, { type: "inline" }>,
  list: CacheList,
): Promise<void> {
  const { manifest, config, configDescriptor } = manifestOf(list);
  const blobs = new Map(list.records.flatMap(({ layer }) => (layer ? [[layer.blob.digest, layer.blob] as const] : [])));
  const { signal } = run;
  if (target.type === "local") {
    const root = descriptorOf(MEDIA.manifest, manifest);
    const small = new Map<Digest, Uint8Array>([
      [configDescriptor.digest, config],
      [root.digest, manifest],
    ]);
    const read = (digest: Digest) => {
      const data = small.get(digest);
      return data ? once(data) : workshop.readBlob(digest);
    };
    run.cacheRoot = root;
    await target.write({ root, blobs: [...blobs.values(), configDescriptor, root], read });
    return;
  }
  const reference = parseReference(target.ref);
  const found = await run.request.session?.findCredentials(reference.domain, signal);
  const remote = registries.repository(reference, { ...(found ? { credentials: found } : {}), actions: "pull,push" });
  for (const blob of blobs.values()) {
    if (await remote.hasBlob(blob.digest, { signal })) continue;
    await remote.pushBlob(blob, { open: (offset) => workshop.readBlob(blob.digest, offset) }, { signal });
  }
  await remote.pushBlob(configDescriptor, { open: (offset) => once(config.subarray(offset)) }, { signal });
  const tag = canonicalReference(reference).slice(`${reference.domain}/${reference.path}:`.length);
  await remote.pushManifest(tag, { mediaType: MEDIA.manifest, bytes: manifest }, { signal });
}

async function* once(data: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield data;
}
