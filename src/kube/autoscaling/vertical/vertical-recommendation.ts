/** From what a container used to what it should ask for. Pure. */

import { milliValue, wholeValue } from "../../../model/kubernetes/quantity.ts";
import type { Amounts, ContainerHistory } from "./container-history.ts";
import type { ContainerPolicy, ContainerRecommendation } from "./vertical-types.ts";

/** The policy that holds for a container: its own, else that of "*". */
export function policyOf(policies: readonly ContainerPolicy[] | undefined, container: string): ContainerPolicy {
  return (
    policies?.find(({ containerName }) => containerName === container) ??
    policies?.find(({ containerName }) => containerName === "*") ??
    {}
  );
}

/** Undefined where the policy says that the container is left alone, or nothing is known of it. */
export function recommend(
  container: string,
  history: ContainerHistory | undefined,
  policy: ContainerPolicy,
): ContainerRecommendation | undefined {
  if (policy.mode === "Off" || history === undefined || history.isEmpty) return undefined;
  const { target, lower, upper } = history.estimate();
  const resources = policy.controlledResources ?? ["cpu", "memory"];
  const bounded = (amounts: Amounts) => printed(bound(amounts, policy), resources);
  return {
    containerName: container,
    target: bounded(target),
    lowerBound: bounded(lower),
    upperBound: bounded(upper),
    uncappedTarget: printed(target, resources),
  };
}

function bound({ cpu, memory }: Amounts, { minAllowed = {}, maxAllowed = {} }: ContainerPolicy): Amounts {
  const within = (amount: number, least: number, most: number) =>
    Math.max(least, most > 0 ? Math.min(amount, most) : amount);
  return {
    cpu: within(cpu, milliValue(minAllowed.cpu), milliValue(maxAllowed.cpu)),
    memory: within(memory, wholeValue(minAllowed.memory), wholeValue(maxAllowed.memory)),
  };
}

function printed({ cpu, memory }: Amounts, resources: readonly string[]): Record<string, string> {
  return {
    ...(resources.includes("cpu") ? { cpu: `${Math.ceil(cpu)}m` } : {}),
    ...(resources.includes("memory") ? { memory: String(Math.ceil(memory)) } : {}),
  };
}

/** True when what the container asks for lies outside of what is recommended. */
export function isOutside(
  requests: Readonly<Record<string, string>>,
  { lowerBound, upperBound }: ContainerRecommendation,
): boolean {
  return Object.keys(lowerBound).some((resource) => {
    const count = resource === "cpu" ? milliValue : wholeValue;
    const asked = count(requests[resource]);
    return asked < count(lowerBound[resource]) || asked > count(upperBound[resource]);
  });
}

interface Resources {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
}

/** The container's resources with the target as request; limits keep their ratio to the requests, unless only requests are wished. */
export function adjusted(
  resources: Resources | undefined,
  target: Readonly<Record<string, string>>,
  policy: ContainerPolicy,
): Resources {
  const { requests = {}, limits } = resources ?? {};
  const next: Resources = { ...resources, requests: { ...requests, ...target } };
  if (limits === undefined || policy.controlledValues === "RequestsOnly") return next;
  next.limits = { ...limits };
  for (const [resource, wanted] of Object.entries(target)) {
    const count = resource === "cpu" ? milliValue : wholeValue;
    const limit = limits[resource];
    const before = count(requests[resource] ?? limit);
    if (limit === undefined || before === 0) continue;
    const scaled = Math.ceil((count(wanted) * count(limit)) / before);
    next.limits[resource] = resource === "cpu" ? `${scaled}m` : String(scaled);
  }
  return next;
}
