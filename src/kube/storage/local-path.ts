/** Volumes of the class local-path: a directory each on the node's disk. */

import { chmod, mkdir, rm } from "node:fs/promises";
import type { PersistentVolume, PersistentVolumeClaim } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { StorageClass } from "../../model/kubernetes/storage.ts";
import { PROVISIONED_BY, PROVISIONER, type StorageTools } from "./storage-tools.ts";

export function volumeNameFor({ metadata }: Stored<PersistentVolumeClaim>): string {
  return `pvc-${metadata.uid}`;
}

/** Held for the claim from the beginning. */
export function newVolume(
  { volumeRoot }: StorageTools,
  claim: Stored<PersistentVolumeClaim>,
  storageClass: StorageClass,
  node: string,
): PersistentVolume {
  const { name, namespace, uid, resourceVersion } = claim.metadata;
  const { accessModes = [], resources, volumeMode } = claim.spec ?? {};
  const volumeName = volumeNameFor(claim);
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: volumeName, annotations: { [PROVISIONED_BY]: PROVISIONER } },
    spec: {
      accessModes,
      capacity: { storage: resources?.requests?.storage ?? "0" },
      claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", name, namespace, uid, resourceVersion },
      hostPath: { path: `${volumeRoot}/${volumeName}_${namespace}_${name}`, type: "DirectoryOrCreate" },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }] },
          ],
        },
      },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
      storageClassName: storageClass.metadata.name ?? "",
      volumeMode: volumeMode ?? "Filesystem",
    },
  };
}

/** Pods of any user write there. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
  await chmod(path, 0o777);
}

/** Only below the root that such volumes are made in. */
export async function removeDirectory({ volumeRoot }: StorageTools, path: string): Promise<void> {
  if (!path.startsWith(`${volumeRoot}/pvc-`) || path.includes("/../")) {
    throw new Error(`${path} does not lie below ${volumeRoot}: it is left as it is`);
  }
  await rm(path, { recursive: true, force: true });
}
