/** Volumes, claims of them, and their classes. */

import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../../model/kubernetes/core.ts";
import type { StorageClass } from "../../../model/kubernetes/storage.ts";
import type { KubeApi } from "../kube-api.ts";
import { annotationLines, labelLines, sortedEntries, yesNo } from "./describer.ts";
import { sourceLines } from "./pod-volumes.ts";

const MODES: Record<string, string> = {
  ReadWriteOnce: "RWO", ReadOnlyMany: "ROX", ReadWriteMany: "RWX", ReadWriteOncePod: "RWOP",
}; // biome-ignore format: a short table
const modesText = (modes: readonly string[] = []): string => modes.map((mode) => MODES[mode] ?? mode).join(",");

/** A claim and the pods that use it, which are asked for. @throws KubeApiError */
export async function claimDescription(
  { metadata = {}, spec, status }: PersistentVolumeClaim,
  api: KubeApi,
): Promise<string[]> {
  const { items: pods = [] } = await api.get<{ items?: Pod[] }>(`/api/v1/namespaces/${metadata.namespace}/pods`);
  const users = pods
    .filter((pod) =>
      pod.spec?.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === metadata.name),
    )
    .map((pod) => pod.metadata!.name!);
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    `StorageClass:\t${spec?.storageClassName ?? ""}`,
    `Status:\t${metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating"}`,
    `Volume:\t${spec?.volumeName ?? ""}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Finalizers:\t[${(metadata.finalizers ?? []).join(" ")}]`,
    `Capacity:\t${spec?.volumeName ? (status?.capacity?.storage ?? "") : ""}`,
    `Access Modes:\t${spec?.volumeName ? modesText(status?.accessModes) : ""}`,
    ...(spec?.volumeMode === undefined ? [] : [`VolumeMode:\t${spec.volumeMode}`]),
    ...(users.length === 0 ? ["Used By:\t<none>"] : users.map((name, at) => `${at === 0 ? "Used By:" : ""}\t${name}`)),
  ];
}

/** A volume, whose it is and where it lies. */
export function volumeDescription(volume: PersistentVolume): string[] {
  const { metadata = {}, spec, status } = volume;
  const claim = spec?.claimRef;
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const term = ({ key, operator, values = [] }: { key: string; operator: string; values?: string[] }) =>
    `${key} ${operator.toLowerCase()} [${values.join(", ")}]`;
  const { hostPath, nfs, csi } = spec ?? {};
  return [
    `Name:\t${metadata.name}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Finalizers:\t[${(metadata.finalizers ?? []).join(" ")}]`,
    `StorageClass:\t${spec?.storageClassName ?? ""}`,
    `Status:\t${metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating"}`,
    `Claim:\t${claim === undefined ? "" : `${claim.namespace}/${claim.name}`}`,
    `Reclaim Policy:\t${spec?.persistentVolumeReclaimPolicy ?? ""}`,
    `Access Modes:\t${modesText(spec?.accessModes)}`,
    ...(spec?.volumeMode === undefined ? [] : [`VolumeMode:\t${spec.volumeMode}`]),
    `Capacity:\t${spec?.capacity?.storage ?? ""}`,
    ...(terms.length === 0
      ? ["Node Affinity:\t<none>"]
      : [
          "Node Affinity:\t",
          "  Required Terms:\t",
          ...terms.flatMap(({ matchExpressions = [] }, at) =>
            matchExpressions.map((one, index) => `    ${index === 0 ? `Term ${at}:` : ""}\t${term(one)}`),
          ),
        ]),
    `Message:\t${status?.message ?? ""}`,
    "Source:",
    ...sourceLines({
      ...(hostPath === undefined ? {} : { hostPath }),
      ...(nfs === undefined ? {} : { nfs }),
      ...(csi === undefined ? {} : { csi: csi as never }),
    }).map((line) => `    ${line}`),
  ];
}

/** How volumes of a class are made. */
export function storageClassLines(storage: StorageClass): string[] {
  const { metadata = {}, parameters } = storage;
  const isDefault = metadata.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true";
  const pairs = sortedEntries(parameters).map(([key, value]) => `${key}=${value}`);
  const options = storage.mountOptions ?? [];
  const annotations = sortedEntries(metadata.annotations).map(([key, value]) => `${key}=${value}`);
  return [
    `Name:\t${metadata.name}`,
    `IsDefaultClass:\t${isDefault ? "Yes" : "No"}`,
    `Annotations:\t${annotations.join(",") || "<none>"}`,
    `Provisioner:\t${storage.provisioner}`,
    `Parameters:\t${pairs.join(",") || "<none>"}`,
    `AllowVolumeExpansion:\t${storage.allowVolumeExpansion === undefined ? "<unset>" : yesNo(storage.allowVolumeExpansion)}`,
    ...(options.length === 0 ? ["MountOptions:\t<none>"] : ["MountOptions:", ...options.map((one) => `  ${one}`)]),
    ...(storage.reclaimPolicy === undefined ? [] : [`ReclaimPolicy:\t${storage.reclaimPolicy}`]),
    ...(storage.volumeBindingMode === undefined ? [] : [`VolumeBindingMode:\t${storage.volumeBindingMode}`]),
  ];
}
