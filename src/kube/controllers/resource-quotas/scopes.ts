/** Which pods a ResourceQuota with scopes speaks of. */

import type { Pod, ResourceQuota } from "../../../model/kubernetes/core.ts";
import { PODS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType } from "../../../model/kubernetes/object.ts";
import { qosClassOf } from "../../resources/pod-qos.ts";
import { isKind } from "./usage.ts";

interface Requirement {
  scopeName: string;
  operator: string;
  values?: readonly string[];
}

/** True when the quota counts this object; with scopes it counts pods alone. */
export function isInScope(quota: ResourceQuota, type: ResourceType, object: KubeObject): boolean {
  const { scopes = [], scopeSelector } = quota.spec ?? {};
  const requirements: Requirement[] = [
    ...scopes.map((scopeName) => ({ scopeName, operator: "Exists" })),
    ...(scopeSelector?.matchExpressions ?? []),
  ];
  if (requirements.length === 0) return true;
  if (!isKind(type, PODS)) return false;
  return requirements.every((requirement) => isMet(object as Pod, requirement));
}

function isMet(pod: Pod, { scopeName, operator, values = [] }: Requirement): boolean {
  const { spec } = pod;
  const terminates = spec?.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds >= 0;
  switch (scopeName) {
    case "Terminating":
      return terminates;
    case "NotTerminating":
      return !terminates;
    case "BestEffort":
      return qosClassOf(spec) === "BestEffort";
    case "NotBestEffort":
      return qosClassOf(spec) !== "BestEffort";
    case "PriorityClass":
      return chosen(spec?.priorityClassName ?? "", operator, values);
    case "CrossNamespacePodAffinity":
      return looksElsewhere(pod);
    default:
      return false;
  }
}

function chosen(name: string, operator: string, values: readonly string[]): boolean {
  if (operator === "Exists") return name !== "";
  if (operator === "DoesNotExist") return name === "";
  return values.includes(name) === (operator === "In");
}

/** True when an affinity of the pod names other namespaces. */
function looksElsewhere({ spec }: Pod): boolean {
  const kinds = [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity];
  const terms = kinds.flatMap((kind) => [
    ...(kind?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(kind?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => one.podAffinityTerm),
  ]);
  return terms.some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined);
}
