/** What a namespace may use: quotas, ranges of limits, budgets of disruption. */

import type { LimitRange, ResourceQuota } from "../../model/kubernetes/core.ts";
import { LIMIT_RANGES, POD_DISRUPTION_BUDGETS, RESOURCE_QUOTAS } from "../../model/kubernetes/names.ts";
import type { PodDisruptionBudget } from "../../model/kubernetes/policy.ts";
import { compareQuantities, parseQuantity } from "../../model/kubernetes/quantity.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { duplicate, type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import { qualifiedNameFaults } from "../name-rules.ts";
import { immutable, oneOf, selectorFaults } from "./common-rules.ts";
import { amountFaults as percentFaults } from "./deployments.ts";
import { amountFaults } from "./resource-validation.ts";
import { statusUpdate } from "./status-update.ts";

const SCOPES = [
  "BestEffort",
  "CrossNamespacePodAffinity",
  "NotBestEffort",
  "NotTerminating",
  "PriorityClass",
  "Terminating",
  "VolumeAttributesClass",
];

export const resourceQuotas: ResourceDefinition<ResourceQuota> = {
  type: RESOURCE_QUOTAS,
  singular: "resourcequota",
  shortNames: ["quota"],
  partialUpdates: { status: statusUpdate() },
  prepareCreate(quota) {
    quota.status = {};
  },
  validate({ spec }) {
    const faults = Object.entries(spec?.hard ?? {}).flatMap(([name, amount]) => [
      ...qualifiedNameFaults(name).map((why) => invalid(`spec.hard[${name}]`, name, why)),
      ...amountFaults(`spec.hard[${name}]`, name, amount),
    ]);
    for (const scope of spec?.scopes ?? []) faults.push(...oneOf("spec.scopes", scope, SCOPES));
    return faults;
  },
  validateUpdate: (now, before) => immutable("spec.scopes", now.spec?.scopes ?? [], before.spec?.scopes ?? []),
};

export const limitRanges: ResourceDefinition<LimitRange> = {
  type: LIMIT_RANGES,
  singular: "limitrange",
  shortNames: ["limits"],
  defaults({ spec }) {
    for (const item of spec?.limits ?? []) {
      if (item.type !== "Container") continue;
      item.default ??= {};
      item.defaultRequest ??= {};
      // What is given of one bound fills in those that follow from it.
      for (const [name, amount] of Object.entries(item.max ?? {})) item.default[name] ??= amount;
      for (const [name, amount] of Object.entries(item.default)) item.defaultRequest[name] ??= amount;
      for (const [name, amount] of Object.entries(item.min ?? {})) item.defaultRequest[name] ??= amount;
    }
  },
  validate({ spec }) {
    const faults: FieldError[] = [];
    const seen = new Set<string>();
    for (const [index, item] of (spec?.limits ?? []).entries()) {
      const at = `spec.limits[${index}]`;
      if (!item.type) faults.push(required(`${at}.type`));
      if (seen.has(item.type)) faults.push(duplicate(`${at}.type`, item.type));
      seen.add(item.type);
      if (item.type === "Pod" && Object.keys({ ...item.default, ...item.defaultRequest }).length > 0) {
        faults.push(forbidden(`${at}.default`, "may not be specified when `type` is 'Pod'"));
      }
      const order = ["min", "defaultRequest", "default", "max"] as const;
      for (const [low, lower] of order.entries()) {
        for (const higher of order.slice(low + 1)) {
          faults.push(...orderFaults(at, lower, item[lower], higher, item[higher]));
        }
      }
    }
    return faults;
  },
};

function orderFaults(
  at: string,
  lower: string,
  low: Record<string, string> | undefined,
  higher: string,
  high: Record<string, string> | undefined,
): FieldError[] {
  return Object.entries(low ?? {}).flatMap(([name, amount]) => {
    const bound = high?.[name];
    const [a, b] = [parseQuantity(amount), parseQuantity(bound ?? "")];
    if (bound === undefined || a === undefined || b === undefined || compareQuantities(a, b) <= 0) return [];
    const words: Record<string, string> = { defaultRequest: "default request", default: "default" };
    const [first, second] = [words[lower] ?? lower, words[higher] ?? higher];
    return [
      invalid(`${at}.${lower}[${name}]`, amount, `${first} value ${amount} is greater than ${second} value ${bound}`),
    ];
  });
}

export const podDisruptionBudgets: ResourceDefinition<PodDisruptionBudget> = {
  type: POD_DISRUPTION_BUDGETS,
  singular: "poddisruptionbudget",
  shortNames: ["pdb"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  prepareCreate(budget) {
    budget.status = { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 };
  },
  validate({ spec }) {
    const faults: FieldError[] = [];
    if (spec?.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
      faults.push(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
    }
    faults.push(...percentFaults("spec.minAvailable", spec?.minAvailable));
    faults.push(...percentFaults("spec.maxUnavailable", spec?.maxUnavailable));
    faults.push(
      ...oneOf("spec.unhealthyPodEvictionPolicy", spec?.unhealthyPodEvictionPolicy, ["AlwaysAllow", "IfHealthyBudget"]),
    );
    return [...faults, ...selectorFaults("spec.selector", spec?.selector)];
  },
};
