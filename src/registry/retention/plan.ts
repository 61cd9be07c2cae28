/** Decides what retention rules remove from one repository. Pure: a dry run, a sweep and a test read the same plan. */
import type { Digest } from "../../model/image.ts";
import type { RetentionRule } from "./rules.ts";

export interface TagFact {
  name: string;
  digest: Digest;
  /** Milliseconds since 1970. */
  updatedAt: number;
}
export interface ManifestFact {
  digest: Digest;
  storedAt: number;
  /** Manifests that an index holds. */
  children: readonly Digest[];
  /** What a signature or an SBOM belongs to. */
  subject: Digest | undefined;
  /** Of the manifest, its config and its layers. */
  bytes: number;
}
export interface RepositoryFacts {
  repository: string;
  tags: readonly TagFact[];
  manifests: readonly ManifestFact[];
}
export interface Removal {
  repository: string;
  /** Undefined: a manifest without a tag. */
  tag: string | undefined;
  digest: Digest;
  reason: string;
}

/** Tags by which clients without the referrers API attach things to a digest ("sha256-<hex>", cosign's ".sig", …). */
const ATTACHED_TAG = /^(sha256|sha512)-([a-f0-9]{64})(?:\.[a-z]+)?$/;
const DAY_MS = 86_400_000;

/** Tags first, then manifests; those that hold others before those they hold. */
export function planRetention(facts: RepositoryFacts, rules: readonly RetentionRule[], now: number): Removal[] {
  const own = rules.filter((rule) => rule.repositories(facts.repository));
  if (own.length === 0) return [];
  const removedTags = judgeTags(facts, own, now);
  const kept = keptManifests(facts, own, removedTags, now);
  const { repository } = facts;
  const removals: Removal[] = [];
  for (const tag of facts.tags) {
    const subject = attachedTo(tag, facts);
    const reason =
      removedTags.get(tag.name) ??
      (subject !== undefined && isGone(subject, facts, kept) ? goneWith(subject) : undefined);
    if (reason !== undefined) removals.push({ repository, tag: tag.name, digest: tag.digest, reason });
  }
  const doomed = facts.manifests.filter((manifest) => !kept.has(manifest.digest));
  for (const manifest of holdersFirst(doomed)) {
    removals.push({
      repository,
      tag: undefined,
      digest: manifest.digest,
      reason: manifestReason(manifest, facts, removedTags),
    });
  }
  return removals;
}

/** The tags that go, each with the reason. */
function judgeTags(facts: RepositoryFacts, rules: readonly RetentionRule[], now: number): Map<string, string> {
  const free = facts.tags.filter((tag) => attachedTo(tag, facts) === undefined);
  const judged = new Map<string, string[]>();
  const kept = new Set<string>();
  for (const rule of rules) {
    if (rule.tags === undefined) continue;
    const mine = free.filter((tag) => rule.tags!(tag.name)).sort(newestFirst);
    for (const [rank, tag] of mine.entries()) {
      if (isKept(rule, tag, rank, now)) kept.add(tag.name);
      else judged.set(tag.name, [...(judged.get(tag.name) ?? []), whyNot(rule, tag, rank, now)]);
    }
  }
  return new Map([...judged].filter(([name]) => !kept.has(name)).map(([name, reasons]) => [name, reasons.join("; ")]));
}

function isKept(rule: RetentionRule, tag: TagFact, rank: number, now: number): boolean {
  return (
    rule.keep(tag.name) ||
    (rule.keepNewest !== undefined && rank < rule.keepNewest) ||
    (rule.keepYoungerMs !== undefined && now - tag.updatedAt < rule.keepYoungerMs)
  );
}

function whyNot(rule: RetentionRule, tag: TagFact, rank: number, now: number): string {
  const reasons: string[] = [];
  if (rule.keepNewest !== undefined) reasons.push(`number ${rank + 1} by age, of which ${rule.keepNewest} stay`);
  if (rule.keepYoungerMs !== undefined)
    reasons.push(`set ${age(now - tag.updatedAt)} ago, kept for ${age(rule.keepYoungerMs)}`);
  if (reasons.length === 0) reasons.push("no pattern keeps it");
  return `${reasons.join(", ")} (${rule.name})`;
}

/** Everything that must stay: what remaining tags reach, what is too young to go, and what is attached to what stays. */
function keptManifests(
  facts: RepositoryFacts,
  rules: readonly RetentionRule[],
  removedTags: ReadonlyMap<string, string>,
  now: number,
): Set<Digest> {
  const here = new Set(facts.manifests.map(({ digest }) => digest));
  const held = new Set(facts.manifests.flatMap(({ children }) => children));
  const wasTagged = new Set(facts.tags.map(({ digest }) => digest));
  const untaggedMs = shortest(rules.map((rule) => rule.untaggedMs));
  const isYoung = (storedAt: number) => untaggedMs === undefined || now - storedAt < untaggedMs;
  const untagged = facts.manifests.filter(
    ({ digest, subject, storedAt }) =>
      !wasTagged.has(digest) && !held.has(digest) && !(subject && here.has(subject)) && isYoung(storedAt),
  );
  const tags = facts.tags.filter((tag) => !removedTags.has(tag.name));
  return reachable(
    { ...facts, tags },
    untagged.map(({ digest }) => digest),
  );
}

