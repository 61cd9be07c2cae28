/** POST pods/NAME/eviction: a pod is asked to go, if its disruption budget allows it (policy/v1 Eviction). */

import type { Pod } from "../../../model/kubernetes/core.ts";
import { POD_DISRUPTION_BUDGETS, PODS } from "../../../model/kubernetes/names.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { Eviction, PodDisruptionBudget } from "../../../model/kubernetes/policy.ts";
import type { ClusterClient, DeleteOptions } from "../../contract.ts";
import type { SubresourceHandler } from "../../machinery/core.ts";
import { timestamp } from "../../machinery/core.ts";
import { labelSelectorMatcher } from "../../machinery/selectors.ts";
import { isStatus, StatusError } from "../../status.ts";
import { withCondition } from "../status-conditions.ts";
import { isOutOfBudget, mayGoIll, spend } from "./budget.ts";

/** How often a budget is read anew when somebody else wrote it in between. */
const ATTEMPTS = 20;

/** The answer of the eviction subresource. */
export function podEviction(client: ClusterClient): SubresourceHandler {
  return async ({ namespace, name, body, dryRun }) => {
    const eviction = body as Eviction;
    const asked = eviction.metadata?.name ?? "";
    if (asked !== "" && asked !== name) {
      throw new StatusError("BadRequest", "name in URL does not match name in Eviction object");
    }
    // Asked for in the query or in the delete options, which is where kubectl drain says it.
    const isDry = dryRun || (eviction.deleteOptions?.dryRun ?? []).includes("All");
    await evictPod(client, namespace, name, { ...deleteOptionsOf(eviction), dryRun: isDry });
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  };
}

function deleteOptionsOf({ deleteOptions = {} }: Eviction): DeleteOptions {
  const { gracePeriodSeconds, propagationPolicy, preconditions } = deleteOptions;
  return {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(propagationPolicy === undefined
      ? {}
      : { propagationPolicy: propagationPolicy as "Orphan" | "Background" | "Foreground" }),
  };
}

/** @throws StatusError TooManyRequests when the budget does not allow it now, NotFound */
export async function evictPod(
  client: ClusterClient,
  namespace: string | undefined,
  name: string,
  options: DeleteOptions,
): Promise<void> {
  const pod = await client.resource(PODS).get(namespace, name);
  if (!isOutOfBudget(pod)) {
    await spendBudget(client, pod, options.dryRun === true);
    if (options.dryRun !== true) await tellDisruption(client, pod);
  }
  await client.resource(PODS).delete(namespace, name, {
    ...options,
    preconditions: { uid: pod.metadata.uid, ...options.preconditions },
  });
}

function budgetsOf(client: ClusterClient, pod: Stored<Pod>): Stored<PodDisruptionBudget>[] {
  return client
    .informer(POD_DISRUPTION_BUDGETS)
    .list(pod.metadata.namespace)
    .filter((budget) => labelSelectorMatcher(budget.spec?.selector)(pod.metadata.labels));
}

async function spendBudget(client: ClusterClient, pod: Stored<Pod>, dryRun: boolean): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const [budget, ...more] = budgetsOf(client, pod);
    if (more.length > 0) {
      const text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
      throw new StatusError("InternalError", text);
    }
    if (budget === undefined || mayGoIll(budget, pod)) return;
    const status = spend(budget, pod, Date.now());
    try {
      await client.resource(POD_DISRUPTION_BUDGETS).updateStatus({ ...budget, status }, { dryRun });
      return;
    } catch (error) {
      if (!isStatus(error, "Conflict") || attempt === ATTEMPTS) throw error;
    }
  }
}

async function tellDisruption(client: ClusterClient, pod: Stored<Pod>): Promise<void> {
  await markDisrupted(client, pod, "EvictionByEvictionAPI", "Eviction API: evicting");
}

/** Writes on the pod why it is made to go (condition DisruptionTarget); a pod that has changed since is read anew. */
export async function markDisrupted(
  client: ClusterClient,
  pod: Stored<Pod>,
  reason: string,
  message: string,
  phase?: "Failed",
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const now = client.informer(PODS).get(pod.metadata.namespace, pod.metadata.name);
    if (now === undefined || now.metadata.uid !== pod.metadata.uid) return;
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason,
      message,
      lastTransitionTime: timestamp(Date.now()),
    };
    const conditions = withCondition(now.status?.conditions, condition);
    const status = { ...now.status, conditions, ...(phase === undefined ? {} : { phase }) };
    try {
      await client.resource(PODS).updateStatus({ ...now, status });
      return;
    } catch (error) {
      if (isStatus(error, "NotFound")) return;
      if (!isStatus(error, "Conflict") || attempt === ATTEMPTS) throw error;
    }
  }
}
