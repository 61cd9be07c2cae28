/** Who owns a stateful set's claims, by its retention policy: nobody, the set, or the pod that goes with a smaller size. */

import type { StatefulSet } from "../../../model/kubernetes/apps.ts";
import type { PersistentVolumeClaim, Pod } from "../../../model/kubernetes/core.ts";
import type { OwnerReference } from "../../../model/kubernetes/meta.ts";
import { PODS, STATEFUL_SETS } from "../../../model/kubernetes/names.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { sameJson } from "../../machinery/copy.ts";
import { controllerReference } from "../ownership.ts";
import { ordinalOf, ordinals } from "./identity.ts";

/**
 * The owner references that the claim shall have.
 * @returns undefined when they are right
 */
export function claimOwners(
  set: Stored<StatefulSet>,
  pod: Stored<Pod>,
  claim: Stored<PersistentVolumeClaim>,
): OwnerReference[] | undefined {
  const policy = set.spec?.persistentVolumeClaimRetentionPolicy;
  const ordinal = ordinalOf(set, pod.metadata.name);
  const condemned = ordinal === undefined || !ordinals(set).includes(ordinal);
  const bySet = policy?.whenDeleted === "Delete" && !(condemned && policy.whenScaled === "Delete");
  const byPod = policy?.whenScaled === "Delete" && condemned;
  const present = claim.metadata.ownerReferences ?? [];
  const others = present.filter(
    (reference) =>
      reference.uid !== set.metadata.uid && !(reference.kind === "Pod" && reference.name === pod.metadata.name),
  );
  const wanted = [
    ...others,
    ...(bySet ? [controllerReference(STATEFUL_SETS, set)] : []),
    ...(byPod ? [controllerReference(PODS, pod)] : []),
  ];
  return sameJson(wanted, present) ? undefined : wanted;
}
