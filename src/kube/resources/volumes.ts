/** Persistent volumes and the claims to them. */

import type { PersistentVolume, PersistentVolumeClaim } from "../../model/kubernetes/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES } from "../../model/kubernetes/names.ts";
import { compareQuantities, parseQuantity } from "../../model/kubernetes/quantity.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, forbidden, required } from "../machinery/field-error.ts";
import { nodeSelectorFaults } from "./affinity-validation.ts";
import { oneOf, selectorFaults } from "./common-rules.ts";
import { amountFaults } from "./resource-validation.ts";
import { statusUpdate } from "./status-update.ts";

const ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
/** Members of a volume's spec that say no source. */
const NOT_SOURCES = new Set([
  "accessModes",
  "capacity",
  "claimRef",
  "mountOptions",
  "nodeAffinity",
  "persistentVolumeReclaimPolicy",
  "storageClassName",
  "volumeAttributesClassName",
  "volumeMode",
]);

function accessModeFaults(modes: readonly string[] | undefined): FieldError[] {
  if ((modes ?? []).length === 0) return [required("spec.accessModes", "at least 1 access mode is required")];
  const faults = (modes ?? []).flatMap((mode) => oneOf("spec.accessModes", mode, ACCESS_MODES));
  if (modes?.includes("ReadWriteOncePod") && modes.length > 1) {
    faults.push(forbidden("spec.accessModes", "may not use ReadWriteOncePod with other access modes"));
  }
  return faults;
}

export const persistentVolumes: ResourceDefinition<PersistentVolume> = {
  type: PERSISTENT_VOLUMES,
  singular: "persistentvolume",
  shortNames: ["pv"],
  partialUpdates: { status: statusUpdate() },
  prepareCreate(volume) {
    volume.status = { phase: "Pending" };
  },
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.persistentVolumeReclaimPolicy ||= "Retain";
    spec.volumeMode ||= "Filesystem";
    if (spec.hostPath !== undefined) spec.hostPath.type ??= "";
  },
  validate({ spec }) {
    const faults = accessModeFaults(spec?.accessModes);
    const storage = spec?.capacity?.storage;
    if (storage === undefined) faults.push(required("spec.capacity"));
    else faults.push(...amountFaults("spec.capacity[storage]", "storage", storage));
    const policies = ["Delete", "Recycle", "Retain"];
    faults.push(...oneOf("spec.persistentVolumeReclaimPolicy", spec?.persistentVolumeReclaimPolicy, policies));
    faults.push(...oneOf("spec.volumeMode", spec?.volumeMode, ["Block", "Filesystem"]));
    const sources = Object.keys(spec ?? {}).filter((name) => !NOT_SOURCES.has(name));
    if (sources.length === 0) faults.push(required("spec", "must specify a volume type"));
    for (const name of sources.slice(1))
      faults.push(forbidden(`spec.${name}`, "may not specify more than 1 volume type"));
    const affinity = spec?.nodeAffinity?.required;
    if (affinity !== undefined) faults.push(...nodeSelectorFaults("spec.nodeAffinity.required", affinity));
    else if (spec?.local !== undefined)
      faults.push(required("spec.nodeAffinity", "Local volume requires node affinity"));
    if (spec?.hostPath !== undefined && !spec.hostPath.path) faults.push(required("spec.hostPath.path"));
    return faults;
  },
  validateUpdate(now, before) {
    const source = ({ spec }: PersistentVolume) =>
      Object.fromEntries(Object.entries(spec ?? {}).filter(([name]) => !NOT_SOURCES.has(name)));
    return Bun.deepEquals(source(now), source(before))
      ? []
      : [forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation")];
  },
  selectableFields: { "spec.claimRef.name": (volume) => volume.spec?.claimRef?.name ?? "" },
};

export const persistentVolumeClaims: ResourceDefinition<PersistentVolumeClaim> = {
  type: PERSISTENT_VOLUME_CLAIMS,
  singular: "persistentvolumeclaim",
  shortNames: ["pvc"],
  partialUpdates: { status: statusUpdate() },
  prepareCreate(claim) {
    claim.status = { phase: "Pending" };
  },
  defaults({ spec }) {
    if (spec !== undefined) spec.volumeMode ||= "Filesystem";
  },
  validate({ spec }) {
    const faults = accessModeFaults(spec?.accessModes);
    const storage = spec?.resources?.requests?.storage;
    if (storage === undefined) faults.push(required("spec.resources[storage]"));
    else faults.push(...amountFaults("spec.resources[storage]", "storage", storage));
    faults.push(...oneOf("spec.volumeMode", spec?.volumeMode, ["Block", "Filesystem"]));
    faults.push(...selectorFaults("spec.selector", spec?.selector));
    return faults;
  },
  validateUpdate(now, before) {
    const faults: FieldError[] = [];
    const asked = now.spec?.resources?.requests?.storage;
    const old = before.spec?.resources?.requests?.storage;
    const [wanted, had] = [parseQuantity(asked ?? "0"), parseQuantity(old ?? "0")];
    if (wanted !== undefined && had !== undefined && compareQuantities(wanted, had) < 0) {
      faults.push(forbidden("spec.resources.requests.storage", "field can not be less than status.capacity"));
    }
    const rest = ({ spec }: PersistentVolumeClaim, bound: boolean) => ({
      ...spec,
      resources: undefined,
      volumeAttributesClassName: undefined,
      // The binder writes the volume's name once; a class may come late, by an administrator.
      ...(bound ? {} : { volumeName: undefined }),
      storageClassName: before.spec?.storageClassName === undefined ? undefined : spec?.storageClassName,
    });
    const bound = Boolean(before.spec?.volumeName);
    if (!Bun.deepEquals(rest(now, bound), rest(before, bound))) {
      const why =
        "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
      faults.push(forbidden("spec", why));
    }
    return faults;
  },
};
