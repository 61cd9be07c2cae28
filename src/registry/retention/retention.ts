/** Runs retention rules over a registry: looks, plans, removes what nobody came to need meanwhile. */
import { errorText, isKind } from "../../lib/errors.ts";
import type { Actor, RegistryCatalog } from "../contract.ts";
import { parseManifestLinks } from "../manifest-links.ts";
import { allRepositories } from "../repositories.ts";
import {
  type ManifestFact,
  planRetention,
  type Removal,
  type RepositoryFacts,
  reachable,
  type TagFact,
} from "./plan.ts";
import type { RetentionRule } from "./rules.ts";

const ACTOR: Actor = { user: "naru-retention", remoteAddress: "" };

export interface RetentionOutcome {
  removed: Removal[];
  failed: { removal: Removal; reason: string }[];
}

/** What the rules would remove now, repository by repository. */
export async function* planAll(
  catalog: RegistryCatalog,
  rules: readonly RetentionRule[],
  options: { signal?: AbortSignal; now?: number } = {},
): AsyncGenerator<Removal[]> {
  for await (const repository of allRepositories(catalog)) {
    options.signal?.throwIfAborted();
    if (!rules.some((rule) => rule.repositories(repository))) continue;
    const removals = planRetention(await gatherFacts(catalog, repository), rules, options.now ?? Date.now());
    if (removals.length > 0) yield removals;
  }
}

/** Removes what the rules say. Fails for single removals are told and do not stop the others. */
export async function sweep(
  catalog: RegistryCatalog,
  rules: readonly RetentionRule[],
  options: { signal?: AbortSignal; now?: number } = {},
): Promise<RetentionOutcome> {
  const outcome: RetentionOutcome = { removed: [], failed: [] };
  for await (const removals of planAll(catalog, rules, options)) {
    for (const removal of removals) {
      if (removal.tag === undefined) continue;
      const current = await catalog.findManifest(removal.repository, removal.tag);
      // Set anew since the plan was made.
      if (current?.descriptor.digest !== removal.digest) continue;
      await attempt(catalog, removal, removal.tag, outcome);
    }
    // A push since the plan was made may have come to need a manifest again.
    const needed = reachable(await gatherFacts(catalog, removals[0]!.repository));
    for (const removal of removals) {
      if (removal.tag !== undefined || needed.has(removal.digest)) continue;
      await attempt(catalog, removal, removal.digest, outcome);
    }
  }
  return outcome;
}

async function attempt(catalog: RegistryCatalog, removal: Removal, reference: string, outcome: RetentionOutcome) {
  try {
    await catalog.deleteManifest(removal.repository, reference, ACTOR);
    outcome.removed.push(removal);
  } catch (error) {
    if (!isKind(error, "not-found")) outcome.failed.push({ removal, reason: errorText(error) });
  }
}

async function gatherFacts(catalog: RegistryCatalog, repository: string): Promise<RepositoryFacts> {
  const manifests: ManifestFact[] = [];
  for await (const { descriptor, storedAt } of catalog.listManifests(repository)) {
    const stored = await catalog.findManifest(repository, descriptor.digest);
    if (stored === undefined) continue;
    manifests.push({ digest: descriptor.digest, storedAt, ...parseManifestLinks(stored.bytes) });
  }
  return { repository, tags: await tagsOf(catalog, repository), manifests };
}

async function tagsOf(catalog: RegistryCatalog, repository: string): Promise<TagFact[]> {
  return await Array.fromAsync(catalog.listTagRecords(repository));
}
