/** What a pod asks of a node, as numbers. */

import type { Container, Pod } from "../../model/kubernetes/core.ts";
import { milliValue, wholeValue } from "../../model/kubernetes/quantity.ts";

/** By resource name; cpu in thousandths, everything else in whole units (bytes, pieces). */
export type Amounts = Map<string, number>;

/** What scores count for a container that asks for nothing, so that such pods spread too (kube-scheduler's defaults). */
const UNASKED_CPU = 100;
const UNASKED_MEMORY = 200 * 1024 ** 2;

export function amountsOf(quantities: Readonly<Record<string, string>> | undefined): Amounts {
  const amounts: Amounts = new Map();
  for (const [name, text] of Object.entries(quantities ?? {})) {
    amounts.set(name, name === "cpu" ? milliValue(text) : wholeValue(text));
  }
  return amounts;
}

export function addAmounts(into: Amounts, more: Amounts, sign: 1 | -1 = 1): void {
  for (const [name, amount] of more) into.set(name, (into.get(name) ?? 0) + sign * amount);
}

function raiseTo(into: Amounts, least: Amounts): void {
  for (const [name, amount] of least) into.set(name, Math.max(into.get(name) ?? 0, amount));
}

/**
 * What containers use together: those that run side by side are added, each init container counts beside the sidecars that were
 * started before it, and the greater of both is what the pod needs (sidecar containers, KEP-753).
 */
function together(pod: Pod, requestOf: (container: Container) => Amounts): Amounts {
  const running: Amounts = new Map();
  const starting: Amounts = new Map();
  for (const container of pod.spec?.initContainers ?? []) {
    const request = requestOf(container);
    if (container.restartPolicy === "Always") {
      addAmounts(running, request);
      raiseTo(starting, running);
    } else {
      const peak = new Map(running);
      addAmounts(peak, request);
      raiseTo(starting, peak);
    }
  }
  for (const container of pod.spec?.containers ?? []) addAmounts(running, requestOf(container));
  raiseTo(running, starting);
  return running;
}

/** A pod's requests: its containers', or those of the pod as a whole where it names them, and its overhead. */
export function requestsOf(pod: Pod): Amounts {
  const total = together(pod, (container) => amountsOf(container.resources?.requests));
  for (const [name, amount] of amountsOf(pod.spec?.resources?.requests)) total.set(name, amount);
  addAmounts(total, amountsOf(pod.spec?.overhead));
  return total;
}

/** Requests for scores: a container that asks for no cpu or memory counts as a small one. */
export function weightOf(pod: Pod): { cpu: number; memory: number } {
  const total = together(pod, (container) => {
    const amounts = amountsOf(container.resources?.requests);
    if (!amounts.has("cpu")) amounts.set("cpu", UNASKED_CPU);
    if (!amounts.has("memory")) amounts.set("memory", UNASKED_MEMORY);
    return amounts;
  });
  addAmounts(total, amountsOf(pod.spec?.overhead));
  return { cpu: total.get("cpu") ?? 0, memory: total.get("memory") ?? 0 };
}

/** A port of the node that a pod takes. */
export interface HostPort {
  readonly ip: string;
  readonly port: number;
  readonly protocol: string;
}

export function hostPortsOf(pod: Pod): HostPort[] {
  const sidecars = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === "Always");
  return [...sidecars, ...(pod.spec?.containers ?? [])].flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => (port.hostPort ?? 0) > 0)
      .map(({ hostIP, hostPort, protocol }) => ({
        ip: hostIP === undefined || hostIP === "" ? "0.0.0.0" : hostIP,
        port: hostPort!,
        protocol: protocol ?? "TCP",
      })),
  );
}

/** Two ports are in each other's way on the same protocol and address; 0.0.0.0 and :: are every address. */
export function portsCollide(one: HostPort, other: HostPort): boolean {
  if (one.port !== other.port || one.protocol !== other.protocol) return false;
  const isEvery = (ip: string) => ip === "0.0.0.0" || ip === "::";
  return one.ip === other.ip || isEvery(one.ip) || isEvery(other.ip);
}
