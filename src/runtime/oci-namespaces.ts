/** The namespaces of a container, from its pid, ipc, uts, cgroup and network modes. */
import type { StartRequest } from "./contract.ts";
import type { OciNamespace } from "./oci-spec.ts";

type NamespaceRequest = Pick<StartRequest, "hostConfig" | "networkNamespace" | "joinPid" | "joinPath">;

/** Modes default to a new namespace, except that cgroup v1 shares the host's cgroup namespace, as Docker does. */
export function containerNamespaces(request: NamespaceRequest, cgroupVersion: "1" | "2"): OciNamespace[] {
  const { hostConfig, joinPid = {}, joinPath = {} } = request;
  const namespaces: (OciNamespace | undefined)[] = [
    { type: "mount" },
    request.networkNamespace === undefined ? undefined : { type: "network", path: request.networkNamespace },
    byMode("uts", hostConfig.UTSMode, joinPath.uts ?? pathOf("uts", joinPid.uts)),
    byMode("pid", hostConfig.PidMode, joinPath.pid ?? pathOf("pid", joinPid.pid)),
    byMode("ipc", hostConfig.IpcMode, joinPath.ipc ?? pathOf("ipc", joinPid.ipc)),
    hasOwnCgroupNamespace(hostConfig.CgroupnsMode, cgroupVersion) ? { type: "cgroup" } : undefined,
  ];
  return namespaces.filter((namespace) => namespace !== undefined);
}

/** True unless the container shares that namespace with the host or another container. */
export function hasOwnNamespace(namespaces: readonly OciNamespace[], type: OciNamespace["type"]): boolean {
  return namespaces.some((namespace) => namespace.type === type && namespace.path === undefined);
}

function byMode(
  type: "uts" | "pid" | "ipc",
  mode: string | undefined,
  path: string | undefined,
): OciNamespace | undefined {
  if (mode === "host") return undefined;
  return path === undefined ? { type } : { type, path };
}

function pathOf(type: "uts" | "pid" | "ipc", pid: number | undefined): string | undefined {
  return pid === undefined ? undefined : `/proc/${pid}/ns/${type}`;
}

function hasOwnCgroupNamespace(mode: string | undefined, cgroupVersion: "1" | "2"): boolean {
  return mode ? mode === "private" : cgroupVersion === "2";
}
