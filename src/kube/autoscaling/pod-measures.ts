/** What the pods of a target use and ask for, as the replica calculator wants it. */

import type { ContainerResourceMetricSource, MetricTarget } from "../../model/kubernetes/autoscaling.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { milliValue, wholeValue } from "../../model/kubernetes/quantity.ts";
import { type MeasuredPod, MetricUnknown, type Target } from "./replica-calculator.ts";

/** What a pod's containers use: cores and bytes by container. */
export interface PodReading {
  readonly cores: ReadonlyMap<string, number>;
  readonly bytes: ReadonlyMap<string, number>;
  /** When it was read, Unix milliseconds, and over how long. */
  readonly at: number;
  readonly windowMs: number;
}

/** A pod that began so lately tells little by its processor time, unless it has been ready for a while. */
const FIRST_MS = 300_000;
const READINESS_DELAY_MS = 30_000;

export const countOf = (resource: string) => (resource === "cpu" ? milliValue : wholeValue);

/** @param container given: only that container counts  @throws MetricUnknown */
export function measurePod(
  pod: Stored<Pod>,
  reading: PodReading | undefined,
  resource: string,
  container: ContainerResourceMetricSource["container"] | undefined,
  now: number,
): MeasuredPod {
  const names = containersOf(pod, container);
  if (container !== undefined && names.length === 0) {
    throw new MetricUnknown(
      `container ${container} not present in metrics for pod ${pod.metadata.namespace}/${pod.metadata.name}`,
    );
  }
  return {
    used: reading === undefined ? undefined : usedBy(names, reading, resource),
    requested: requestedBy(pod, names, resource),
    isStarting: isStarting(pod, reading, resource, now),
  };
}

function containersOf({ spec }: Pod, container: string | undefined): string[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const names = [...sidecars, ...(spec?.containers ?? [])].map(({ name }) => name);
  return container === undefined ? names : names.filter((name) => name === container);
}

function usedBy(names: readonly string[], { cores, bytes }: PodReading, resource: string): number | undefined {
  const amounts = names.map((name) => {
    if (resource === "cpu") return cores.has(name) ? cores.get(name)! * 1000 : undefined;
    return resource === "memory" ? bytes.get(name) : undefined;
  });
  if (amounts.some((amount) => amount === undefined)) return undefined;
  return amounts.reduce<number>((sum, amount) => sum + amount!, 0);
}

function requestedBy({ spec }: Pod, names: readonly string[], resource: string): number | undefined {
  const count = countOf(resource);
  let sum = 0;
  for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
    if (!names.includes(container.name)) continue;
    const text = container.resources?.requests?.[resource];
    if (text === undefined) return undefined;
    sum += count(text);
  }
  return sum;
}

function isStarting({ status }: Pod, reading: PodReading | undefined, resource: string, now: number): boolean {
  if (status?.phase === "Pending") return true;
  if (resource !== "cpu") return false;
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const startedAt = Date.parse(status?.startTime ?? "");
  if (ready === undefined || Number.isNaN(startedAt)) return true;
  const changedAt = Date.parse(ready.lastTransitionTime ?? "");
  // Young: not ready, or measured before it was.
  if (startedAt + FIRST_MS > now) {
    return ready.status === "False" || (reading !== undefined && reading.at - reading.windowMs < changedAt);
  }
  return ready.status === "False" && startedAt + READINESS_DELAY_MS > changedAt;
}

/** @throws MetricUnknown for targets that make no sense */
export function targetOf(target: MetricTarget, resource: string): Target {
  if (target.averageUtilization !== undefined) return { utilization: target.averageUtilization };
  if (target.averageValue !== undefined) return { average: countOf(resource)(target.averageValue) };
  throw new MetricUnknown("invalid resource metric source: neither a utilization target nor a value target was set");
}
