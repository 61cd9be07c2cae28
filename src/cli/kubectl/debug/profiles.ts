/** Profiles of `debug`: which rights a debugging container gets, and how its pod is changed. */

import type { DebugContainer, DebugPodSpec } from "./debug-objects.ts";

/** Where the container goes: into the running pod, into a copy of it, or into a pod on a node. */
type DebugPlace = "ephemeral" | "copy" | "node";

interface Profile {
  /** The container's security context; undefined: none. */
  readonly rights?: Readonly<Record<string, unknown>>;
  /** Rights that do not hold on a node. */
  readonly isPlainOnNode?: boolean;
  /** Pods on nodes share the node's network, processes and messages. */
  readonly sharesNode: boolean;
  /** Pods on nodes see the node's files below /host. */
  readonly seesFiles: boolean;
}

const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  runAsNonRoot: true,
  seccompProfile: { type: "RuntimeDefault" },
};

export const PROFILES: Readonly<Record<string, Profile>> = {
  legacy: { sharesNode: true, seesFiles: true },
  general: {
    rights: { capabilities: { add: ["SYS_PTRACE"] } },
    isPlainOnNode: true,
    sharesNode: true,
    seesFiles: true,
  },
  baseline: { sharesNode: false, seesFiles: false },
  netadmin: { rights: { capabilities: { add: ["NET_ADMIN", "NET_RAW"] } }, sharesNode: true, seesFiles: false },
  restricted: { rights: RESTRICTED, sharesNode: false, seesFiles: false },
  sysadmin: { rights: { privileged: true }, sharesNode: true, seesFiles: true },
};

/** @param name of a profile that is known */
export function withProfile(container: DebugContainer, name: string, place: DebugPlace): DebugContainer {
  const { rights, isPlainOnNode = false } = PROFILES[name]!;
  const isPlain = rights === undefined || (isPlainOnNode && place === "node");
  const mounts = place === "node" && PROFILES[name]!.seesFiles ? [{ mountPath: "/host", name: "host-root" }] : [];
  return {
    ...container,
    ...(isPlain ? {} : { securityContext: rights }),
    ...(mounts.length === 0 ? {} : { volumeMounts: [...(container.volumeMounts ?? []), ...mounts] }),
  };
}

/** What a profile does to the whole pod. */
export function podOfProfile(name: string, place: DebugPlace): Partial<DebugPodSpec> {
  const { sharesNode, seesFiles } = PROFILES[name]!;
  if (place === "copy") return name === "legacy" ? {} : { shareProcessNamespace: true };
  return {
    ...(sharesNode ? { hostIPC: true, hostNetwork: true, hostPID: true } : {}),
    ...(seesFiles ? { volumes: [{ name: "host-root", hostPath: { path: "/" } }] } : {}),
  };
}
