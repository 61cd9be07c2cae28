/** Keeps the status of disruption budgets: how many pods are well, how many may go. */

import type { Pod } from "../../../model/kubernetes/core.ts";
import {
  DEPLOYMENTS,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  STATEFUL_SETS,
} from "../../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../../model/kubernetes/object.ts";
import type { PodDisruptionBudget } from "../../../model/kubernetes/policy.ts";
import type { ClusterClient, ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import type { EventRecorder } from "../../machinery/event-recorder.ts";
import { labelSelectorMatcher } from "../../machinery/selectors.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { controllerOf } from "../ownership.ts";
import { hasEnded } from "../pod-state.ts";
import { untilSeen } from "../seen-writes.ts";
import { instant } from "../timestamps.ts";
import { budgetStatus, DISRUPTION_MS, needsScale } from "./budget.ts";

const NAME = "controllermanager";
/** Kinds whose size is read from spec.replicas. */
const SCALED = [DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, REPLICATION_CONTROLLERS] as unknown as ResourceType[];
type Tools = ControllerTools & { events: EventRecorder };

export function disruptionController(tools: ControllerTools): ClusterPart {
  return { ...controlLoop(NAME, tools, makeController), name: "disruption-controller" };
}

function makeController(tools: Tools): Controller {
  const budgets = tools.client.informer(POD_DISRUPTION_BUDGETS);
  const pods = tools.client.informer(PODS);
  return {
    name: "disruption-controller",
    workers: 1,
    informers: [budgets, pods] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => {
      const tell = (pod: Stored<Pod>) => {
        for (const budget of budgets.list(pod.metadata.namespace)) if (selects(budget, pod)) enqueue(budget);
      };
      return [
        budgets.subscribe({ added: (o) => enqueue(o), updated: (_, o) => enqueue(o) }),
        pods.subscribe({
          added: tell,
          updated: (before, after) => {
            tell(before);
            tell(after);
          },
          deleted: tell,
        }),
        ...SCALED.map((type) =>
          tools.client.informer(type).subscribe({
            updated: (before, after) => {
              if (replicasOf(before) === replicasOf(after)) return;
              for (const budget of budgets.list(after.metadata.namespace)) if (needsScale(budget)) enqueue(budget);
            },
          }),
        ),
      ];
    },
    async sync({ namespace, name }) {
      const budget = budgets.get(namespace, name);
      return budget === undefined ? undefined : syncOne(tools, budget, pods);
    },
  };
}

function selects(budget: PodDisruptionBudget, pod: Pod): boolean {
  return labelSelectorMatcher(budget.spec?.selector)(pod.metadata.labels);
}

function replicasOf(object: KubeObject): number {
  return (object as { spec?: { replicas?: number } }).spec?.replicas ?? 1;
}

async function syncOne(
  tools: Tools,
  budget: Stored<PodDisruptionBudget>,
  pods: Informer<Pod>,
): Promise<number | undefined> {
  const mine = pods.list(budget.metadata.namespace).filter((pod) => selects(budget, pod) && !hasEnded(pod));
  if (mine.length === 0) {
    const subject = { type: POD_DISRUPTION_BUDGETS, object: budget };
    if (budget.status?.observedGeneration !== budget.metadata.generation) {
      tools.events.record(subject, "Normal", "NoPods", "No matching pods found");
    }
  }
  const expected = needsScale(budget) ? expectedPods(tools.client, mine) : mine.length;
  const status = budgetStatus(budget, mine, expected, tools.now());
  if (!sameJson(status, budget.status)) {
    const written = await tools.client.resource(POD_DISRUPTION_BUDGETS).updateStatus({ ...budget, status });
    await untilSeen(tools.client.informer(POD_DISRUPTION_BUDGETS), [written]);
  }
  const ends = Object.values(status.disruptedPods ?? {}).map((at) => instant(at) + DISRUPTION_MS - tools.now());
  return ends.length === 0 ? undefined : Math.max(0, Math.min(...ends)) + 100;
}

/** The sizes of all that control these pods, each counted once. Pods that nobody controls count nothing. */
function expectedPods(client: ClusterClient, pods: readonly Stored<Pod>[]): number {
  const sizes = new Map<string, number>();
  for (const pod of pods) {
    const owner = scaledOwner(client, pod);
    if (owner !== undefined) sizes.set(owner.metadata.uid, replicasOf(owner));
  }
  return [...sizes.values()].reduce((total, size) => total + size, 0);
}

function scaledOwner(client: ClusterClient, object: Stored<KubeObject>): Stored<KubeObject> | undefined {
  const reference = controllerOf(object);
  const type = reference === undefined ? undefined : client.typeOf(reference.apiVersion, reference.kind);
  if (reference === undefined || type === undefined || !hasSize(client, type, object, reference.name)) return undefined;
  const owner = client.informer(type).get(object.metadata.namespace, reference.name);
  if (owner === undefined || owner.metadata.uid !== reference.uid) return undefined;
  return scaledOwner(client, owner) ?? owner;
}

function hasSize(client: ClusterClient, type: ResourceType, object: Stored<KubeObject>, name: string): boolean {
  const owner = client.informer(type).get(object.metadata.namespace, name) as
    | { spec?: { replicas?: unknown } }
    | undefined;
  return typeof owner?.spec?.replicas === "number";
}
