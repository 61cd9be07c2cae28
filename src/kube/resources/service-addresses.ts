/** Hands out cluster addresses and node ports of services. */

import type { Service, ServicePort, ServiceSpec } from "../../model/kubernetes/core.ts";
import { SERVICES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { AdmissionRequest, AdmissionStep } from "../machinery/admission.ts";
import { type FieldError, invalid, invalidObject } from "../machinery/field-error.ts";
import { AddressRange } from "./address-range.ts";

interface ServiceRange {
  /** Where cluster addresses come from at this moment, the first ones first: "10.96.0.0/16". */
  cidrs(): readonly string[];
  /** True for an address that somebody has who is no service. */
  isHeld(address: string): boolean;
  /** First and last port that nodes open for services. */
  readonly nodePorts: readonly [number, number];
}
/** All services as they are now, from memory. */
export type ServiceList = () => readonly Stored<Service>[];

/** What was handed out is kept for others so long, until the service itself can be seen. */
const RESERVED_MS = 30_000;

/**
 * The step that gives each service that needs one an address and ports, or refuses those that it asks for when they are taken.
 */
export function createServiceAddresses(
  range: ServiceRange,
  list: ServiceList,
  now: () => number = Date.now,
): AdmissionStep {
  return new ServiceAddresses(range, list, now);
}

/** A service that is written, beside all others. */
interface Writing {
  readonly spec: ServiceSpec;
  readonly before: ServiceSpec | undefined;
  readonly others: readonly Service[];
  readonly dryRun: boolean;
}

class ServiceAddresses implements AdmissionStep {
  readonly name = "ServiceAddresses";
  private readonly reserved = new Map<string, number>();
  private ranges: readonly AddressRange[] = [];

  constructor(
    private readonly range: ServiceRange,
    private readonly list: ServiceList,
    private readonly now: () => number,
  ) {}

  admit(request: AdmissionRequest): void {
    if (request.type.resource !== SERVICES.resource || request.type.group !== "") return;
    const before = (request.before as Service | undefined)?.spec;
    if (request.operation === "DELETE") this.release(before, undefined, request.dryRun);
    const service = request.object as Service | undefined;
    if (request.operation === "DELETE" || request.subresource !== undefined || service?.spec === undefined) return;
    const others = this.list().filter((one) => one.metadata.uid !== service.metadata.uid);
    const writing = { spec: service.spec, before, others, dryRun: request.dryRun };
    const faults = [...this.giveAddress(writing), ...this.givePorts(writing)];
    if (faults.length > 0) throw invalidObject(SERVICES, service.metadata.name ?? "", faults);
    // Until the change is stored, the list above still shows the old ones as taken.
    this.release(before, service.spec, request.dryRun);
  }

  private giveAddress({ spec, before, others, dryRun }: Writing): FieldError[] {
    if (spec.type === "ExternalName" || spec.clusterIP === "None") return [];
    if (spec.clusterIP && spec.clusterIP === before?.clusterIP) return [];
    const taken = new Set(others.map((other) => other.spec?.clusterIP ?? ""));
    const isFree = (address: string) => !taken.has(address) && !this.isReserved(address) && !this.range.isHeld(address);
    const ranges = this.rangesNow();
    if (spec.clusterIP) {
      const { clusterIP } = spec;
      const why = ranges.some((one) => one.contains(clusterIP))
        ? isFree(clusterIP)
          ? undefined
          : "provided IP is already allocated"
        : `the provided IP (${clusterIP}) is not in the valid range. The range of valid IPs is ${this.range.cidrs().join(", ")}`;
      if (why !== undefined) {
        return [invalid("spec.clusterIPs", [spec.clusterIP], `failed to allocate IP ${spec.clusterIP}: ${why}`)];
      }
    } else {
      let address: string | undefined;
      for (const one of ranges) address ??= one.choose(isFree);
      if (address === undefined)
        return [invalid("spec.clusterIPs", [], "failed to allocate a serviceIP: range is full")];
      spec.clusterIP = address;
    }
    spec.clusterIPs = [spec.clusterIP];
    this.reserve(spec.clusterIP, dryRun);
    return [];
  }

  private rangesNow(): readonly AddressRange[] {
    const cidrs = this.range.cidrs();
    if (this.ranges.length !== cidrs.length || this.ranges.some(({ cidr }, at) => cidr !== cidrs[at])) {
      this.ranges = cidrs.map((cidr) => new AddressRange(cidr));
    }
    return this.ranges;
  }

  private givePorts({ spec, before, others, dryRun }: Writing): FieldError[] {
    const isOpen =
      spec.type === "NodePort" || (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
    if (!isOpen) return [];
    const portsOf = (one: ServiceSpec | undefined) => (one?.ports ?? []).map((port) => port.nodePort ?? 0);
    const own = new Set(portsOf(before));
    const taken = new Set(others.flatMap((other) => portsOf(other.spec)));
    const faults: FieldError[] = [];
    for (const [index, port] of (spec.ports ?? []).entries()) {
      const at = `spec.ports[${index}].nodePort`;
      if (port.nodePort) {
        const why = own.has(port.nodePort) ? undefined : this.portFault(port.nodePort, taken);
        if (why !== undefined) faults.push(invalid(at, port.nodePort, why));
        continue;
      }
      const found = twinPort(spec, port) ?? this.choosePort(new Set([...taken, ...own, ...portsOf(spec)]));
      if (found === undefined) faults.push(invalid(at, 0, "failed to allocate a nodePort: range is full"));
      else port.nodePort = found;
    }
    for (const port of portsOf(spec)) if (port !== 0 && !own.has(port)) this.reserve(String(port), dryRun);
    return faults;
  }

  private portFault(port: number, taken: ReadonlySet<number>): string | undefined {
    const [first, last] = this.range.nodePorts;
    if (port < first || port > last) {
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    }
    return taken.has(port) || this.isReserved(String(port)) ? "provided port is already allocated" : undefined;
  }

  private choosePort(taken: ReadonlySet<number>): number | undefined {
    const [first, last] = this.range.nodePorts;
    const span = last - first + 1;
    const start = Math.floor(Math.random() * span);
    for (let step = 0; step < span; step += 1) {
      const port = first + ((start + step) % span);
      if (!taken.has(port) && !this.isReserved(String(port))) return port;
    }
    return undefined;
  }

  private isReserved(key: string): boolean {
    const until = this.reserved.get(key);
    if (until !== undefined && until < this.now()) this.reserved.delete(key);
    return this.reserved.has(key);
  }

  private reserve(key: string, dryRun: boolean): void {
    if (!dryRun) this.reserved.set(key, this.now() + RESERVED_MS);
  }

  /** What a service gives back that goes, or has it no longer. */
  private release(before: ServiceSpec | undefined, after: ServiceSpec | undefined, dryRun: boolean): void {
    if (dryRun) return;
    const held = ({ clusterIP = "", ports = [] }: ServiceSpec) => [
      clusterIP,
      ...ports.map((port) => String(port.nodePort ?? "")),
    ];
    const kept = new Set(after === undefined ? [] : held(after));
    for (const key of before === undefined ? [] : held(before)) if (!kept.has(key)) this.reserved.delete(key);
  }
}

/** TCP and UDP of the same port share one number on the nodes. */
function twinPort(spec: ServiceSpec, port: ServicePort): number | undefined {
  const same = (spec.ports ?? []).filter(
    (one) => one !== port && one.port === port.port && one.protocol !== port.protocol,
  );
  return same.find((one) => one.nodePort)?.nodePort;
}
