/** The containers that a pod's spec names, and what kinds there are. Pure. */

import type { Container, EphemeralContainer, Pod, PodSpec } from "../../model/kubernetes/core.ts";

/** init: runs to its end before the others; sidecar: an init container that stays; ephemeral: added by `kubectl debug`. */
export type ContainerKind = "init" | "sidecar" | "app" | "ephemeral";

export interface PodContainer {
  readonly kind: ContainerKind;
  readonly spec: Container & Pick<EphemeralContainer, "targetContainerName">;
}

/** In the order of their start. */
export function podContainers(spec: PodSpec): PodContainer[] {
  return [
    ...(spec.initContainers ?? []).map((one) => ({ kind: initKind(one), spec: one })),
    ...spec.containers.map((one) => ({ kind: "app" as const, spec: one })),
    ...(spec.ephemeralContainers ?? []).map((one) => ({ kind: "ephemeral" as const, spec: one })),
  ];
}

function initKind({ restartPolicy }: Container): ContainerKind {
  return restartPolicy === "Always" ? "sidecar" : "init";
}

/** Whether a container that has ended with this code is started again. */
export function restartsAfter(spec: PodSpec, kind: ContainerKind, exitCode: number): boolean {
  if (kind === "ephemeral") return false;
  if (kind === "sidecar") return true;
  const policy = spec.restartPolicy ?? "Always";
  if (kind === "init") return exitCode !== 0 && policy !== "Never";
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

/** "spec.containers{web}": what events say of the container they are about. */
export function fieldPathOf({ kind, spec }: PodContainer): string {
  const list = kind === "app" ? "containers" : kind === "ephemeral" ? "ephemeralContainers" : "initContainers";
  return `spec.${list}{${spec.name}}`;
}

/** By number or by the name that one of the container's ports has; undefined when there is no such name. */
export function portOf({ ports = [] }: Container, port: number | string): number | undefined {
  if (typeof port === "number") return port;
  if (/^\d+$/.test(port)) return Number(port);
  return ports.find(({ name }) => name === port)?.containerPort;
}

/** Pod of another kind than ours: made by a file on the node. */
export function specOf(pod: Pod): PodSpec {
  return pod.spec ?? { containers: [] };
}
