/**
 * What the cluster's name server knows: services, their endpoints and pods, as Kubernetes' specification of DNS-based service
 * discovery (version 1.1.0) says. Pure.
 */

import { DNS_CODE, DNS_TYPE, type DnsAnswer, type DnsReply, pointerAddress } from "../../dns/message.ts";
import { formatIp, parseIp } from "../../lib/ip-address.ts";
import type { Service } from "../../model/kubernetes/core.ts";
import type { Endpoint, EndpointSlice } from "../../model/kubernetes/discovery.ts";
import type { Stored } from "../../model/kubernetes/object.ts";

const SCHEMA_VERSION = "1.1.0";
/** Seconds: endpoints come and go. */
const TTL = 5;

/** Where services and endpoints are looked up. */
export interface NameSources {
  service(namespace: string, name: string): Stored<Service> | undefined;
  hasNamespace(name: string): boolean;
  slicesOf(namespace: string, service: string): readonly EndpointSlice[];
  /** The service with that cluster address. */
  serviceAt(ip: string): Stored<Service> | undefined;
  /** The endpoint with that address that has a name of its own, with its service. */
  namedEndpointAt(ip: string): { namespace: string; service: string; endpoint: Endpoint } | undefined;
}

/** An external name is for others to resolve: `alias` is its record, `target` what to ask for. */
interface ExternalAlias {
  alias: DnsAnswer;
  target: string;
}
type ClusterAnswer = DnsReply | ExternalAlias | undefined;

/** @param domain "cluster.local"  @returns undefined for names that are not the cluster's */
export function resolveClusterName(sources: NameSources, domain: string, name: string, type: number): ClusterAnswer {
  if (type === DNS_TYPE.PTR) return resolvePointer(sources, domain, name);
  if (name === domain) return zoneItself(domain, type);
  if (!name.endsWith(`.${domain}`)) return undefined;
  const labels = name.slice(0, -domain.length - 1).split(".");
  const found = resolveInZone(sources, domain, labels, type);
  if (found === undefined) return { code: DNS_CODE.nameError, authority: [zoneStart(domain)] };
  if ("alias" in found) return found;
  return found.answers?.length === 0 ? { ...found, authority: [zoneStart(domain)] } : found;
}

function zoneStart(domain: string): DnsAnswer {
  const names = { server: `ns.dns.${domain}`, mailbox: `hostmaster.${domain}` };
  return { type: "zone", ...names, serial: 1, owner: domain, ttl: TTL };
}

function zoneItself(domain: string, type: number): DnsReply {
  if (type === DNS_TYPE.SOA || type === DNS_TYPE.ANY) return { answers: [zoneStart(domain)] };
  if (type === DNS_TYPE.NS) return { answers: [{ type: "server", name: `ns.dns.${domain}`, ttl: TTL }] };
  return { answers: [], authority: [zoneStart(domain)] };
}

/** @param labels what stands before the domain  @returns undefined when there is no such name */
function resolveInZone(
  sources: NameSources,
  domain: string,
  labels: readonly string[],
  type: number,
): DnsReply | ExternalAlias | undefined {
  if (labels.length === 1 && labels[0] === "dns-version") {
    const text: DnsAnswer = { type: "text", text: SCHEMA_VERSION, ttl: TTL };
    return { answers: type === DNS_TYPE.TXT || type === DNS_TYPE.ANY ? [text] : [] };
  }
  const kind = labels.at(-1);
  const namespace = labels.at(-2);
  // Names that only stand above others exist, but have nothing.
  if (labels.length === 1) return kind === "svc" || kind === "pod" ? { answers: [] } : undefined;
  if (namespace === undefined || !sources.hasNamespace(namespace)) return undefined;
  if (labels.length === 2) return kind === "svc" || kind === "pod" ? { answers: [] } : undefined;
  const rest = labels.slice(0, -2);
  if (kind === "pod") return resolvePod(rest, type);
  return kind === "svc" ? resolveService(sources, domain, namespace, rest, type) : undefined;
}

/** "10-244-0-5.default.pod": the address is in the name. */
function resolvePod(labels: readonly string[], type: number): DnsReply | undefined {
  if (labels.length !== 1) return undefined;
  const address = parseIp(labels[0]!.replaceAll("-", "."));
  if (address?.version !== 4) return undefined;
  return { answers: wantsV4(type) ? [{ type: "address", address, ttl: TTL }] : [] };
}

const wantsV4 = (type: number) => type === DNS_TYPE.A || type === DNS_TYPE.ANY;

