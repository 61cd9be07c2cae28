/** A deployment's replica sets as its history: which one is of the present template, which number each has. */

import type { Deployment, ReplicaSet } from "../../../model/kubernetes/apps.ts";
import type { PodTemplateSpec } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { canonicalJson } from "../template-hash.ts";

export const POD_TEMPLATE_HASH = "pod-template-hash";
export const REVISION = "deployment.kubernetes.io/revision";
const REVISION_HISTORY = "deployment.kubernetes.io/revision-history";
const DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas";
export const MAX_REPLICAS = "deployment.kubernetes.io/max-replicas";
/** Annotations of a deployment that its replica sets do not take over. */
const NOT_COPIED = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  "deprecated.deployment.rollback.to",
]);

/** The template without the label that tells its hash, as text. */
function bareTemplate(template: PodTemplateSpec | undefined): string {
  const labels = { ...template?.metadata?.labels };
  delete labels[POD_TEMPLATE_HASH];
  const { creationTimestamp: _, ...metadata } = template?.metadata ?? {};
  return canonicalJson({ ...template, metadata: { ...metadata, labels } });
}

export function byAge(a: Stored<ReplicaSet>, b: Stored<ReplicaSet>): number {
  const left = a.metadata.creationTimestamp;
  const right = b.metadata.creationTimestamp;
  if (left !== right) return left < right ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

/** The replica set of the deployment's present template: the oldest, if there are more. */
export function newReplicaSet(
  deployment: Deployment,
  sets: readonly Stored<ReplicaSet>[],
): Stored<ReplicaSet> | undefined {
  const wanted = bareTemplate(deployment.spec?.template);
  return [...sets].sort(byAge).find((set) => bareTemplate(set.spec?.template) === wanted);
}

/** Revisions have 64 bits. */
export function revisionOf(set: ReplicaSet | Deployment): bigint {
  return parseRevision(set.metadata.annotations?.[REVISION]);
}

function parseRevision(text: string | undefined): bigint {
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : 0n;
}

export function highestRevision(sets: readonly ReplicaSet[]): bigint {
  return sets.map(revisionOf).reduce((highest, revision) => (revision > highest ? revision : highest), 0n);
}

/** The annotations of the new replica set's deployment that it takes over, and the sizes it was last scaled for. */
function copiedAnnotations(deployment: Deployment): Record<string, string> {
  const entries = Object.entries(deployment.metadata.annotations ?? {});
  return Object.fromEntries(entries.filter(([key]) => !NOT_COPIED.has(key)));
}

/**
 * The annotations of the new replica set at `revision`. A set that comes back (undo) keeps the numbers it had in its history.
 * @param current what it has now; undefined for a set that is about to be made
 */
export function newSetAnnotations(
  deployment: Deployment,
  current: Readonly<Record<string, string>> | undefined,
  revision: bigint,
): Record<string, string> {
  const annotations = { ...current, ...copiedAnnotations(deployment) };
  const before = current?.[REVISION];
  const old = parseRevision(before);
  if (old >= revision && old > 0n) return annotations;
  annotations[REVISION] = String(revision);
  if (before !== undefined) {
    const history = current?.[REVISION_HISTORY];
    annotations[REVISION_HISTORY] = history === undefined || history === "" ? before : `${history},${before}`;
  }
  return annotations;
}

/** The annotations that tell for which sizes a set was scaled. */
export function sizeAnnotations(replicas: number, surge: number): Record<string, string> {
  return { [DESIRED_REPLICAS]: String(replicas), [MAX_REPLICAS]: String(replicas + surge) };
}

/** The deployment's size for which the set was last scaled; undefined when it does not tell. */
export function desiredReplicasOf(set: ReplicaSet): number | undefined {
  const text = set.metadata.annotations?.[DESIRED_REPLICAS];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Old replica sets that the history has no room for: empty, settled, lowest revisions first. */
export function surplusHistory(old: readonly Stored<ReplicaSet>[], limit: number | undefined): Stored<ReplicaSet>[] {
  if (limit === undefined) return [];
  const alive = old.filter((set) => set.metadata.deletionTimestamp === undefined);
  const surplus = alive.length - limit;
  if (surplus <= 0) return [];
  const ordered = [...alive].sort((a, b) => Number(revisionOf(a) - revisionOf(b)) || byAge(a, b));
  return ordered.slice(0, surplus).filter((set) => {
    const settled = (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0);
    return (set.status?.replicas ?? 0) === 0 && (set.spec?.replicas ?? 1) === 0 && settled;
  });
}
