/** How many pods a budget lets go, and whether one may go now. Pure. */

import type { Pod } from "../../../model/kubernetes/core.ts";
import type { Condition } from "../../../model/kubernetes/meta.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "../../../model/kubernetes/policy.ts";
import { timestamp } from "../../machinery/core.ts";
import { StatusError } from "../../status.ts";
import { intOrPercent } from "../int-or-percent.ts";
import { isReady } from "../pod-state.ts";
import { instant } from "../timestamps.ts";

/** A pod that was told to go, and has not gone in this time, is taken to stay. */
export const DISRUPTION_MS = 120_000;
const MOST_DISRUPTED = 2000;
const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget.";

/** Whether the budget counts what the pods' controllers want, not what is there. */
export function needsScale(budget: PodDisruptionBudget): boolean {
  return budget.spec?.maxUnavailable !== undefined || typeof budget.spec?.minAvailable === "string";
}

/** @param expected pods that the controllers of these pods want, for budgets that need it */
export function budgetStatus(
  budget: Stored<PodDisruptionBudget>,
  pods: readonly Stored<Pod>[],
  expected: number,
  now: number,
): PodDisruptionBudgetStatus {
  const { maxUnavailable, minAvailable } = budget.spec ?? {};
  const expectedPods = needsScale(budget) ? expected : pods.length;
  const desiredHealthy =
    maxUnavailable !== undefined
      ? Math.max(0, expectedPods - intOrPercent(maxUnavailable, expectedPods, "up"))
      : intOrPercent(minAvailable, expectedPods, "up");
  const disruptedPods = stillGoing(budget, pods, now);
  const currentHealthy = pods.filter(
    (pod) =>
      pod.metadata.deletionTimestamp === undefined && disruptedPods[pod.metadata.name] === undefined && isReady(pod),
  ).length;
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  return {
    currentHealthy,
    desiredHealthy,
    expectedPods,
    disruptionsAllowed,
    ...(Object.keys(disruptedPods).length === 0 ? {} : { disruptedPods }),
    observedGeneration: budget.metadata.generation,
    conditions: allowedCondition(budget, disruptionsAllowed, now),
  };
}

/** Pods that were told to go and have not yet. */
function stillGoing(budget: PodDisruptionBudget, pods: readonly Stored<Pod>[], now: number): Record<string, string> {
  const byName = new Map(pods.map((pod) => [pod.metadata.name, pod]));
  const going = Object.entries(budget.status?.disruptedPods ?? {}).filter(([name, at]) => {
    const pod = byName.get(name);
    return pod !== undefined && pod.metadata.deletionTimestamp === undefined && instant(at) + DISRUPTION_MS > now;
  });
  return Object.fromEntries(going);
}

function allowedCondition(budget: PodDisruptionBudget, allowed: number, now: number): Condition[] {
  const others = (budget.status?.conditions ?? []).filter((condition) => condition.type !== "DisruptionAllowed");
  const before = budget.status?.conditions?.find((condition) => condition.type === "DisruptionAllowed");
  const status = allowed > 0 ? "True" : "False";
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timestamp(now);
  const reason = allowed > 0 ? "SufficientPods" : "InsufficientPods";
  const generation = budget.metadata.generation;
  return [
    ...others,
    {
      type: "DisruptionAllowed",
      status,
      reason,
      message: "",
      lastTransitionTime,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    },
  ];
}

/** A pod that does no work: it may go whatever the budget says. */
export function isOutOfBudget(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return (
    phase === "Succeeded" || phase === "Failed" || phase === "Pending" || pod.metadata.deletionTimestamp !== undefined
  );
}

/** An ill pod may go without counting: always, or while the others are well. */
export function mayGoIll(budget: PodDisruptionBudget, pod: Pod): boolean {
  if (isReady(pod)) return false;
  if (budget.spec?.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

/**
 * The budget's status after `pod` was told to go.
 * @throws StatusError TooManyRequests when the budget has no room (or has not been looked at yet)
 */
export function spend(budget: Stored<PodDisruptionBudget>, pod: Stored<Pod>, now: number): PodDisruptionBudgetStatus {
  const status = budget.status;
  const { name, generation = 0 } = budget.metadata;
  if (status === undefined || (status.observedGeneration ?? 0) < generation) {
    const message = `The disruption budget ${name} is still being processed by the server.`;
    throw new StatusError("TooManyRequests", REFUSED, {
      causes: [{ reason: "DisruptionBudget", message }],
      retryAfterSeconds: 10,
    });
  }
  if (status.disruptionsAllowed <= 0) {
    const message = `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`;
    throw new StatusError("TooManyRequests", REFUSED, { causes: [{ reason: "DisruptionBudget", message }] });
  }
  if (Object.keys(status.disruptedPods ?? {}).length > MOST_DISRUPTED) {
    throw new StatusError(
      "Forbidden",
      "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
    );
  }
  const left = status.disruptionsAllowed - 1;
  return {
    ...status,
    disruptionsAllowed: left,
    disruptedPods: { ...status.disruptedPods, [pod.metadata.name]: timestamp(now) },
    conditions: allowedCondition(budget, left, now),
  };
}