function resolveService(
  sources: NameSources,
  domain: string,
  namespace: string,
  labels: readonly string[],
  type: number,
): DnsReply | ExternalAlias | undefined {
  const name = labels.at(-1)!;
  const service = sources.service(namespace, name);
  if (service?.spec === undefined) return undefined;
  const { spec } = service;
  const full = `${name}.${namespace}.svc.${domain}`;
  const before = labels.slice(0, -1);
  if (spec.type === "ExternalName") {
    if (before.length > 0) return undefined;
    const target = (spec.externalName ?? "").replace(/\.$/, "");
    return { alias: { type: "alias", name: target, ttl: TTL }, target };
  }
  const endpoints = () => livingEndpoints(sources.slicesOf(namespace, name));
  if (spec.clusterIP !== "None") {
    if (before.length === 0) return addresses([spec.clusterIP ?? ""], type);
    const ports = (spec.ports ?? []).map((port) => ({ ...port, name: port.name ?? "" }));
    const wanted = portOf(before, ports);
    return wanted === undefined ? undefined : services([{ port: wanted.port, target: full }], type);
  }
  if (before.length === 0)
    return addresses(
      endpoints().map(({ ip }) => ip),
      type,
    );
  if (before.length === 1) {
    const mine = endpoints().filter((endpoint) => endpoint.label === before[0]);
    return mine.length === 0
      ? undefined
      : addresses(
          mine.map(({ ip }) => ip),
          type,
        );
  }
  const targets = endpoints().flatMap(({ label, ports }) => {
    const port = portOf(before, ports);
    return port === undefined ? [] : [{ port: port.port, target: `${label}.${full}` }];
  });
  return targets.length === 0 ? undefined : services(targets, type);
}

interface NamedPort {
  name: string;
  protocol?: string;
  port: number;
}

/** "_http._tcp": the port of that name and protocol. */
function portOf(labels: readonly string[], ports: readonly NamedPort[]): NamedPort | undefined {
  if (labels.length !== 2 || !labels[0]!.startsWith("_") || !labels[1]!.startsWith("_")) return undefined;
  const [name, protocol] = [labels[0]!.slice(1), labels[1]!.slice(1)];
  return ports.find((port) => port.name.toLowerCase() === name && (port.protocol ?? "TCP").toLowerCase() === protocol);
}

function livingEndpoints(slices: readonly EndpointSlice[]) {
  const found = new Map<string, { ip: string; label: string; ports: NamedPort[] }>();
  for (const slice of slices) {
    const ports = (slice.ports ?? []).flatMap(({ name = "", protocol, port }) =>
      port === undefined ? [] : [{ name, port, ...(protocol === undefined ? {} : { protocol }) }],
    );
    for (const endpoint of slice.endpoints) {
      const ip = endpoint.addresses[0];
      if (ip === undefined || endpoint.conditions?.ready === false) continue;
      const known = found.get(ip);
      if (known === undefined) found.set(ip, { ip, label: labelOf(endpoint, ip), ports });
      else known.ports = [...known.ports, ...ports];
    }
  }
  return [...found.values()];
}

const labelOf = (endpoint: Endpoint, ip: string) => endpoint.hostname ?? ip.replaceAll(/[.:]/g, "-");

/** In another order each time, so that clients that take the first spread. */
function addresses(ips: readonly string[], type: number): DnsReply {
  const answers = ips.flatMap((ip): DnsAnswer[] => {
    const address = parseIp(ip);
    if (address === undefined) return [];
    const isWanted = type === DNS_TYPE.ANY || type === (address.version === 4 ? DNS_TYPE.A : DNS_TYPE.AAAA);
    return isWanted ? [{ type: "address", address, ttl: TTL }] : [];
  });
  const from = Math.floor(Math.random() * answers.length);
  return { answers: [...answers.slice(from), ...answers.slice(0, from)] };
}

function services(targets: readonly { port: number; target: string }[], type: number): DnsReply {
  if (type !== DNS_TYPE.SRV && type !== DNS_TYPE.ANY) return { answers: [] };
  return { answers: targets.map((target) => ({ type: "service", ...target, ttl: TTL })) };
}

function resolvePointer(sources: NameSources, domain: string, name: string): DnsReply | undefined {
  const address = pointerAddress(name);
  if (address === undefined) return undefined;
  const ip = formatIp(address);
  const service = sources.serviceAt(ip);
  const pointer = (text: string): DnsReply => ({
    answers: [{ type: "pointer", name: `${text}.svc.${domain}`, ttl: TTL }],
  });
  if (service !== undefined) return pointer(`${service.metadata.name}.${service.metadata.namespace}`);
  const found = sources.namedEndpointAt(ip);
  if (found === undefined) return undefined;
  return pointer(`${labelOf(found.endpoint, ip)}.${found.service}.${found.namespace}`);
}
