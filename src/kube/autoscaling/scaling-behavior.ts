/** How fast a number of replicas may change: stabilization windows and policies of HorizontalPodAutoscaler v2. Pure. */

import type {
  HorizontalPodAutoscalerBehavior,
  HPAScalingPolicy,
  HPAScalingRules,
} from "../../model/kubernetes/autoscaling.ts";

/** What was proposed, and what was done, in the past. Times in Unix milliseconds. */
export interface ScalingHistory {
  readonly proposals: readonly { readonly at: number; readonly replicas: number }[];
  readonly changes: readonly { readonly at: number; readonly by: number }[];
}
export interface Bounded {
  readonly replicas: number;
  /** Why it is not what was proposed: a condition's reason and message. */
  readonly limit: { readonly reason: string; readonly message: string } | undefined;
  /** The proposal was held back by an earlier one. */
  readonly isStabilized: boolean;
}

const DEFAULT_UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
const DEFAULT_DOWN: HPAScalingRules = {
  stabilizationWindowSeconds: 300,
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
};

/** The longest that anything of the past matters, milliseconds. */
export function memoryOf(behavior: HorizontalPodAutoscalerBehavior | undefined): number {
  const all = [behavior?.scaleUp ?? DEFAULT_UP, behavior?.scaleDown ?? DEFAULT_DOWN];
  const seconds = all.flatMap(({ stabilizationWindowSeconds = 300, policies = [] }) => [
    stabilizationWindowSeconds,
    ...policies.map(({ periodSeconds }) => periodSeconds),
  ]);
  return Math.max(...seconds) * 1000;
}

export function boundReplicas(
  wanted: number,
  current: number,
  { min, max }: { readonly min: number; readonly max: number },
  behavior: HorizontalPodAutoscalerBehavior | undefined,
  history: ScalingHistory,
  now: number,
): Bounded {
  const up = { ...DEFAULT_UP, ...behavior?.scaleUp };
  const down = { ...DEFAULT_DOWN, ...behavior?.scaleDown };
  const stable = stabilized(wanted, current, up, down, history, now);
  const isStabilized = stable !== wanted;
  const bounded = (replicas: number, reason: string, message: string): Bounded => ({
    replicas,
    limit: { reason, message },
    isStabilized,
  });
  if (stable > current) {
    const most = upLimit(current, up, history, now);
    if (stable > Math.min(most, max)) {
      return max <= most
        ? bounded(max, "TooManyReplicas", "the desired replica count is more than the maximum replica count")
        : bounded(most, "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate");
    }
  }
  if (stable < current) {
    const least = downLimit(current, down, history, now);
    if (stable < Math.max(least, min)) {
      return min >= least
        ? bounded(min, "TooFewReplicas", "the desired replica count is less than the minimum replica count")
        : bounded(
            least,
            "ScaleDownLimit",
            "the desired replica count is decreasing faster than the maximum scale rate",
          );
    }
  }
  if (stable > max)
    return bounded(max, "TooManyReplicas", "the desired replica count is more than the maximum replica count");
  if (stable < min)
    return bounded(min, "TooFewReplicas", "the desired replica count is less than the minimum replica count");
  return { replicas: stable, limit: undefined, isStabilized };
}

/** Within a window down goes no further than the highest proposal, up no further than the lowest. */
function stabilized(
  wanted: number,
  current: number,
  up: HPAScalingRules,
  down: HPAScalingRules,
  { proposals }: ScalingHistory,
  now: number,
): number {
  const within = (seconds: number) =>
    proposals.filter(({ at }) => at > now - seconds * 1000).map(({ replicas }) => replicas);
  const lowest = Math.min(wanted, ...within(up.stabilizationWindowSeconds ?? 0));
  const highest = Math.max(wanted, ...within(down.stabilizationWindowSeconds ?? 300));
  return Math.max(Math.min(current, highest), lowest);
}

/** How many were added (or, negative, taken away) within the policy's period. */
function changedWithin(policy: HPAScalingPolicy, history: ScalingHistory, now: number, sign: 1 | -1): number {
  return history.changes
    .filter(({ at, by }) => at > now - policy.periodSeconds * 1000 && Math.sign(by) === sign)
    .reduce((sum, { by }) => sum + Math.abs(by), 0);
}

function upLimit(current: number, rules: HPAScalingRules, history: ScalingHistory, now: number): number {
  if (rules.selectPolicy === "Disabled") return current;
  const limits = (rules.policies ?? []).map((policy) => {
    const before = current - changedWithin(policy, history, now, 1);
    return policy.type === "Pods" ? before + policy.value : Math.ceil(before * (1 + policy.value / 100));
  });
  if (limits.length === 0) return Number.POSITIVE_INFINITY;
  return Math.max(current, rules.selectPolicy === "Min" ? Math.min(...limits) : Math.max(...limits));
}

function downLimit(current: number, rules: HPAScalingRules, history: ScalingHistory, now: number): number {
  if (rules.selectPolicy === "Disabled") return current;
  const limits = (rules.policies ?? []).map((policy) => {
    const before = current + changedWithin(policy, history, now, -1);
    return policy.type === "Pods" ? before - policy.value : Math.ceil(before * (1 - policy.value / 100));
  });
  if (limits.length === 0) return Number.NEGATIVE_INFINITY;
  return Math.min(current, rules.selectPolicy === "Min" ? Math.max(...limits) : Math.min(...limits));
}