/** What the tags and `roots` need: the manifests themselves, what an index holds, what is attached to any of them. */
export function reachable(facts: RepositoryFacts, roots: readonly Digest[] = []): Set<Digest> {
  const byDigest = new Map(facts.manifests.map((manifest) => [manifest.digest, manifest]));
  const kept = new Set<Digest>();
  const keep = (digest: Digest): void => {
    const manifest = byDigest.get(digest);
    if (manifest === undefined || kept.has(digest)) return;
    kept.add(digest);
    for (const child of manifest.children) keep(child);
  };
  for (const tag of facts.tags) if (attachedTo(tag, facts) === undefined) keep(tag.digest);
  for (const root of roots) keep(root);
  keepAttached(facts, kept, keep);
  return kept;
}

/** Signatures and SBOMs of what stays, and what is attached to those, until nothing is added. */
function keepAttached(facts: RepositoryFacts, kept: ReadonlySet<Digest>, keep: (digest: Digest) => void): void {
  for (let before = -1; before !== kept.size; ) {
    before = kept.size;
    for (const { digest, subject } of facts.manifests) if (subject !== undefined && kept.has(subject)) keep(digest);
    for (const tag of facts.tags) {
      const subject = attachedTo(tag, facts);
      if (subject !== undefined && !isGone(subject, facts, kept)) keep(tag.digest);
    }
  }
}

/** A tag that is attached to a digest which is not here stays: perhaps what it belongs to has not been pushed yet. */
function isGone(subject: Digest, facts: RepositoryFacts, kept: ReadonlySet<Digest>): boolean {
  return facts.manifests.some((manifest) => manifest.digest === subject) && !kept.has(subject);
}

function attachedTo(tag: TagFact, { manifests }: RepositoryFacts): Digest | undefined {
  const [, algorithm, hex] = ATTACHED_TAG.exec(tag.name) ?? [];
  if (algorithm === "sha256") return `sha256:${hex}`;
  if (algorithm === undefined) return undefined;
  // Such a tag has room for the first half of a sha512 digest.
  return manifests.find(({ digest }) => digest.startsWith(`sha512:${hex}`))?.digest ?? `sha512:${hex}`;
}

function manifestReason(
  manifest: ManifestFact,
  facts: RepositoryFacts,
  removedTags: ReadonlyMap<string, string>,
): string {
  const tags = facts.tags.filter((tag) => tag.digest === manifest.digest && removedTags.has(tag.name));
  if (tags.length > 0) return `its last tag goes (${tags.map((tag) => tag.name).join(", ")})`;
  if (manifest.subject !== undefined) return goneWith(manifest.subject);
  const holder = facts.manifests.find((other) => other.children.includes(manifest.digest));
  return holder === undefined ? "no tag names it" : `the index that held it goes (${short(holder.digest)})`;
}

/** An index before its children, an image after what is attached to it would be wrong too: attached things go last. */
function holdersFirst(manifests: readonly ManifestFact[]): ManifestFact[] {
  const byDigest = new Map(manifests.map((manifest) => [manifest.digest, manifest]));
  const heights = new Map<Digest, number>();
  const height = (manifest: ManifestFact | undefined): number => {
    if (manifest === undefined) return 0;
    const known = heights.get(manifest.digest);
    if (known !== undefined) return known;
    heights.set(manifest.digest, 0);
    const below = Math.max(0, ...manifest.children.map((digest) => height(byDigest.get(digest))));
    const own = manifest.children.length > 0 ? below + 1 : manifest.subject === undefined ? 0 : -1;
    heights.set(manifest.digest, own);
    return own;
  };
  return [...manifests].sort((a, b) => height(b) - height(a));
}

function newestFirst(a: TagFact, b: TagFact): number {
  return b.updatedAt - a.updatedAt || (a.name < b.name ? 1 : -1);
}

function shortest(values: readonly (number | undefined)[]): number | undefined {
  const given = values.filter((value) => value !== undefined);
  return given.length === 0 ? undefined : Math.min(...given);
}

const goneWith = (subject: Digest) => `belongs to ${short(subject)}, which goes`;
const short = (digest: Digest) => digest.slice(0, 19);

function age(milliseconds: number): string {
  if (milliseconds >= DAY_MS) return `${Math.floor(milliseconds / DAY_MS)} d`;
  if (milliseconds >= 3_600_000) return `${Math.floor(milliseconds / 3_600_000)} h`;
  return milliseconds >= 60_000 ? `${Math.floor(milliseconds / 60_000)} min` : `${Math.floor(milliseconds / 1000)} s`;
}
