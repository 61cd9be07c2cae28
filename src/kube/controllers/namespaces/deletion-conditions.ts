/** What a namespace on its way out tells of what is still in it. */

import type { NamespaceCondition } from "../../../model/kubernetes/core.ts";
import type { KubeObject, ResourceType } from "../../../model/kubernetes/object.ts";
import { timestamp } from "../../machinery/core.ts";
import { withCondition } from "../status-conditions.ts";

/** Objects of one kind that are still there. */
export interface Remainder {
  type: ResourceType;
  objects: readonly KubeObject[];
}

/** @param failure why something could not be deleted */
export function deletionConditions(
  before: readonly NamespaceCondition[] | undefined,
  remaining: readonly Remainder[],
  failure: string | undefined,
  now: number,
): NamespaceCondition[] {
  const told: [type: string, status: boolean, reason: string, message: string][] = [
    ["NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered", "All resources successfully discovered"],
    [
      "NamespaceDeletionGroupVersionParsingFailure",
      false,
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ],
    failure === undefined
      ? [
          "NamespaceDeletionContentFailure",
          false,
          "ContentDeleted",
          "All content successfully deleted, may be waiting on finalization",
        ]
      : [
          "NamespaceDeletionContentFailure",
          true,
          "ContentDeletionFailed",
          `Failed to delete all resource types, 1 remaining: ${failure}`,
        ],
    contentRemaining(remaining),
    finalizersRemaining(remaining),
  ];
  return told.reduce<NamespaceCondition[]>(
    (conditions, [type, status, reason, message]) =>
      replaced(conditions, {
        type,
        status: status ? "True" : "False",
        reason,
        message,
        lastTransitionTime: timestamp(now),
      }),
    [...(before ?? [])],
  );
}

/** Like withCondition, but a new message alone is news here: the counts in it change. */
function replaced(conditions: readonly NamespaceCondition[], next: NamespaceCondition): NamespaceCondition[] {
  const i = conditions.findIndex((condition) => condition.type === next.type);
  const current = conditions[i];
  if (current === undefined || current.status !== next.status) return withCondition(conditions, next);
  return conditions.with(i, { ...next, lastTransitionTime: current.lastTransitionTime });
}

type Told = [type: string, status: boolean, reason: string, message: string];

function contentRemaining(remaining: readonly Remainder[]): Told {
  if (remaining.length === 0) {
    return ["NamespaceContentRemaining", false, "ContentRemoved", "All content successfully removed"];
  }
  const counts = remaining.map(
    ({ type, objects }) => `${type.resource}.${type.group} has ${objects.length} resource instances`,
  );
  const message = `Some resources are remaining: ${counts.sort().join(", ")}`;
  return ["NamespaceContentRemaining", true, "SomeResourcesRemain", message];
}

function finalizersRemaining(remaining: readonly Remainder[]): Told {
  const counts = new Map<string, number>();
  for (const { objects } of remaining) {
    for (const finalizer of objects.flatMap((object) => object.metadata.finalizers ?? [])) {
      counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1);
    }
  }
  if (counts.size === 0) {
    return [
      "NamespaceFinalizersRemaining",
      false,
      "ContentHasNoFinalizers",
      "All content-preserving finalizers finished",
    ];
  }
  const list = [...counts].sort().map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  const message = `Some content in the namespace has finalizers remaining: ${list.join(", ")}`;
  return ["NamespaceFinalizersRemaining", true, "SomeFinalizersRemain", message];
}
