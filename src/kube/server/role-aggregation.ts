/** Cluster roles that are made of others: rules of all roles that their selectors choose are kept as their own. */
import { CLUSTER_ROLES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterRole, PolicyRule } from "../../model/kubernetes/rbac.ts";
import type { ClusterClient, ClusterPart } from "../contract.ts";
import { labelSelectorMatcher } from "../machinery/selectors.ts";
import { isStatus } from "../status.ts";

/** Changes that come together are looked at together. */
const GATHER_MS = 50;

export function roleAggregation(client: ClusterClient): ClusterPart {
  return { name: "clusterrole-aggregation", run: (signal) => run(client, signal) };
}

async function run(client: ClusterClient, signal: AbortSignal): Promise<void> {
  const informer = client.informer(CLUSTER_ROLES);
  await informer.synced;
  let wake: (() => void) | undefined;
  let isChanged = true;
  const notice = () => {
    isChanged = true;
    wake?.();
  };
  const end = informer.subscribe({ added: notice, updated: notice, deleted: notice });
  signal.addEventListener("abort", notice);
  try {
    while (!signal.aborted) {
      if (!isChanged) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (!signal.aborted) await Bun.sleep(GATHER_MS);
        continue;
      }
      isChanged = false;
      await aggregate(client, informer.list());
    }
  } finally {
    signal.removeEventListener("abort", notice);
    end();
  }
}

async function aggregate(client: ClusterClient, roles: readonly Stored<ClusterRole>[]): Promise<void> {
  for (const role of roles) {
    const selectors = role.aggregationRule?.clusterRoleSelectors;
    if (selectors === undefined) continue;
    const chosen = selectors.map((selector) => labelSelectorMatcher(selector));
    const rules = unionOf(
      roles.filter((other) => other !== role && chosen.some((matches) => matches(other.metadata.labels))),
    );
    if (Bun.deepEquals(rules, role.rules ?? [])) continue;
    try {
      await client.resource(CLUSTER_ROLES).update({ ...structuredClone(role), rules });
    } catch (error) {
      // Who changed it in between wakes us again.
      if (!isStatus(error, "Conflict", "NotFound")) throw error;
    }
  }
}

/** In the order of the roles' names, each rule once. */
function unionOf(roles: readonly Stored<ClusterRole>[]): PolicyRule[] {
  const sorted = [...roles].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const found = new Map<string, PolicyRule>();
  for (const rule of sorted.flatMap(({ rules }) => rules ?? [])) {
    const copy = structuredClone(rule);
    const key = JSON.stringify(copy);
    if (!found.has(key)) found.set(key, copy);
  }
  return [...found.values()];
}
