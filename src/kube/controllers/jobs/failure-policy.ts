/** A job's rules for pods that fail, and for when some successes are enough. */

import type { Job, PodFailurePolicyRule, SuccessPolicyRule } from "../../../model/kubernetes/batch.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { podCondition } from "../pod-state.ts";
import { IndexSet } from "./index-set.ts";

interface FailureVerdict {
  action: "FailJob" | "FailIndex" | "Ignore" | "Count";
  /** Why, for the condition. */
  message: string;
}

/** The first rule that fits the failed pod; it counts as every failure does when none fits. */
export function failureVerdict(job: Job, pod: Stored<Pod>): FailureVerdict {
  const rules = job.spec?.podFailurePolicy?.rules ?? [];
  for (const [i, rule] of rules.entries()) {
    const why = whyRuleFits(rule, pod);
    if (why === undefined) continue;
    return {
      action: rule.action as FailureVerdict["action"],
      message: `${why} matching ${rule.action} rule at index ${i}`,
    };
  }
  return { action: "Count", message: "" };
}

function whyRuleFits(rule: PodFailurePolicyRule, pod: Stored<Pod>): string | undefined {
  const { namespace, name } = pod.metadata;
  if (rule.onExitCodes !== undefined) {
    const { containerName, operator, values } = rule.onExitCodes;
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    for (const { name: container, state } of statuses) {
      const code = state?.terminated?.exitCode ?? 0;
      if (code === 0 || (containerName !== undefined && containerName !== container)) continue;
      if (values.includes(code) === (operator === "In")) {
        return `Container ${container} for pod ${namespace}/${name} failed with exit code ${code}`;
      }
    }
    return undefined;
  }
  for (const pattern of rule.onPodConditions ?? []) {
    if (podCondition(pod, pattern.type)?.status === (pattern.status ?? "True")) {
      return `Pod ${namespace}/${name} has condition ${pattern.type}`;
    }
  }
  return undefined;
}

/** The number of the first success rule that is met; undefined when none is. */
export function metSuccessRule(job: Job, succeeded: IndexSet): number | undefined {
  const rules = job.spec?.successPolicy?.rules ?? [];
  const found = rules.findIndex((rule) => isMet(rule, succeeded, job.spec?.completions ?? 0));
  return found < 0 ? undefined : found;
}

function isMet(rule: SuccessPolicyRule, succeeded: IndexSet, completions: number): boolean {
  if (rule.succeededIndexes === undefined) return succeeded.size >= (rule.succeededCount ?? Number.POSITIVE_INFINITY);
  const wanted = [...IndexSet.parse(rule.succeededIndexes, completions)];
  const count = wanted.filter((index) => succeeded.has(index)).length;
  return count >= (rule.succeededCount ?? wanted.length);
}
