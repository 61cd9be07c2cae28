/** What `apply --prune` and `diff --prune` take for left over: applied once, and not in the files any more. */

import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";
import { lastAppliedText } from "./last-applied.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import type { ObjectTarget } from "./resource-arguments.ts";
import { groupVersion, pathOf, type ServedType } from "./resource-types.ts";

const DEFAULT_TYPES = [
  ...["ConfigMap", "Endpoints", "Namespace", "PersistentVolumeClaim", "PersistentVolume", "Pod"].map(
    (kind) => `core/v1/${kind}`,
  ),
  ...["ReplicationController", "Secret", "Service"].map((kind) => `core/v1/${kind}`),
  ...["batch/v1/Job", "batch/v1/CronJob", "networking.k8s.io/v1/Ingress"],
  ...["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"].map((kind) => `apps/v1/${kind}`),
];

/** The flags that both commands have. */
export interface PruneFlags {
  readonly "prune-allowlist": readonly string[];
  readonly selector: string;
}

/**
 * @param kept the objects of the files
 * @throws CliError when --prune-allowlist names no type
 */
export async function prunableObjects(
  context: KubectlContext,
  flags: PruneFlags,
  kept: readonly ObjectTarget[],
): Promise<{ target: ObjectTarget; object: KubeManifestObject }[]> {
  const api = await context.api();
  const namespaces = [...new Set(kept.flatMap(({ namespace }) => (namespace === undefined ? [] : [namespace])))];
  const isKept = (type: ServedType, namespace: string | undefined, name: string) =>
    kept.some((one) => one.name === name && one.namespace === namespace && one.type.kind === type.kind);
  const found: { target: ObjectTarget; object: KubeManifestObject }[] = [];
  for (const type of await prunedTypes(context, flags["prune-allowlist"])) {
    for (const namespace of type.namespaced ? namespaces : [undefined]) {
      const query = { labelSelector: flags.selector };
      const { items = [] } = await api.get<{ items?: KubeManifestObject[] }>(pathOf(type, namespace), { query });
      for (const item of items) {
        const name = item.metadata?.name ?? "";
        if (lastAppliedText(item) === undefined || isKept(type, namespace, name)) continue;
        const object = { ...item, apiVersion: groupVersion(type), kind: type.kind };
        found.push({ target: { type, namespace, name }, object });
      }
    }
  }
  return found;
}

/** Types of namespaces come first, as kubectl prunes them. */
async function prunedTypes(context: KubectlContext, allowed: readonly string[]): Promise<ServedType[]> {
  const types = await context.types();
  const names = allowed.length === 0 ? DEFAULT_TYPES : allowed;
  const found = names.flatMap((name) => {
    const [group = "", version = "", kind = "", ...more] = name.split("/");
    if (kind === "" || more.length > 0)
      throw new CliError(`error: invalid GroupVersionKind format: ${name}, please follow <group/version/kind>`);
    const served = { group: group === "core" ? "" : group, version };
    // A server need not serve all that is pruned by default.
    if (allowed.length > 0) return [types.ofKind(groupVersion(served), kind)];
    return types.all.filter((type) => groupVersion(type) === groupVersion(served) && type.kind === kind);
  });
  return [...found.filter(({ namespaced }) => namespaced), ...found.filter(({ namespaced }) => !namespaced)];
}
