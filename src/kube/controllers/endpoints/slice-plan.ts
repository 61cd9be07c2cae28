/**
 * Endpoint slices: what a service's pods are, in slices of at most 100, changed as little as possible. An endpoint stays in the
 * slice in which it is, so that watchers are told of few objects.
 */

import type { Endpoint, EndpointPort, EndpointSlice } from "../../../model/kubernetes/discovery.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { canonicalJson } from "../template-hash.ts";

const CAPACITY = 100;

/** The endpoints that share an address family and a list of ports. */
export interface EndpointGroup {
  addressType: string;
  ports: EndpointPort[];
  endpoints: Endpoint[];
}
interface SlicePlan {
  create: EndpointGroup[];
  update: { slice: Stored<EndpointSlice>; endpoints: Endpoint[] }[];
  remove: Stored<EndpointSlice>[];
}

function groupKey(addressType: string, ports: readonly EndpointPort[] | undefined): string {
  const sorted = (ports ?? []).map(canonicalJson).sort();
  return `${addressType} ${sorted.join()}`;
}

function endpointKey(endpoint: Endpoint): string {
  return `${endpoint.targetRef?.uid ?? ""} ${endpoint.addresses.join()}`;
}

/**
 * @param wanted groups, each with another address family or other ports; a group without endpoints keeps one empty slice
 * @param existing slices of this service that the controller keeps
 */
export function planSlices(wanted: readonly EndpointGroup[], existing: readonly Stored<EndpointSlice>[]): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], remove: [] };
  const left = new Map<string, Stored<EndpointSlice>[]>();
  for (const slice of existing) {
    const key = groupKey(slice.addressType, slice.ports);
    left.set(key, [...(left.get(key) ?? []), slice]);
  }
  for (const group of wanted) {
    const key = groupKey(group.addressType, group.ports);
    planGroup(group, left.get(key) ?? [], plan);
    left.delete(key);
  }
  plan.remove.push(...[...left.values()].flat());
  return plan;
}

function planGroup(group: EndpointGroup, slices: readonly Stored<EndpointSlice>[], plan: SlicePlan): void {
  const missing = new Map(group.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const contents = slices.map((slice) => {
    const kept: Endpoint[] = [];
    for (const endpoint of slice.endpoints) {
      const wanted = missing.get(endpointKey(endpoint));
      if (wanted === undefined) continue;
      missing.delete(endpointKey(endpoint));
      kept.push(wanted);
    }
    return { slice, endpoints: kept };
  });
  const rest = [...missing.values()];
  for (const content of fullestFirst(contents))
    content.endpoints.push(...rest.splice(0, CAPACITY - content.endpoints.length));
  while (rest.length > 0) plan.create.push({ ...group, endpoints: rest.splice(0, CAPACITY) });
  if (slices.length === 0 && group.endpoints.length === 0) plan.create.push(group);
  const keepEmpty = group.endpoints.length === 0 ? contents[0] : undefined;
  for (const content of contents) {
    if (content.endpoints.length === 0 && content !== keepEmpty) plan.remove.push(content.slice);
    else if (!Bun.deepEquals(content.endpoints, content.slice.endpoints)) plan.update.push(content);
  }
}

/** New endpoints fill the slices that have least room, so that few stay half empty. */
function fullestFirst<C extends { endpoints: Endpoint[] }>(contents: readonly C[]): C[] {
  return contents
    .filter((content) => content.endpoints.length < CAPACITY)
    .sort((a, b) => b.endpoints.length - a.endpoints.length);
}
