/** Which volume fits a claim. Pure. */

import type { PersistentVolume, PersistentVolumeClaim } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { compareQuantities, parseQuantity } from "../../model/kubernetes/quantity.ts";
import { labelSelectorMatcher } from "../machinery/selectors.ts";

/** Whether the volume is held for this claim, by whoever wrote its claimRef. */
export function isHeldFor(volume: PersistentVolume, { metadata }: Stored<PersistentVolumeClaim>): boolean {
  const { claimRef } = volume.spec ?? {};
  if (claimRef?.name !== metadata.name || claimRef.namespace !== metadata.namespace) return false;
  return claimRef.uid === undefined || claimRef.uid === metadata.uid;
}

/** The smallest volume that is free, or held for the claim, and has what the claim asks for. */
export function findVolume(
  claim: Stored<PersistentVolumeClaim>,
  volumes: readonly Stored<PersistentVolume>[],
): Stored<PersistentVolume> | undefined {
  const held = volumes.find((volume) => isHeldFor(volume, claim));
  if (held !== undefined) return held;
  return volumes
    .filter(({ spec, metadata }) => spec?.claimRef === undefined && metadata.deletionTimestamp === undefined)
    .filter((volume) => fits(volume, claim))
    .sort((a, b) => compareQuantities(sizeOf(a), sizeOf(b)) || (a.metadata.name < b.metadata.name ? -1 : 1))[0];
}

function fits(volume: Stored<PersistentVolume>, { spec = {} }: PersistentVolumeClaim): boolean {
  const { storageClassName = "", accessModes = [], volumeMode = "Filesystem" } = volume.spec ?? {};
  const wanted = parseQuantity(spec.resources?.requests?.storage ?? "0");
  return (
    storageClassName === (spec.storageClassName ?? "") &&
    volumeMode === (spec.volumeMode ?? "Filesystem") &&
    (spec.accessModes ?? []).every((mode) => accessModes.includes(mode)) &&
    wanted !== undefined &&
    compareQuantities(sizeOf(volume), wanted) >= 0 &&
    (spec.selector === undefined || labelSelectorMatcher(spec.selector)(volume.metadata.labels))
  );
}

function sizeOf({ spec }: PersistentVolume) {
  return parseQuantity(spec?.capacity?.storage ?? "0") ?? { nano: 0n, format: "decimal" as const };
}
