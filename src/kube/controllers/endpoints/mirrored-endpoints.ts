/** Endpoints that somebody wrote by hand (for a service without selector), as endpoints of slices. */

import type { EndpointAddress, EndpointSubset } from "../../../model/kubernetes/core.ts";
import type { Endpoint } from "../../../model/kubernetes/discovery.ts";
import { canonicalJson } from "../template-hash.ts";
import type { EndpointGroup } from "./slice-plan.ts";

/** More addresses of one subset are not mirrored. */
const CAPACITY = 1000;

/** One group for each address family and list of ports. */
export function mirroredGroups(subsets: readonly EndpointSubset[]): EndpointGroup[] {
  const groups = new Map<string, EndpointGroup>();
  for (const subset of subsets) {
    const ports = (subset.ports ?? []).map((port) => ({ ...port, name: port.name ?? "" }));
    const all = [
      ...(subset.addresses ?? []).map((address) => ({ address, ready: true })),
      ...(subset.notReadyAddresses ?? []).map((address) => ({ address, ready: false })),
    ];
    for (const { address, ready } of all.slice(0, CAPACITY)) {
      const addressType = address.ip.includes(":") ? "IPv6" : "IPv4";
      const key = `${addressType} ${canonicalJson(ports)}`;
      const group = groups.get(key) ?? { addressType, ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(endpoint(address, ready));
    }
  }
  return [...groups.values()];
}

function endpoint(address: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [address.ip],
    conditions: { ready },
    ...(address.hostname === undefined ? {} : { hostname: address.hostname }),
    ...(address.nodeName === undefined ? {} : { nodeName: address.nodeName }),
    ...(address.targetRef === undefined ? {} : { targetRef: address.targetRef }),
  };
}
