/** A claim that names no class gets the default one. */

import type { PersistentVolumeClaim } from "../../model/kubernetes/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, STORAGE_CLASSES } from "../../model/kubernetes/names.ts";
import type { ClusterClient } from "../contract.ts";
import type { AdmissionStep } from "../machinery/admission.ts";
import { isWriteOf } from "./forbidden.ts";

const IS_DEFAULT = "storageclass.kubernetes.io/is-default-class";

export function defaultStorageClass(client: ClusterClient): AdmissionStep {
  const classes = client.informer(STORAGE_CLASSES);
  return {
    name: "DefaultStorageClass",
    admit(request) {
      if (!isWriteOf(request, PERSISTENT_VOLUME_CLAIMS, "CREATE")) return;
      const spec = (request.object as PersistentVolumeClaim).spec;
      if (spec === undefined || spec.storageClassName !== undefined) return;
      // Of several defaults the newest counts.
      const newest = classes
        .list()
        .filter(({ metadata }) => metadata.annotations?.[IS_DEFAULT] === "true")
        .sort((one, other) => other.metadata.creationTimestamp.localeCompare(one.metadata.creationTimestamp))[0];
      if (newest !== undefined) spec.storageClassName = newest.metadata.name;
    },
  };
}
