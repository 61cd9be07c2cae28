/** Who a pod of a stateful set is: its number, its names, its claims. */

import type { StatefulSet } from "../../../model/kubernetes/apps.ts";
import type { PersistentVolumeClaim, Pod, Volume } from "../../../model/kubernetes/core.ts";
import { STATEFUL_SETS } from "../../../model/kubernetes/names.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { copyOf } from "../../machinery/copy.ts";
import { controllerReference } from "../ownership.ts";

export const POD_NAME = "statefulset.kubernetes.io/pod-name";
export const POD_INDEX = "apps.kubernetes.io/pod-index";
export const CONTROLLER_REVISION_HASH = "controller-revision-hash";

/** The number at the end of the pod's name; undefined for a pod that is none of the set's. */
export function ordinalOf(set: Stored<StatefulSet>, podName: string): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const digits = podName.startsWith(prefix) ? podName.slice(prefix.length) : "";
  return /^\d+$/.test(digits) ? Number(digits) : undefined;
}

/** The numbers that the set shall have, low to high. */
export function ordinals(set: StatefulSet): number[] {
  const start = set.spec?.ordinals?.start ?? 0;
  return Array.from({ length: set.spec?.replicas ?? 1 }, (_, i) => start + i);
}

export function podName(set: Stored<StatefulSet>, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

export function claimName(set: Stored<StatefulSet>, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** The claims of one pod, as they are made when they do not exist. */
export function claimsOf(set: Stored<StatefulSet>, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => {
    const claim = copyOf(template);
    return {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name: claimName(set, template, ordinal),
        namespace: set.metadata.namespace,
        labels: { ...claim.metadata.labels, ...set.spec?.selector.matchLabels },
        ...(claim.metadata.annotations === undefined ? {} : { annotations: claim.metadata.annotations }),
      },
      spec: claim.spec,
    };
  });
}

/** The template's volumes, those of the claim templates bound to this pod's claims. */
function volumesOf(set: Stored<StatefulSet>, ordinal: number, own: readonly Volume[]): Volume[] {
  const claims = (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata.name!,
    persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
  }));
  const names = new Set(claims.map((volume) => volume.name));
  return [...claims, ...own.filter((volume) => !names.has(volume.name))];
}

/**
 * The pod of that number.
 * @param set with the template of the revision that the pod is to have
 */
export function newPod(set: Stored<StatefulSet>, ordinal: number, revision: string): Pod {
  const template = copyOf(set.spec!.template);
  const name = podName(set, ordinal);
  const volumes = volumesOf(set, ordinal, template.spec?.volumes ?? []);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...template.metadata,
      name,
      namespace: set.metadata.namespace,
      labels: {
        ...template.metadata?.labels,
        [POD_NAME]: name,
        [POD_INDEX]: String(ordinal),
        [CONTROLLER_REVISION_HASH]: revision,
      },
      ownerReferences: [controllerReference(STATEFUL_SETS, set)],
    },
    spec: {
      ...template.spec!,
      hostname: name,
      subdomain: set.spec?.serviceName ?? "",
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  };
}

/** Whether the pod still bears the names that it was given. */
export function hasIdentity(set: Stored<StatefulSet>, pod: Stored<Pod>): boolean {
  const ordinal = ordinalOf(set, pod.metadata.name);
  const labels = pod.metadata.labels ?? {};
  return ordinal !== undefined && labels[POD_NAME] === pod.metadata.name && labels[POD_INDEX] === String(ordinal);
}
