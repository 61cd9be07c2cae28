/** From services and endpoint slices to what the firewall must do. Pure. */

import { addressRange, joined, type Span } from "../../lib/address-spans.ts";
import type { Service, ServicePort } from "../../model/kubernetes/core.ts";
import type { Endpoint, EndpointSlice } from "../../model/kubernetes/discovery.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ServiceBack, ServiceFront, ServiceProtocol, ServiceWay } from "./service-table.ts";

/** Every address of this machine. */
const HERE = "0.0.0.0";
const DEFAULT_AFFINITY_SECONDS = 10_800;

/** True for services that have an address of the cluster. */
function hasClusterAddress({ spec }: Service): boolean {
  return (
    spec?.type !== "ExternalName" && spec?.clusterIP !== undefined && spec.clusterIP !== "" && spec.clusterIP !== "None"
  );
}

/** The port that a load balancer takes on every address of this machine, as a name. */
export const balancedPort = ({ protocol = "TCP", port }: ServicePort): string => `${protocol} ${port}`;

/**
 * All ways of all services; of two that want the same front the older service has it.
 * @param node the node's name, for services that keep to it
 */
export function waysOf(
  services: readonly Stored<Service>[],
  slicesOf: (service: Stored<Service>) => readonly EndpointSlice[],
  node: string,
): ServiceWay[] {
  const ways = new Map<string, ServiceWay>();
  const oldestFirst = [...services].sort((one, other) => {
    const [a, b] = [one.metadata, other.metadata];
    return a.creationTimestamp.localeCompare(b.creationTimestamp) || a.uid.localeCompare(b.uid);
  });
  for (const service of oldestFirst) {
    if (!hasClusterAddress(service)) continue;
    const slices = slicesOf(service).filter(({ addressType }) => addressType === "IPv4");
    for (const way of waysOfService(service, slices, node)) {
      const name = `${way.front.protocol} ${way.front.ip} ${way.front.port}`;
      if (!ways.has(name)) ways.set(name, way);
    }
  }
  return [...ways.values()];
}

function waysOfService(service: Stored<Service>, slices: readonly EndpointSlice[], node: string): ServiceWay[] {
  const spec = service.spec!;
  const affinitySeconds =
    spec.sessionAffinity === "ClientIP"
      ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS)
      : 0;
  return (spec.ports ?? []).flatMap((port) => {
    const endpoints = endpointsOf(slices, port);
    const inside = reachable(endpoints, spec.internalTrafficPolicy === "Local" ? node : undefined);
    const outside = reachable(endpoints, spec.externalTrafficPolicy === "Local" ? node : undefined);
    const protocol = (port.protocol ?? "TCP") as ServiceProtocol;
    const way = (front: Omit<ServiceFront, "protocol">, backs: readonly ServiceBack[]): ServiceWay => ({
      front: { protocol, ...front },
      backs,
      affinitySeconds,
    });
    const ways = [way({ ip: spec.clusterIP!, port: port.port }, inside)];
    for (const ip of spec.externalIPs ?? []) ways.push(way({ ip, port: port.port }, outside));
    if (port.nodePort !== undefined && port.nodePort > 0) ways.push(way({ ip: HERE, port: port.nodePort }, outside));
    if (spec.type === "LoadBalancer" && spec.loadBalancerClass === undefined) {
      const sources = sourcesOf(spec.loadBalancerSourceRanges);
      ways.push({ ...way({ ip: HERE, port: port.port }, outside), ...(sources && { sources }) });
    }
    return ways.filter(({ front }) => isIpv4(front.ip));
  });
}

/** Undefined for everybody. Ranges of IPv6 name nobody whom these services could see. */
function sourcesOf(ranges: readonly string[] = []): Span[] | undefined {
  return ranges.length === 0
    ? undefined
    : joined(ranges.map((range) => addressRange(range.trim())).filter((span) => span !== undefined));
}

const isIpv4 = (ip: string) => /^\d+(\.\d+){3}$/.test(ip);

interface PortEndpoint extends ServiceBack {
  readonly endpoint: Endpoint;
}

function endpointsOf(slices: readonly EndpointSlice[], { name = "", protocol = "TCP" }: ServicePort): PortEndpoint[] {
  return slices.flatMap((slice) => {
    const match = (slice.ports ?? []).find(
      (port) => (port.name ?? "") === name && (port.protocol ?? "TCP") === protocol,
    );
    if (match?.port === undefined) return [];
    const { port } = match;
    return slice.endpoints.flatMap((endpoint) => endpoint.addresses.slice(0, 1).map((ip) => ({ ip, port, endpoint })));
  });
}

/**
 * Ready endpoints; when there is none, those that still serve while they end (KEP-1669).
 * @param node given: only endpoints on that node
 */
function reachable(endpoints: readonly PortEndpoint[], node: string | undefined): ServiceBack[] {
  const near = node === undefined ? endpoints : endpoints.filter(({ endpoint }) => endpoint.nodeName === node);
  const ready = near.filter(({ endpoint }) => endpoint.conditions?.ready !== false);
  const chosen =
    ready.length > 0
      ? ready
      : near.filter(({ endpoint: { conditions } }) => conditions?.serving === true && conditions.terminating === true);
  const backs = new Map(chosen.map(({ ip, port }) => [`${ip} ${port}`, { ip, port }]));
  return [...backs].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, back]) => back);
}

/** Where requests to a service's port may go. */
export function readyPlaces(slices: readonly EndpointSlice[], port: ServicePort): ServiceBack[] {
  return reachable(endpointsOf(slices, port), undefined);
}
