/** What a service's slices shall hold: endpoints of its pods, labels, ports. */

import type { Pod, Service } from "../../../model/kubernetes/core.ts";
import type { Endpoint, EndpointPort } from "../../../model/kubernetes/discovery.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { isReady, isTerminating } from "../pod-state.ts";
import { canonicalJson } from "../template-hash.ts";
import {
  type AddressType,
  addressOf,
  addressTypesOf,
  hostnameUnder,
  isHeadless,
  isReachable,
  podReference,
  type TargetPort,
  targetPorts,
} from "./pod-address.ts";
import type { EndpointGroup } from "./slice-plan.ts";

export const SERVICE_NAME = "kubernetes.io/service-name";
export const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
export const SLICE_CONTROLLER = "endpointslice-controller.k8s.io";
export const HEADLESS = "service.kubernetes.io/headless";

/** The labels of a service's slices: the service's own, its name, who keeps them. */
export function sliceLabels(service: Stored<Service>, managedBy: string): Record<string, string> {
  const reserved = new Set([SERVICE_NAME, MANAGED_BY, HEADLESS]);
  const own = Object.entries(service.metadata.labels ?? {}).filter(([key]) => !reserved.has(key));
  return {
    ...Object.fromEntries(own),
    [MANAGED_BY]: managedBy,
    [SERVICE_NAME]: service.metadata.name,
    ...(isHeadless(service) ? { [HEADLESS]: "" } : {}),
  };
}

/**
 * The endpoints of a service, grouped by address family and ports. Pods on their way out are told too, so that a proxy that
 * has nothing better may use those that still serve.
 * @param zoneOf the zone of a node, undefined when it tells none
 */
export function serviceEndpoints(
  service: Service,
  pods: readonly Stored<Pod>[],
  zoneOf: (node: string) => string | undefined,
): EndpointGroup[] {
  return addressTypesOf(service).flatMap((type) => {
    const groups = new Map<string, EndpointGroup>();
    for (const pod of pods) {
      const address = isReachable(pod) ? addressOf(pod, type) : undefined;
      if (address === undefined) continue;
      const ports = targetPorts(service, pod).map(slicePort);
      const key = canonicalJson(ports);
      const group = groups.get(key) ?? { addressType: type, ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(endpoint(service, pod, address, zoneOf));
    }
    if (groups.size === 0) groups.set("", emptyGroup(type));
    return [...groups.values()];
  });
}

/** A service without pods has one empty slice, which tells that it was looked at. */
function emptyGroup(type: AddressType): EndpointGroup {
  return { addressType: type, ports: [], endpoints: [] };
}

function endpoint(
  service: Service,
  pod: Stored<Pod>,
  address: string,
  zoneOf: (node: string) => string | undefined,
): Endpoint {
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const hostname = hostnameUnder(service, pod);
  const nodeName = pod.spec?.nodeName;
  const zone = nodeName === undefined ? undefined : zoneOf(nodeName);
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: podReference(pod),
    ...(zone === undefined ? {} : { zone }),
  };
}

/** The name is there also when it is empty: slices distinguish "" from none. */
function slicePort(port: TargetPort): EndpointPort {
  return {
    name: port.name,
    port: port.port,
    protocol: port.protocol,
    ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
  };
}
