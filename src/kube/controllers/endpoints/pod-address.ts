/** Which pods stand behind a service, at which addresses and ports. */

import type { Pod, Service, ServicePort } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { hasEnded } from "../pod-state.ts";

export type AddressType = "IPv4" | "IPv6";

/** The address families that a service speaks; IPv4 when it does not say. */
export function addressTypesOf(service: Service): AddressType[] {
  const families = service.spec?.ipFamilies ?? [];
  if (families.length > 0) return families.map((family) => (family === "IPv6" ? "IPv6" : "IPv4"));
  return service.spec?.clusterIP?.includes(":") === true ? ["IPv6"] : ["IPv4"];
}

/** The pod's address of that family; undefined when it has none (yet). */
export function addressOf(pod: Pod, type: AddressType): string | undefined {
  const all = (pod.status?.podIPs ?? []).map((entry) => entry.ip);
  const candidates = all.length > 0 ? all : [pod.status?.podIP ?? ""];
  return candidates.find((address) => address !== "" && address.includes(":") === (type === "IPv6"));
}

/** Pods that may stand behind a service: running or about to, with an address; those on their way out count too. */
export function isReachable(pod: Pod): boolean {
  return !hasEnded(pod) && (pod.status?.podIP ?? "") !== "";
}

/** A service without selector (or one that is only a name) has its endpoints from somewhere else. */
export function hasManagedEndpoints(service: Service): boolean {
  return service.spec?.type !== "ExternalName" && Object.keys(service.spec?.selector ?? {}).length > 0;
}

export function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === "None";
}

/** A port of a container, with the service's name for it. */
export interface TargetPort {
  name: string;
  port: number | undefined;
  protocol: string;
  appProtocol: string | undefined;
}

/** The ports of a service on this pod; a named target port that the pod does not have is left out. */
export function targetPorts(service: Service, pod: Pod): TargetPort[] {
  return (service.spec?.ports ?? []).flatMap((port) => {
    const number = targetPortNumber(port, pod);
    if (number === undefined) return [];
    const protocol = port.protocol ?? "TCP";
    return [{ name: port.name ?? "", port: number, protocol, appProtocol: port.appProtocol }];
  });
}

function targetPortNumber(port: ServicePort, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target === 0 ? port.port : target;
  if (/^\d+$/.test(target)) return Number(target);
  const sidecars = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === "Always");
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    for (const candidate of container.ports ?? []) {
      if (candidate.name === target && (candidate.protocol ?? "TCP") === (port.protocol ?? "TCP")) {
        return candidate.containerPort;
      }
    }
  }
  return undefined;
}

/** The name by which DNS knows the pod under the service; undefined when it has none of its own. */
export function hostnameUnder(service: Service, pod: Pod): string | undefined {
  const hostname = pod.spec?.hostname;
  return hostname !== undefined && hostname !== "" && pod.spec?.subdomain === service.metadata.name
    ? hostname
    : undefined;
}

export function podReference(pod: Stored<Pod>) {
  return { kind: "Pod", namespace: pod.metadata.namespace!, name: pod.metadata.name, uid: pod.metadata.uid };
}
