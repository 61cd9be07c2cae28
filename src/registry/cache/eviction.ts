/**
 * Makes room in the cache: manifests that nobody asked for in a long time go first, with their tags and the blobs that no other
 * manifest of their repository needs. Only copies of upstreams are touched. The garbage collection frees the bytes.
 */
import { errorText, isKind } from "../../lib/errors.ts";
import type { Digest } from "../../model/image.ts";
import type { Actor, RegistryCatalog } from "../contract.ts";
import { parseManifestLinks } from "../manifest-links.ts";
import { allRepositories } from "../repositories.ts";
import { CACHE_USER } from "./cached-manifests.ts";
import type { Upstreams } from "./upstreams.ts";
import type { UseRecord } from "./use-record.ts";

const ACTOR: Actor = { user: CACHE_USER, remoteAddress: "" };

export interface EvictionLimits {
  maxBytes: number | undefined;
  /** Not asked for in this time. */
  maxAgeMs: number | undefined;
}

export interface CachedManifest {
  repository: string;
  digest: Digest;
  usedAt: number;
  tags: string[];
  /** Digests and sizes of all it needs: itself, config, layers. */
  content: { digest: Digest; size: number }[];
  children: Digest[];
}

/** Which manifests go, the longest unused first. Pure. Manifests of an index are as young as the index. */
export function planEviction(
  manifests: readonly CachedManifest[],
  limits: EvictionLimits,
  now: number,
): { evicted: CachedManifest[]; bytes: number } {
  const usedAt = effectiveUse(manifests);
  const holders = new Map<Digest, number>();
  let bytes = 0;
  for (const { content } of manifests) {
    for (const { digest, size } of content) {
      if (!holders.has(digest)) bytes += size;
      holders.set(digest, (holders.get(digest) ?? 0) + 1);
    }
  }
  const evicted: CachedManifest[] = [];
  for (const manifest of [...manifests].sort((a, b) => usedAt.get(a)! - usedAt.get(b)!)) {
    const isTooOld = limits.maxAgeMs !== undefined && now - usedAt.get(manifest)! > limits.maxAgeMs;
    const isTooMuch = limits.maxBytes !== undefined && bytes > limits.maxBytes;
    if (!isTooOld && !isTooMuch) break;
    evicted.push(manifest);
    for (const { digest, size } of manifest.content) {
      const left = holders.get(digest)! - 1;
      holders.set(digest, left);
      if (left === 0) bytes -= size;
    }
  }
  return { evicted, bytes };
}

function effectiveUse(manifests: readonly CachedManifest[]): Map<CachedManifest, number> {
  const usedAt = new Map(manifests.map((manifest) => [manifest, manifest.usedAt]));
  const byName = new Map(manifests.map((manifest) => [`${manifest.repository}@${manifest.digest}`, manifest]));
  for (const index of manifests) {
    for (const digest of index.children) {
      const child = byName.get(`${index.repository}@${digest}`);
      // A client may ask for the child only, and that is use of the index too.
      if (child === undefined) continue;
      const youngest = Math.max(usedAt.get(index)!, usedAt.get(child)!);
      usedAt.set(index, youngest);
      usedAt.set(child, youngest);
    }
  }
  return usedAt;
}

/** @returns what went, and the bytes that the cache's manifests still need */
export async function evict(
  catalog: RegistryCatalog,
  upstreams: Upstreams,
  use: UseRecord,
  limits: EvictionLimits,
  warn: (message: string, fields: Record<string, unknown>) => void,
): Promise<{ evicted: number; bytes: number }> {
  const manifests = await gather(catalog, upstreams, use);
  const plan = planEviction(manifests, limits, Date.now());
  const gone = new Set(plan.evicted);
  for (const manifest of plan.evicted) {
    try {
      await remove(
        catalog,
        manifest,
        manifests.filter((other) => !gone.has(other)),
        use,
      );
    } catch (error) {
      warn("eviction failed", { repository: manifest.repository, digest: manifest.digest, reason: errorText(error) });
    }
  }
  return { evicted: plan.evicted.length, bytes: plan.bytes };
}

async function remove(
  catalog: RegistryCatalog,
  { repository, digest, tags, content }: CachedManifest,
  staying: readonly CachedManifest[],
  use: UseRecord,
): Promise<void> {
  await catalog.deleteManifest(repository, digest, ACTOR).catch(ignoreAbsent);
  for (const tag of tags) use.forget(repository, { tag });
  use.forget(repository, { digest });
  const needed = new Set(
    staying
      .filter((other) => other.repository === repository)
      .flatMap((other) => other.content.map((item) => item.digest)),
  );
  for (const item of content) {
    if (item.digest !== digest && !needed.has(item.digest)) {
      await catalog.deleteBlob(repository, item.digest, ACTOR).catch(ignoreAbsent);
    }
  }
}

async function gather(catalog: RegistryCatalog, upstreams: Upstreams, use: UseRecord): Promise<CachedManifest[]> {
  const manifests: CachedManifest[] = [];
  for await (const repository of allRepositories(catalog)) {
    if (upstreams.find(repository) !== undefined) manifests.push(...(await gatherRepository(catalog, repository, use)));
  }
  return manifests;
}

async function gatherRepository(
  catalog: RegistryCatalog,
  repository: string,
  use: UseRecord,
): Promise<CachedManifest[]> {
  const tags = new Map<Digest, string[]>();
  for await (const { name, digest } of catalog.listTagRecords(repository)) {
    tags.set(digest, [...(tags.get(digest) ?? []), name]);
  }
  const manifests: CachedManifest[] = [];
  for await (const { descriptor, storedAt } of catalog.listManifests(repository)) {
    const stored = await catalog.findManifest(repository, descriptor.digest);
    if (stored === undefined) continue;
    const { blobs, children } = parseManifestLinks(stored.bytes);
    const present = await Promise.all(
      blobs.map(async (blob) => (await catalog.findBlob(repository, blob.digest)) && blob),
    );
    manifests.push({
      repository,
      digest: descriptor.digest,
      usedAt: Math.max(use.usedAt(repository, descriptor.digest), storedAt),
      tags: tags.get(descriptor.digest) ?? [],
      content: [descriptor, ...present.filter((blob) => blob !== undefined)],
      children,
    });
  }
  return manifests;
}

function ignoreAbsent(error: unknown): void {
  if (!isKind(error, "not-found")) throw error;
}
