/** Pods that a node does not take although they were bound to it. Pure. */

import type { PodSpec } from "../../model/kubernetes/core.ts";

/** Sysctls that belong to a namespace of the pod's own and cannot harm others. */
const SAFE_SYSCTLS = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ping_group_range",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.tcp_wmem",
]);

interface Refusal {
  reason: string;
  message: string;
}

/** Why the pod fails here; undefined for a pod that is taken. */
export function refusalOf(spec: PodSpec): Refusal | undefined {
  if (spec.os !== undefined && spec.os.name !== "linux") {
    return { reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  const missing = missingAbility(spec);
  if (missing !== undefined) {
    return { reason: "UnexpectedAdmissionError", message: `Pod was rejected: this node has no ${missing}` };
  }
  return sysctlRefusal(spec);
}

/** What the pod asks for and would not get: it must not run as if it had it. */
function missingAbility(spec: PodSpec): string | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  if (spec.hostUsers === false) return "user namespaces (hostUsers: false)";
  if (spec.resourceClaims?.length) return "dynamic resources (resourceClaims)";
  if (spec.securityContext?.supplementalGroupsPolicy === "Strict") return "supplementalGroupsPolicy Strict";
  if (containers.some(({ volumeDevices }) => volumeDevices?.length)) return "block volumes (volumeDevices)";
  if (containers.some(({ restartPolicyRules }) => restartPolicyRules?.length)) return "restart rules of containers";
  if (spec.containers.some(({ restartPolicy }) => restartPolicy !== undefined)) return "restart policies of containers";
  return undefined;
}

function sysctlRefusal({ securityContext, hostNetwork, hostIPC }: PodSpec): Refusal | undefined {
  for (const { name } of securityContext?.sysctls ?? []) {
    const dotted = name.replaceAll("/", ".");
    const isHosts = dotted.startsWith("net.") ? hostNetwork : hostIPC;
    if (SAFE_SYSCTLS.has(dotted) && !isHosts) continue;
    const why = SAFE_SYSCTLS.has(dotted) ? "not allowed in the machine's own namespace" : "not allowlisted";
    return { reason: "SysctlForbidden", message: `forbidden sysctl: "${name}" ${why}` };
  }
  return undefined;
}
