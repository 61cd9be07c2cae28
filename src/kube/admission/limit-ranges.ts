/** LimitRanges: defaults and bounds of what containers, pods and claims of a namespace may ask for (core/v1 LimitRange). */

import type { Container, LimitRangeItem, PersistentVolumeClaim, Pod } from "../../model/kubernetes/core.ts";
import { LIMIT_RANGES, PERSISTENT_VOLUME_CLAIMS, PODS } from "../../model/kubernetes/names.ts";
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
} from "../../model/kubernetes/quantity.ts";
import type { ClusterClient } from "../contract.ts";
import type { AdmissionRequest, AdmissionStep } from "../machinery/admission.ts";
import { forbidden, isWriteOf } from "./forbidden.ts";

type Amounts = Readonly<Record<string, string>>;

export function limitRanges(client: ClusterClient): AdmissionStep {
  const ranges = client.informer(LIMIT_RANGES);
  const itemsOf = ({ namespace }: AdmissionRequest) => ranges.list(namespace).flatMap(({ spec }) => spec?.limits ?? []);
  return {
    name: "LimitRanger",
    admit(request) {
      if (!isWriteOf(request, PODS, "CREATE")) return;
      const spec = (request.object as Pod).spec;
      for (const item of itemsOf(request)) {
        if (item.type !== "Container") continue;
        for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) fill(container, item);
      }
    },
    check(request) {
      const faults = isWriteOf(request, PODS, "CREATE")
        ? podFaults(request.object as Pod, itemsOf(request))
        : isWriteOf(request, PERSISTENT_VOLUME_CLAIMS, "CREATE", "UPDATE")
          ? claimFaults(request.object as PersistentVolumeClaim, itemsOf(request))
          : [];
      if (faults.length === 1) throw forbidden(request, faults[0]!);
      if (faults.length > 1) throw forbidden(request, `[${faults.join(", ")}]`);
    },
  };
}

function fill(container: Container, { default: limits = {}, defaultRequest: requests = {} }: LimitRangeItem): void {
  container.resources ??= {};
  // A container's own limit has become its request before this, so that a default request never stands above it.
  if (Object.keys(limits).length > 0) container.resources.limits = { ...limits, ...container.resources.limits };
  if (Object.keys(requests).length > 0) container.resources.requests = { ...requests, ...container.resources.requests };
}

function podFaults(pod: Pod, items: readonly LimitRangeItem[]): string[] {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return items.flatMap((item) => {
    if (item.type === "Container") {
      return containers.flatMap(({ resources }) =>
        boundFaults(item, "Container", resources?.requests ?? {}, resources?.limits ?? {}),
      );
    }
    if (item.type !== "Pod") return [];
    const sum = (part: "requests" | "limits") =>
      total((pod.spec?.containers ?? []).map(({ resources }) => resources?.[part] ?? {}));
    return boundFaults(item, "Pod", sum("requests"), sum("limits"));
  });
}

function claimFaults(claim: PersistentVolumeClaim, items: readonly LimitRangeItem[]): string[] {
  const requests = claim.spec?.resources?.requests ?? {};
  return items
    .filter(({ type }) => type === "PersistentVolumeClaim")
    .flatMap((item) => boundFaults(item, "PersistentVolumeClaim", requests, requests));
}

function total(all: readonly Amounts[]): Record<string, string> {
  const sums: Record<string, string> = {};
  for (const amounts of all) {
    for (const [name, text] of Object.entries(amounts)) {
      const before = parseQuantity(sums[name] ?? "0")!;
      const more = parseQuantity(text);
      if (more !== undefined) sums[name] = formatQuantity(addQuantities(before, more));
    }
  }
  return sums;
}

const order = (one: string, other: string) => compareQuantities(parseQuantity(one)!, parseQuantity(other)!);

function boundFaults(item: LimitRangeItem, of: string, requests: Amounts, limits: Amounts): string[] {
  const faults: string[] = [];
  for (const [name, least] of Object.entries(item.min ?? {})) {
    const rule = `minimum ${name} usage per ${of} is ${canonicalQuantity(least)}`;
    const asked = requests[name];
    if (asked === undefined) faults.push(`${rule}. No request is specified`);
    else if (order(asked, least) < 0) faults.push(`${rule}, but request is ${canonicalQuantity(asked)}`);
    else if (limits[name] !== undefined && order(limits[name], least) < 0)
      faults.push(`${rule}, but limit is ${canonicalQuantity(limits[name])}`);
  }
  for (const [name, most] of Object.entries(item.max ?? {})) {
    const rule = `maximum ${name} usage per ${of} is ${canonicalQuantity(most)}`;
    const limit = limits[name];
    const asked = requests[name];
    if (limit === undefined) faults.push(`${rule}. No limit is specified`);
    else if (order(limit, most) > 0) faults.push(`${rule}, but limit is ${canonicalQuantity(limit)}`);
    else if (asked !== undefined && order(asked, most) > 0)
      faults.push(`${rule}, but request is ${canonicalQuantity(asked)}`);
  }
  for (const [name, ratio] of Object.entries(item.maxLimitRequestRatio ?? {})) {
    const fault = ratioFault(name, of, ratio, requests[name], limits[name]);
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

function ratioFault(
  name: string,
  of: string,
  ratio: string,
  request: string | undefined,
  limit: string | undefined,
): string | undefined {
  const rule = `${name} max limit to request ratio per ${of} is ${canonicalQuantity(ratio)}`;
  const asked = Number(parseQuantity(request ?? "0")?.nano ?? 0n);
  const bound = Number(parseQuantity(limit ?? "0")?.nano ?? 0n);
  if (asked === 0) return `${rule}, but no request is specified or request is 0`;
  if (bound === 0) return `${rule}, but no limit is specified or limit is 0`;
  const most = Number(parseQuantity(ratio)!.nano) / 1e9;
  if (bound / asked <= most) return undefined;
  return `${rule}, but provided ratio is ${(bound / asked).toFixed(6)}`;
}
