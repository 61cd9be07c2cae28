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

/** Reason and message of the pod's failure; undefined for a pod that is taken. */
export function refusalOf({
  securityContext,
  hostNetwork,
  hostIPC,
  os,
}: PodSpec): { reason: string; message: string } | undefined {
  if (os !== undefined && os.name !== "linux") {
    return { reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  for (const { name } of securityContext?.sysctls ?? []) {
    const dotted = name.replaceAll("/", ".");
    const isHosts = dotted.startsWith("net.") ? hostNetwork : hostIPC;
    if (SAFE_SYSCTLS.has(dotted) && !isHosts) continue;
    const why = SAFE_SYSCTLS.has(dotted) ? "not allowed in the machine's own namespace" : "not allowlisted";
    return { reason: "SysctlForbidden", message: `forbidden sysctl: "${name}" ${why}` };
  }
  return undefined;
}
