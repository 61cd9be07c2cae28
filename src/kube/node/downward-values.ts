/** What a pod may be told about itself: fieldRef and resourceFieldRef, in variables and in files. Pure. */

import { cpus, totalmem } from "node:os";
import type { Container, Pod, ResourceFieldSelector } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { dividedQuantity } from "../../model/kubernetes/quantity.ts";

export interface PodFacts {
  podIps: readonly string[];
  hostIps: readonly string[];
}

/** The value of a field; undefined for a field that there is not. */
export function fieldValue(pod: Stored<Pod>, path: string, facts: PodFacts): string | undefined {
  const { metadata, spec } = pod;
  const part = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path);
  if (part !== null) return metadata[part[1] as "labels" | "annotations"]?.[part[2] ?? ""] ?? "";
  switch (path) {
    case "metadata.name":
      return metadata.name;
    case "metadata.namespace":
      return metadata.namespace ?? "";
    case "metadata.uid":
      return metadata.uid;
    case "metadata.labels":
      return printMap(metadata.labels);
    case "metadata.annotations":
      return printMap(metadata.annotations);
    case "spec.nodeName":
      return spec?.nodeName ?? "";
    case "spec.serviceAccountName":
      return spec?.serviceAccountName ?? "";
    case "status.podIP":
      return facts.podIps[0] ?? "";
    case "status.podIPs":
      return facts.podIps.join(",");
    case "status.hostIP":
      return facts.hostIps[0] ?? "";
    case "status.hostIPs":
      return facts.hostIps.join(",");
    default:
      return undefined;
  }
}

/** One `key="value"` a line, sorted, as files of the downward API have it. */
function printMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}

/**
 * A container's request or limit in units of the divisor, rounded up; where it has no limit, the machine's. Undefined for a
 * resource that there is not.
 */
export function resourceValue(container: Container, { resource, divisor }: ResourceFieldSelector): string | undefined {
  const match = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/.exec(resource);
  if (match === null) return undefined;
  const [, kind, name = ""] = match;
  const { limits, requests } = container.resources ?? {};
  const text = (kind === "limits" ? limits : requests)?.[name] ?? (kind === "limits" ? machineAmount(name) : "0");
  return dividedQuantity(text, divisor);
}

function machineAmount(name: string): string {
  if (name === "cpu") return String(cpus().length);
  return name === "memory" ? String(totalmem()) : "0";
}
