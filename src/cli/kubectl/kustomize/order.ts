/** The order in which objects are printed and applied: what others need comes first. */

import type { KubeManifestObject } from "../manifest-files.ts";
import { nameOf, splitVersion } from "./customized-object.ts";
import type { SortLists } from "./kustomization-file.ts";

const FIRST = [
  ...["Namespace", "ResourceQuota", "StorageClass", "CustomResourceDefinition", "ServiceAccount", "PodSecurityPolicy"],
  ...["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ConfigMap", "Secret", "Endpoints", "Service"],
  ...["LimitRange", "PriorityClass", "PersistentVolume", "PersistentVolumeClaim", "Deployment", "StatefulSet"],
  ...["CronJob", "PodDisruptionBudget"],
];
const LAST = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/** By kind, then group, version, namespace and name. */
export function inOrder<T extends { object: KubeManifestObject }>(
  objects: readonly T[],
  { orderFirst = FIRST, orderLast = LAST }: SortLists = {},
): T[] {
  const rank = ({ kind }: KubeManifestObject): number => {
    const first = orderFirst.indexOf(kind);
    if (first >= 0) return first - orderFirst.length;
    const last = orderLast.indexOf(kind);
    return last < 0 ? 0 : last + 1;
  };
  // What is missing sorts behind all names.
  const text = (object: KubeManifestObject): string => {
    const { group, version } = splitVersion(object.apiVersion);
    const { name, namespace } = nameOf(object);
    return [group || "~G", version || "~V", object.kind, namespace || "~X", name].join("_");
  };
  return objects.toSorted((one, other) => {
    const byRank = rank(one.object) - rank(other.object);
    if (byRank !== 0) return byRank;
    return text(one.object) < text(other.object) ? -1 : 1;
  });
}
