/** Controller revisions: the templates that a stateful set or daemon set has had, numbered. */

import type { ControllerRevision } from "../../model/kubernetes/apps.ts";
import type { PodTemplateSpec } from "../../model/kubernetes/core.ts";
import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import { copyOf } from "../machinery/copy.ts";
import { controllerReference } from "./ownership.ts";
import { canonicalJson, contentHash } from "./template-hash.ts";

export const REVISION_HASH = "controller.kubernetes.io/hash";

/** What the revision keeps: a strategic merge patch that puts the template back (kubectl rollout undo applies it). */
function revisionData(template: PodTemplateSpec): unknown {
  return { spec: { template: { ...copyOf(template), $patch: "replace" } } };
}

/** The template that a revision keeps. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const data = copyOf(revision.data) as { spec: { template: PodTemplateSpec & { $patch?: string } } };
  const { $patch: _, ...template } = data.spec.template;
  return template;
}

export function byRevision(a: Stored<ControllerRevision>, b: Stored<ControllerRevision>): number {
  return a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1);
}

type RevisionStep =
  | { step: "use"; revision: Stored<ControllerRevision> }
  /** The template is one that was there before: its revision becomes the newest. */
  | { step: "renumber"; revision: Stored<ControllerRevision>; number: number }
  | { step: "create"; revision: ControllerRevision };

/**
 * The revision of the owner's present template.
 * @param history revisions that the owner controls
 * @param labels of the revision made, beside its hash
 */
export function presentRevision(
  type: ResourceType,
  owner: Stored<KubeObject>,
  template: PodTemplateSpec,
  history: readonly Stored<ControllerRevision>[],
  collisions: number,
  labels: Readonly<Record<string, string>>,
): RevisionStep {
  const sorted = [...history].sort(byRevision);
  const data = revisionData(template);
  const text = canonicalJson(data);
  const last = sorted.at(-1);
  const equal = sorted.filter((revision) => canonicalJson(revision.data) === text).at(-1);
  if (equal !== undefined && equal === last) return { step: "use", revision: equal };
  const number = (last?.revision ?? 0) + 1;
  if (equal !== undefined) return { step: "renumber", revision: equal, number };
  const hash = contentHash(data, collisions);
  return {
    step: "create",
    revision: {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: {
        name: `${owner.metadata.name}-${hash}`,
        namespace: owner.metadata.namespace,
        labels: { ...labels, [REVISION_HASH]: hash },
        ownerReferences: [controllerReference(type, owner)],
      },
      data,
      revision: number,
    },
  };
}

/** Revisions that no pod uses and that the history has no room for, the oldest. */
export function surplusRevisions(
  history: readonly Stored<ControllerRevision>[],
  used: ReadonlySet<string>,
  limit: number,
): Stored<ControllerRevision>[] {
  const idle = [...history].sort(byRevision).filter((revision) => !used.has(revision.metadata.name));
  return idle.slice(0, Math.max(0, idle.length - limit));
}
