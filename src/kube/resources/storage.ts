/** Classes of storage, and what storage drivers tell of themselves. */

import {
  CSI_DRIVERS,
  CSI_NODES,
  CSI_STORAGE_CAPACITIES,
  STORAGE_CLASSES,
  VOLUME_ATTACHMENTS,
  VOLUME_ATTRIBUTES_CLASSES,
} from "../../model/kubernetes/names.ts";
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from "../../model/kubernetes/storage.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, forbidden, invalid, required, tooLong } from "../machinery/field-error.ts";
import { qualifiedNameFaults } from "../name-rules.ts";
import { immutable, oneOf } from "./common-rules.ts";
import { amountFaults } from "./resource-validation.ts";
import { statusUpdate } from "./status-update.ts";

/** Of a class of volume attributes: parameters, and the bytes of all their names and values. */
const MOST_PARAMETERS = 512;
const MOST_BYTES = 256 * 1024;

/** Who provides volumes: a name with a domain, in letters of any case. */
function driverFaults(field: string, driver: string | undefined): FieldError[] {
  if (!driver) return [required(field)];
  return qualifiedNameFaults(driver.toLowerCase()).map((why) => invalid(field, driver, why));
}

export const storageClasses: ResourceDefinition<StorageClass> = {
  type: STORAGE_CLASSES,
  singular: "storageclass",
  shortNames: ["sc"],
  defaults(storage) {
    storage.reclaimPolicy ||= "Delete";
    storage.volumeBindingMode ||= "Immediate";
  },
  validate(storage) {
    const faults = driverFaults("provisioner", storage.provisioner);
    faults.push(...oneOf("reclaimPolicy", storage.reclaimPolicy, ["Delete", "Retain"]));
    faults.push(...oneOf("volumeBindingMode", storage.volumeBindingMode, ["Immediate", "WaitForFirstConsumer"]));
    return faults;
  },
  validateUpdate(now, before) {
    const faults: FieldError[] = [];
    if (!Bun.deepEquals(now.parameters ?? {}, before.parameters ?? {})) {
      faults.push(forbidden("parameters", "updates to parameters are forbidden."));
    }
    if (now.provisioner !== before.provisioner) {
      faults.push(forbidden("provisioner", "updates to provisioner are forbidden."));
    }
    if (now.reclaimPolicy !== before.reclaimPolicy) {
      faults.push(forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden."));
    }
    return [...faults, ...immutable("volumeBindingMode", now.volumeBindingMode, before.volumeBindingMode)];
  },
};

/** What a storage driver may change of a volume that is there; for drivers to follow, as naru's own volumes have nothing of the kind. */
export const volumeAttributesClasses: ResourceDefinition<VolumeAttributesClass> = {
  type: VOLUME_ATTRIBUTES_CLASSES,
  singular: "volumeattributesclass",
  shortNames: ["vac"],
  validate({ driverName, parameters = {} }) {
    const faults = driverFaults("driverName", driverName);
    const entries = Object.entries(parameters);
    if (entries.length === 0) faults.push(required("parameters", "must contain at least one key/value pair"));
    if (entries.length > MOST_PARAMETERS) faults.push(tooLong("parameters", MOST_PARAMETERS));
    if (entries.some(([name]) => name === "")) faults.push(invalid("parameters", "", "field can not be empty."));
    const bytes = entries.reduce((sum, entry) => sum + Buffer.byteLength(entry.join("")), 0);
    if (bytes > MOST_BYTES) faults.push(tooLong("parameters", MOST_BYTES));
    return faults;
  },
  validateUpdate(now, before) {
    const fixed = (field: "driverName" | "parameters") =>
      Bun.deepEquals(now[field], before[field]) ? [] : [forbidden(field, `updates to ${field} are forbidden.`)];
    return [...fixed("driverName"), ...fixed("parameters")];
  },
};

export const csiDrivers: ResourceDefinition<CSIDriver> = {
  type: CSI_DRIVERS,
  singular: "csidriver",
  generation: true,
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
    spec.fsGroupPolicy ||= "ReadWriteOnceWithFSType";
    if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ["Persistent"];
  },
  validate: ({ spec }) => [
    ...oneOf("spec.fsGroupPolicy", spec?.fsGroupPolicy, ["File", "None", "ReadWriteOnceWithFSType"]),
    ...(spec?.volumeLifecycleModes ?? []).flatMap((mode) =>
      oneOf("spec.volumeLifecycleModes", mode, ["Ephemeral", "Persistent"]),
    ),
  ],
  validateUpdate: (now, before) =>
    immutable("spec.attachedRequired", now.spec?.attachRequired, before.spec?.attachRequired),
};

export const csiNodes: ResourceDefinition<CSINode> = {
  type: CSI_NODES,
  singular: "csinode",
  validate: ({ spec }) =>
    (spec?.drivers ?? []).flatMap((driver, index) =>
      driver.nodeID ? [] : [required(`spec.drivers[${index}].nodeID`)],
    ),
};

export const csiStorageCapacities: ResourceDefinition<CSIStorageCapacity> = {
  type: CSI_STORAGE_CAPACITIES,
  singular: "csistoragecapacity",
  validate(capacity) {
    const faults: FieldError[] = capacity.storageClassName ? [] : [required("storageClassName")];
    for (const name of ["capacity", "maximumVolumeSize"] as const) {
      if (capacity[name] !== undefined) faults.push(...amountFaults(name, "storage", capacity[name]));
    }
    return faults;
  },
  validateUpdate: (now, before) => [
    ...immutable("nodeTopology", now.nodeTopology, before.nodeTopology),
    ...immutable("storageClassName", now.storageClassName, before.storageClassName),
  ],
};

export const volumeAttachments: ResourceDefinition<VolumeAttachment> = {
  type: VOLUME_ATTACHMENTS,
  singular: "volumeattachment",
  partialUpdates: { status: statusUpdate() },
  validate({ spec }) {
    const faults: FieldError[] = [];
    if (!spec?.attacher) faults.push(required("spec.attacher"));
    if (!spec?.nodeName) faults.push(required("spec.nodeName"));
    if (!spec?.source?.persistentVolumeName && spec?.source?.inlineVolumeSpec === undefined) {
      faults.push(required("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName"));
    }
    return faults;
  },
  validateUpdate: (now, before) => immutable("spec", now.spec, before.spec),
};
