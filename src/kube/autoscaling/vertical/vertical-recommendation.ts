/** From what a container used to what it should ask for. Pure. */

import { milliValue, wholeValue } from "../../quantity.ts";
import { UsageHistogram } from "./usage-histogram.ts";
import type { ContainerPolicy, ContainerRecommendation } from "./vertical-types.ts";

const DAY_MS = 24 * 3600 * 1000;
/** Asked for beyond what was seen. */
const MARGIN = 1.15;
const TARGET = 0.9;
const LOWER = 0.5;
const UPPER = 0.95;
/** The least that is recommended: thousandths of a core, bytes. */
const LEAST = { cpu: 25, memory: 25 * 1024 ** 2 };

/** What one container of a target has used so far. */
export class ContainerHistory {
  private readonly cpu = new UsageHistogram(10, DAY_MS);
  private readonly memory = new UsageHistogram(10 * 1024 ** 2, DAY_MS);
  private firstAt: number | undefined;
  private lastAt = 0;
  private peak: { since: number; bytes: number } | undefined;

  /** @param milliCpu thousandths of a core  @param requested what it asks for: a larger container's samples weigh more */
  add(milliCpu: number, bytes: number, requested: number, at: number): void {
    this.firstAt ??= at;
    this.lastAt = at;
    this.cpu.add(milliCpu, Math.max(requested, 100) / 1000, at);
    // Memory counts by the highest value of each day: less would be killed.
    if (this.peak === undefined || at - this.peak.since >= DAY_MS) {
      this.peak = { since: at, bytes };
      this.memory.add(bytes, 1, at);
    } else if (bytes > this.peak.bytes) {
      this.memory.add(this.peak.bytes, -1, this.peak.since);
      this.memory.add(bytes, 1, this.peak.since);
      this.peak.bytes = bytes;
    }
  }

  get isEmpty(): boolean {
    return this.cpu.isEmpty;
  }

  /** Thousandths of a core and bytes, before any bounds of a policy. */
  estimate(): { target: Amounts; lower: Amounts; upper: Amounts } {
    // In days: with little history the bounds are far apart, so that little is changed in haste.
    const confidence = Math.max((this.lastAt - (this.firstAt ?? 0)) / DAY_MS, 1 / 1440);
    const at = (share: number, factor: number): Amounts => ({
      cpu: Math.max(this.cpu.percentile(share) * MARGIN * factor, LEAST.cpu),
      memory: Math.max(this.memory.percentile(share) * MARGIN * factor, LEAST.memory),
    });
    return {
      target: at(TARGET, 1),
      lower: at(LOWER, (1 + 0.001 / confidence) ** -2),
      upper: at(UPPER, 1 + 1 / confidence),
    };
  }
}

export interface Amounts {
  readonly cpu: number;
  readonly memory: number;
}

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
