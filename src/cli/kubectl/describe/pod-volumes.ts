/** Volumes, tolerations and node selectors of pods and pod templates. */

import type { PodSpec, PodTemplateSpec, Toleration, Volume } from "../../../model/kubernetes/core.ts";
import { containersLines } from "./containers.ts";
import { annotationLines, pairLines } from "./describer.ts";

/** @param indent two spaces in templates, none in pods */
export function volumeLines(volumes: readonly Volume[] | undefined, indent: string): string[] {
  if (volumes === undefined || volumes.length === 0)
    return indent === "" ? ["Volumes:\t<none>"] : [`${indent}Volumes:\t<none>`];
  const before = indent === "" ? "  " : "   ";
  return [
    `${indent}Volumes:`,
    ...volumes.flatMap((volume) => [`${before}${volume.name}:`, ...sourceLines(volume).map((line) => `    ${line}`)]),
  ];
}

/** What is behind a volume, without the spaces before it. */
export function sourceLines(volume: Omit<Volume, "name">): string[] {
  const { emptyDir, configMap, secret, hostPath, persistentVolumeClaim, projected, downwardAPI, nfs, csi, image } =
    volume;
  if (emptyDir !== undefined) {
    return [
      "Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)",
      `Medium:\t${emptyDir.medium ?? ""}`,
      `SizeLimit:\t${emptyDir.sizeLimit ?? "<unset>"}`,
    ];
  }
  if (configMap !== undefined) {
    const about = "Type:\tConfigMap (a volume populated by a ConfigMap)";
    return [about, `Name:\t${configMap.name ?? ""}`, `Optional:\t${configMap.optional ?? false}`];
  }
  if (secret !== undefined) {
    const about = "Type:\tSecret (a volume populated by a Secret)";
    return [about, `SecretName:\t${secret.secretName ?? ""}`, `Optional:\t${secret.optional ?? false}`];
  }
  if (hostPath !== undefined) {
    const about = "Type:\tHostPath (bare host directory volume)";
    return [about, `Path:\t${hostPath.path}`, `HostPathType:\t${hostPath.type ?? ""}`];
  }
  if (persistentVolumeClaim !== undefined) {
    return [
      "Type:\tPersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
      `ClaimName:\t${persistentVolumeClaim.claimName}`,
      `ReadOnly:\t${persistentVolumeClaim.readOnly ?? false}`,
    ];
  }
  if (projected !== undefined) {
    return [
      "Type:\tProjected (a volume that contains injected data from multiple sources)",
      ...projectedLines(projected),
    ];
  }
  if (downwardAPI !== undefined) {
    const items = (downwardAPI.items ?? []).map(
      ({ path, fieldRef, resourceFieldRef }) =>
        `  ${fieldRef?.fieldPath ?? resourceFieldRef?.resource ?? ""} -> ${path}`,
    );
    return ["Type:\tDownwardAPI (a volume populated by information about the pod)", "Items:", ...items];
  }
  if (nfs !== undefined) {
    const about = "Type:\tNFS (an NFS mount that lasts the lifetime of a pod)";
    return [about, `Server:\t${nfs.server}`, `Path:\t${nfs.path}`, `ReadOnly:\t${nfs.readOnly ?? false}`];
  }
  if (csi !== undefined) {
    const about = "Type:\tCSI (a Container Storage Interface (CSI) volume source)";
    return [about, `Driver:\t${csi.driver}`, `FSType:\t${csi.fsType ?? ""}`, `ReadOnly:\t${csi.readOnly ?? false}`];
  }
  if (image !== undefined) {
    const about = "Type:\tImage (a container image or OCI artifact)";
    return [about, `Reference:\t${image.reference ?? ""}`, `PullPolicy:\t${image.pullPolicy ?? ""}`];
  }
  return ["<unknown>"];
}

function projectedLines({ sources = [] }: NonNullable<Volume["projected"]>): string[] {
  return sources.flatMap(({ secret, configMap, downwardAPI, serviceAccountToken }) => {
    if (secret !== undefined) return [`SecretName:\t${secret.name ?? ""}`, `Optional:\t${secret.optional ?? false}`];
    if (downwardAPI !== undefined) return ["DownwardAPI:\ttrue"];
    if (configMap !== undefined)
      return [`ConfigMapName:\t${configMap.name ?? ""}`, `Optional:\t${configMap.optional ?? false}`];
    return serviceAccountToken === undefined
      ? []
      : [`TokenExpirationSeconds:\t${serviceAccountToken.expirationSeconds ?? 3600}`];
  });
}

/** Tolerations by their keys. */
export function tolerationLines(tolerations: readonly Toleration[] | undefined, indent: string): string[] {
  if (tolerations === undefined || tolerations.length === 0) return [`${indent}Tolerations:\t<none>`];
  return [...tolerations]
    .sort((one, other) => ((one.key ?? "") < (other.key ?? "") ? -1 : (one.key ?? "") > (other.key ?? "") ? 1 : 0))
    .map((one, at) => `${indent}${at === 0 ? "Tolerations:" : ""}\t${tolerationText(one)}`);
}

function tolerationText({ key = "", value = "", effect = "", operator, tolerationSeconds }: Toleration): string {
  const start = `${key}${value === "" ? "" : `=${value}`}${effect === "" ? "" : `:${effect}`}`;
  const exists = operator === "Exists" && value === "" ? `${start === "" ? "" : " "}op=Exists` : "";
  return `${start}${exists}${tolerationSeconds === undefined ? "" : ` for ${tolerationSeconds}s`}`;
}

/** Labels that a node must have. */
export const nodeSelectorLines = ({ nodeSelector }: Pick<PodSpec, "nodeSelector">, indent: string): string[] =>
  pairLines("Node-Selectors", nodeSelector, { indent });

/** A pod template, set in by two spaces. */
export function templateLines(template: PodTemplateSpec): string[] {
  const { metadata, spec } = template;
  return [
    "Pod Template:",
    ...pairLines("Labels", metadata?.labels, { indent: "  " }),
    ...(Object.keys(metadata?.annotations ?? {}).length > 0 ? annotationLines(metadata?.annotations, "  ") : []),
    ...(spec?.serviceAccountName ? [`  Service Account:\t${spec.serviceAccountName}`] : []),
    ...containersLines("Init Containers", spec?.initContainers, []),
    ...containersLines("Containers", spec?.containers, []),
    ...volumeLines(spec?.volumes, "  "),
    ...(spec?.priorityClassName ? [`  Priority Class Name:\t${spec.priorityClassName}`] : []),
    ...nodeSelectorLines(spec ?? {}, "  "),
    ...tolerationLines(spec?.tolerations, "  "),
  ];
}

/** A pod template for reading; cells end with tabs. */
export const templateText = (template: unknown): string =>
  templateLines((template ?? {}) as PodTemplateSpec)
    .map((line) => `${line.replace(/^ +\t/, "\t")}\n`)
    .join("");
