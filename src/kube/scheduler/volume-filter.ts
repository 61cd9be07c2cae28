/** Volumes bind pods to nodes: a claim's volume may be on one node only, and a claim without a volume waits for the choice. */

import type { PersistentVolume, PersistentVolumeClaim } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { StorageClass } from "../../model/kubernetes/storage.ts";
import type { PodView } from "./cluster-view.ts";
import { type Filter, lasting } from "./filter.ts";
import { nodeSelectorMatches } from "./node-selection.ts";

/** Where claims, volumes and classes are looked up. */
export interface VolumeLookup {
  claim(namespace: string, name: string): Stored<PersistentVolumeClaim> | undefined;
  volume(name: string): Stored<PersistentVolume> | undefined;
  storageClass(name: string): Stored<StorageClass> | undefined;
}

/** Names of the claims that the pod uses; those of ephemeral volumes bear the pod's and the volume's name. */
function claimNamesOf({ pod }: PodView): string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim !== undefined) return [volume.persistentVolumeClaim.claimName];
    return volume.ephemeral === undefined ? [] : [`${pod.metadata.name}-${volume.name}`];
  });
}

const isBound = (claim: PersistentVolumeClaim) =>
  claim.status?.phase === "Bound" && (claim.spec?.volumeName ?? "") !== "";

function waitsForChoice(claim: PersistentVolumeClaim, lookup: VolumeLookup): boolean {
  const className = claim.spec?.storageClassName;
  if (className === undefined || className === "") return false;
  return lookup.storageClass(className)?.volumeBindingMode === "WaitForFirstConsumer";
}

/** Claims that are provisioned once a node is chosen. */
export function claimsToProvision(pod: PodView, lookup: VolumeLookup): Stored<PersistentVolumeClaim>[] {
  return claimNamesOf(pod)
    .map((name) => lookup.claim(pod.namespace, name))
    .filter((claim) => claim !== undefined)
    .filter((claim) => !isBound(claim) && waitsForChoice(claim, lookup));
}

/** What keeps the pod from every node; undefined: nothing. */
function faultOfClaims(pod: PodView, lookup: VolumeLookup): string | undefined {
  for (const name of claimNamesOf(pod)) {
    const claim = lookup.claim(pod.namespace, name);
    if (claim === undefined) return `persistentvolumeclaim "${name}" not found`;
    if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
    if (!isBound(claim) && !waitsForChoice(claim, lookup)) return "pod has unbound immediate PersistentVolumeClaims";
  }
  return undefined;
}

export function volumeFilter(lookup: VolumeLookup): Filter {
  return {
    name: "VolumeBinding",
    prepare(pod) {
      const names = claimNamesOf(pod);
      if (names.length === 0) return undefined;
      const fault = faultOfClaims(pod, lookup);
      if (fault !== undefined) return () => lasting(fault);
      const wishes = names.flatMap((name) => {
        const claim = lookup.claim(pod.namespace, name)!;
        const required = isBound(claim)
          ? lookup.volume(claim.spec!.volumeName!)?.spec?.nodeAffinity?.required
          : undefined;
        return required === undefined ? [] : [required];
      });
      if (wishes.length === 0) return undefined;
      return (node) =>
        wishes.every((wish) => nodeSelectorMatches(wish, node))
          ? undefined
          : lasting("node(s) had volume node affinity conflict");
    },
  };
}
