/** What a namespace uses now of what its quotas limit. */

import type { ResourceQuota } from "../../../model/kubernetes/core.ts";
import { formatQuantity } from "../../../model/kubernetes/quantity.ts";
import type { ClusterClient } from "../../contract.ts";
import { isInScope } from "./scopes.ts";
import { amountOf, kindsOf, type Usage, usageOf } from "./usage.ts";

/** Counted anew from all objects, for each name that the quota limits. */
export function countedUsage(client: ClusterClient, quota: ResourceQuota, now: number): Usage {
  const names = Object.keys(quota.spec?.hard ?? {});
  const used: Usage = new Map(names.map((name) => [name, 0n]));
  for (const type of kindsOf(names, client.types())) {
    for (const object of client.informer(type).list(quota.metadata.namespace)) {
      if (!isInScope(quota, type, object)) continue;
      for (const [name, amount] of usageOf(type, object, now)) {
        const before = used.get(name);
        if (before !== undefined) used.set(name, before + amount);
      }
    }
  }
  return used;
}

/** The status of a quota of which so much is used. */
export function quotaStatus(quota: ResourceQuota, used: Usage): NonNullable<ResourceQuota["status"]> {
  const hard = { ...quota.spec?.hard };
  const written = Object.entries(hard).map(([name, limit]) => [
    name,
    formatQuantity(amountOf(used.get(name) ?? 0n, limit)),
  ]);
  return { hard, used: Object.fromEntries(written) as Record<string, string> };
}
