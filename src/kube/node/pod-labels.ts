/** The labels by which a container of the engine is known as one of a pod's, and its name. */

import type { Pod } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ContainerKind } from "./pod-containers.ts";

export const POD_UID = "io.kubernetes.pod.uid";
const POD_NAME = "io.kubernetes.pod.name";
const POD_NAMESPACE = "io.kubernetes.pod.namespace";
const CONTAINER_NAME = "io.kubernetes.container.name";
const CONTAINER_KIND = "io.kubernetes.container.kind";
const ATTEMPT = "io.kubernetes.container.attempt";
/** Hash of what a restart would have to change. */
const HASH = "io.kubernetes.container.hash";

export interface PodLabels {
  podUid: string;
  podName: string;
  namespace: string;
  container: string;
  kind: ContainerKind;
  /** How often it was started before. */
  attempt: number;
  hash: string;
}

export function printLabels(labels: PodLabels): Record<string, string> {
  return {
    [POD_UID]: labels.podUid,
    [POD_NAME]: labels.podName,
    [POD_NAMESPACE]: labels.namespace,
    [CONTAINER_NAME]: labels.container,
    [CONTAINER_KIND]: labels.kind,
    [ATTEMPT]: String(labels.attempt),
    [HASH]: labels.hash,
  };
}

/** Undefined for a container that is no pod's. */
export function readLabels(labels: Readonly<Record<string, string>>): PodLabels | undefined {
  const podUid = labels[POD_UID];
  const container = labels[CONTAINER_NAME];
  if (!podUid || !container) return undefined;
  return {
    podUid,
    podName: labels[POD_NAME] ?? "",
    namespace: labels[POD_NAMESPACE] ?? "",
    container,
    kind: (labels[CONTAINER_KIND] ?? "app") as ContainerKind,
    attempt: Number(labels[ATTEMPT] ?? 0),
    hash: labels[HASH] ?? "",
  };
}

/** "k8s_web_web-5d4_default_<uid>_0": as node agents have always named containers. */
export function containerName({ container, podName, namespace, podUid, attempt }: PodLabels): string {
  return `k8s_${container}_${podName}_${namespace}_${podUid}_${attempt}`;
}

export function labelsOf(
  pod: Stored<Pod>,
  container: { name: string; kind: ContainerKind; attempt: number; hash: string },
): PodLabels {
  const { name: podName, namespace = "", uid: podUid } = pod.metadata;
  const { name, ...rest } = container;
  return { podUid, podName, namespace, container: name, ...rest };
}
