/** Hands out cluster addresses and node ports of services. */

import type { Service } from "../../model/kubernetes/core.ts";
import { SERVICES } from "../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { AdmissionStep } from "../machinery/admission.ts";
import { type FieldError, invalid, invalidObject } from "../machinery/field-error.ts";

export interface ServiceRange {
  /** "10.96.0.0/16": where cluster addresses come from. */
  readonly cidr: string;
  /** First and last port that nodes open for services. */
  readonly nodePorts: readonly [number, number];
}
/** All services as they are now, from memory. */
export type ServiceList = () => readonly Stored<Service>[];

/** What was handed out is kept for others so long, until the service itself can be seen. */
const RESERVED_MS = 30_000;
/** The first addresses are for services with a fixed address (API server, DNS). */
const STATIC_ADDRESSES = 32;

/**
 * The step that gives each service that needs one an address and ports, or refuses those that it asks for when they are taken.
 * @throws Error for a range that is none
 */
export function createServiceAddresses(
  range: ServiceRange,
  list: ServiceList,
  now: () => number = Date.now,
): AdmissionStep {
  const reserved = new Map<string, number>();
  const [base, size] = parseRange(range.cidr);
  const isReserved = (key: string) => {
    const until = reserved.get(key);
    if (until !== undefined && until < now()) reserved.delete(key);
    return reserved.has(key);
  };
  const chooseAddress = (taken: ReadonlySet<string>): string | undefined => {
    const span = size - 1 - STATIC_ADDRESSES;
    const start = Math.floor(Math.random() * span);
    for (let step = 0; step < span; step += 1) {
      const address = formatAddress(base + STATIC_ADDRESSES + ((start + step) % span));
      if (!taken.has(address) && !isReserved(address)) return address;
    }
    return undefined;
  };
  const choosePort = (taken: ReadonlySet<number>): number | undefined => {
    const [first, last] = range.nodePorts;
    const span = last - first + 1;
    const start = Math.floor(Math.random() * span);
    for (let step = 0; step < span; step += 1) {
      const port = first + ((start + step) % span);
      if (!taken.has(port) && !isReserved(String(port))) return port;
    }
    return undefined;
  };
  const reserve = (key: string | number, dryRun: boolean) => {
    if (!dryRun) reserved.set(String(key), now() + RESERVED_MS);
  };

  const admitAddress = (
    service: Service,
    others: readonly Service[],
    old: string | undefined,
    dryRun: boolean,
  ): FieldError[] => {
    const spec = service.spec;
    if (spec === undefined || spec.type === "ExternalName" || spec.clusterIP === "None") return [];
    if (spec.clusterIP && spec.clusterIP === old) return [];
    const taken = new Set(others.map((other) => other.spec?.clusterIP ?? ""));
    if (spec.clusterIP) {
      const at = parseAddress(spec.clusterIP);
      const fault = (why: string) => [
        invalid("spec.clusterIPs", [spec.clusterIP], `failed to allocate IP ${spec.clusterIP}: ${why}`),
      ];
      if (at === undefined) return [];
      if (at <= base || at >= base + size - 1) {
        return fault(
          `the provided IP (${spec.clusterIP}) is not in the valid range. The range of valid IPs is ${range.cidr}`,
        );
      }
      if (taken.has(spec.clusterIP) || isReserved(spec.clusterIP)) return fault("provided IP is already allocated");
    } else {
      const address = chooseAddress(taken);
      if (address === undefined)
        return [invalid("spec.clusterIPs", [], `failed to allocate a serviceIP: range is full`)];
      spec.clusterIP = address;
    }
    spec.clusterIPs = [spec.clusterIP];
    reserve(spec.clusterIP, dryRun);
    return [];
  };

  const admitPorts = (
    service: Service,
    others: readonly Service[],
    before: Service | undefined,
    dryRun: boolean,
  ): FieldError[] => {
    const spec = service.spec;
    const open =
      spec?.type === "NodePort" || (spec?.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
    if (spec === undefined || !open) return [];
    const own = new Set((before?.spec?.ports ?? []).map((port) => port.nodePort));
    const taken = new Set(others.flatMap((other) => (other.spec?.ports ?? []).map((port) => port.nodePort ?? 0)));
    const faults: FieldError[] = [];
    const here = new Map<number, string>();
    for (const [index, port] of (spec.ports ?? []).entries()) {
      const at = `spec.ports[${index}].nodePort`;
      if (port.nodePort && !own.has(port.nodePort)) {
        const [first, last] = range.nodePorts;
        if (port.nodePort < first || port.nodePort > last) {
          const why = `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
          faults.push(invalid(at, port.nodePort, why));
        } else if (taken.has(port.nodePort) || isReserved(String(port.nodePort))) {
          faults.push(invalid(at, port.nodePort, "provided port is already allocated"));
        }
      } else if (!port.nodePort) {
        // TCP and UDP of the same service port share one number.
        const twin = spec.ports?.find((one) => one !== port && one.port === port.port && one.nodePort);
        port.nodePort =
          twin?.nodePort !== undefined && here.get(twin.nodePort) !== port.protocol
            ? twin.nodePort
            : choosePort(new Set([...taken, ...here.keys(), ...own].filter((one) => one !== undefined) as number[]));
        if (port.nodePort === undefined) faults.push(invalid(at, 0, "failed to allocate a nodePort: range is full"));
      }
      if (port.nodePort) here.set(port.nodePort, port.protocol ?? "TCP");
    }
    for (const port of here.keys()) if (!own.has(port)) reserve(port, dryRun);
    return faults;
  };

  return {
    name: "ServiceAddresses",
    admit(request) {
      if (request.type.resource !== SERVICES.resource || request.type.group !== "") return;
      if (request.operation === "DELETE" || request.subresource !== undefined || request.object === undefined) {
        if (request.operation === "DELETE") for (const key of keysOf(request.before)) reserved.delete(key);
        return;
      }
      const service = request.object as Service;
      const before = request.before as Service | undefined;
      const others = list().filter((one) => one.metadata.uid !== service.metadata.uid);
      const faults = [
        ...admitAddress(service, others, before?.spec?.clusterIP, request.dryRun),
        ...admitPorts(service, others, before, request.dryRun),
      ];
      if (faults.length > 0) throw invalidObject(SERVICES, service.metadata.name ?? "", faults);
    },
  };
}

/** What a service that goes gives back. */
function keysOf(object: Stored<KubeObject> | undefined): string[] {
  const spec = (object as Service | undefined)?.spec;
  return [spec?.clusterIP ?? "", ...(spec?.ports ?? []).map((port) => String(port.nodePort ?? ""))];
}

function parseRange(cidr: string): [base: number, size: number] {
  const [address = "", bits = ""] = cidr.split("/");
  const base = parseAddress(address);
  const size = 2 ** (32 - Number(bits));
  if (base === undefined || !(size > 64)) throw new Error(`no range for services: ${cidr}`);
  return [base, size];
}

/** An IPv4 address as a number. */
function parseAddress(address: string): number | undefined {
  const parts = address.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return undefined;
  return parts.reduce((number, part) => number * 256 + part, 0);
}

function formatAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
