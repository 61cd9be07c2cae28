/** The Endpoints object of a service (the older form, without slices). */

import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { isReady, isTerminating } from "../pod-state.ts";
import { canonicalJson } from "../template-hash.ts";
import {
  addressOf,
  addressTypesOf,
  hostnameUnder,
  isHeadless,
  isReachable,
  podReference,
  type TargetPort,
  targetPorts,
} from "./pod-address.ts";

/** Readers of Endpoints cannot cope with more addresses; the rest is in slices. */
const CAPACITY = 1000;
export const OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";

interface Placed {
  ready: boolean;
  address: EndpointAddress;
}

/** @returns subsets, one for each list of ports that pods share; addresses sorted; and whether some had to be left out */
export function endpointSubsets(
  service: Service,
  pods: readonly Stored<Pod>[],
): { subsets: EndpointSubset[]; truncated: boolean } {
  const groups = new Map<string, { ports: EndpointPort[]; placed: Placed[] }>();
  const unready = service.spec?.publishNotReadyAddresses === true;
  const type = addressTypesOf(service)[0]!;
  for (const pod of pods) {
    if (!isReachable(pod) || (isTerminating(pod) && !unready)) continue;
    const ip = addressOf(pod, type);
    const ports = targetPorts(service, pod);
    const withoutPorts = (service.spec?.ports ?? []).length === 0;
    if (ip === undefined || (ports.length === 0 && !(withoutPorts && isHeadless(service)))) continue;
    const shaped = ports.map(endpointPort).sort(byPort);
    const key = canonicalJson(shaped);
    const group = groups.get(key) ?? { ports: shaped, placed: [] };
    groups.set(key, group);
    group.placed.push({ ready: unready || isReady(pod), address: endpointAddress(service, pod, ip) });
  }
  return truncate([...groups.values()]);
}

function endpointAddress(service: Service, pod: Stored<Pod>, ip: string): EndpointAddress {
  const hostname = hostnameUnder(service, pod);
  const nodeName = pod.spec?.nodeName;
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: podReference(pod),
  };
}

function endpointPort(port: TargetPort): EndpointPort {
  return {
    ...(port.name === "" ? {} : { name: port.name }),
    port: port.port!,
    protocol: port.protocol,
    ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
  };
}

function byPort(a: EndpointPort, b: EndpointPort): number {
  return a.port - b.port || (canonicalJson(a) < canonicalJson(b) ? -1 : 1);
}

function byAddress(a: Placed, b: Placed): number {
  const left = `${a.address.ip} ${a.address.targetRef?.uid}`;
  const right = `${b.address.ip} ${b.address.targetRef?.uid}`;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Ready addresses come first when there is not room for all. */
function truncate(groups: { ports: EndpointPort[]; placed: Placed[] }[]): {
  subsets: EndpointSubset[];
  truncated: boolean;
} {
  const count = groups.reduce((total, group) => total + group.placed.length, 0);
  const ranked = groups.flatMap((group) => group.placed).sort((a, b) => Number(b.ready) - Number(a.ready));
  const kept = new Set(ranked.slice(0, CAPACITY));
  const subsets = groups
    .map((group) => subset(group.ports, group.placed.filter((placed) => kept.has(placed)).sort(byAddress)))
    .filter((each) => each !== undefined)
    .sort((a, b) => (canonicalJson(a.ports ?? []) < canonicalJson(b.ports ?? []) ? -1 : 1));
  return { subsets, truncated: count > CAPACITY };
}

function subset(ports: EndpointPort[], placed: Placed[]): EndpointSubset | undefined {
  if (placed.length === 0) return undefined;
  const ready = placed.filter((each) => each.ready).map((each) => each.address);
  const notReady = placed.filter((each) => !each.ready).map((each) => each.address);
  return {
    ...(ready.length === 0 ? {} : { addresses: ready }),
    ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
    ...(ports.length === 0 ? {} : { ports }),
  };
}
