import { expect, test } from "bun:test";
import { disruptionController } from "../../../../src/kube/controllers/disruption-budgets/controller.ts";
import { evictPod, podEviction } from "../../../../src/kube/controllers/disruption-budgets/eviction.ts";
import { healthTaints, silentConditions } from "../../../../src/kube/controllers/nodes/node-health.ts";
import { stayMs } from "../../../../src/kube/controllers/nodes/stay-time.ts";
import { taintEviction } from "../../../../src/kube/controllers/nodes/taint-eviction.ts";
import { isStatus } from "../../../../src/kube/status.ts";
import type { Node, Pod, Taint, Toleration } from "../../../../src/model/kubernetes/core.ts";
import {
  CORE_EVENTS,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
} from "../../../../src/model/kubernetes/names.ts";
import { controlledCluster, until } from "../../../support/controlled-cluster.ts";

const now = Date.parse("2026-11-21T15:00:00Z");
const node = (conditions: Record<string, string>, spec: Node["spec"] = {}): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "n" },
  spec,
  status: { conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })) },
});
const taint = (key: string, effect = "NoExecute"): Taint => ({ key, effect });
const NOT_READY = "node.kubernetes.io/not-ready";
const UNREACHABLE = "node.kubernetes.io/unreachable";

test.each([
  ["well", node({ Ready: "True" }), undefined],
  ["not ready", node({ Ready: "False" }), [`${NOT_READY}:NoSchedule`, `${NOT_READY}:NoExecute`]],
  ["silent", node({ Ready: "Unknown" }), [`${UNREACHABLE}:NoSchedule`, `${UNREACHABLE}:NoExecute`]],
  ["cordoned", node({ Ready: "True" }, { unschedulable: true }), ["node.kubernetes.io/unschedulable:NoSchedule"]],
  [
    "short of memory",
    node({ Ready: "True", MemoryPressure: "True" }),
    ["node.kubernetes.io/memory-pressure:NoSchedule"],
  ],
  ["well again", node({ Ready: "True" }, { taints: [taint(NOT_READY), taint("own")] }), ["own:NoExecute"]],
])("taints of a node that is %s", (_, each, expected) => {
  expect(healthTaints(each, now)?.map(({ key, effect }) => `${key}:${effect}`)).toEqual(
    expected as string[] | undefined as never,
  );
});

test("what nobody knows of a silent node", () => {
  const conditions = silentConditions(node({ Ready: "True", MemoryPressure: "False" }), now)!;
  expect(conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
    "Ready Unknown NodeStatusUnknown",
    "MemoryPressure Unknown NodeStatusUnknown",
    "DiskPressure Unknown NodeStatusNeverUpdated",
    "PIDPressure Unknown NodeStatusNeverUpdated",
  ]);
  expect(silentConditions({ ...node({}), status: { conditions } }, now)).toBeUndefined();
});

const bears = (key: string, tolerationSeconds?: number): Toleration => ({
  key,
  operator: "Exists",
  ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
});
test.each([
  ["no taint", [], [], undefined],
  ["a taint that only keeps others away", [taint("a", "NoSchedule")], [], undefined],
  ["not borne", [taint("a")], [], 0],
  ["borne for ever", [taint("a")], [bears("a")], undefined],
  ["borne for a while", [taint("a")], [bears("a", 300)], 300_000],
  ["the shortest counts", [taint("a"), taint("b")], [bears("a", 300), bears("b", 7)], 7000],
])("stay on a node: %s", (_, taints, tolerations, expected) => {
  expect(stayMs(taints, tolerations)).toBe(expected as number);
});

const pod = (name: string, more: Partial<Pod["metadata"]> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels: { app: "web" }, ...more },
  spec: { nodeName: "n", containers: [] },
  status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
});

test("a budget lets pods go one after the other", async () => {
  await using there = await controlledCluster((tools) => [disruptionController(tools)]);
  const { client } = there;
  const set = await client.resource(REPLICA_SETS).create("default", {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "web" },
    spec: { replicas: 3, selector: { matchLabels: { app: "web" } } },
  });
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: set.metadata.uid, controller: true };
  const add = async (name: string) => {
    const made = await client.resource(PODS).create("default", pod(name, { ownerReferences: [owner] }));
    await client.resource(PODS).updateStatus({ ...made, status: pod(name).status });
  };
  for (const name of ["a", "b", "c"]) await add(name);
  await client.resource(POD_DISRUPTION_BUDGETS).create("default", {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "web" },
    spec: { maxUnavailable: "33%", selector: { matchLabels: { app: "web" } } },
  });
  const allowed = (count: number) =>
    until(client, POD_DISRUPTION_BUDGETS, ([budget]) =>
      budget?.status?.disruptionsAllowed === count ? budget.status : undefined,
    );
  expect(await allowed(1)).toMatchObject({ expectedPods: 3, desiredHealthy: 2, currentHealthy: 3 });
  await evictPod(client, "default", "a", {});
  expect(client.informer(PODS).get("default", "a")).toMatchObject({
    metadata: { deletionGracePeriodSeconds: 30 },
    status: { conditions: [{ type: "Ready" }, { type: "DisruptionTarget", reason: "EvictionByEvictionAPI" }] },
  });
  await allowed(0);
  const refused = await evictPod(client, "default", "b", {}).catch((error) => error);
  expect(isStatus(refused, "TooManyRequests")).toBe(true);
  expect(refused.message).toBe("Cannot evict pod as it would violate the pod's disruption budget.");
  expect(refused.details.causes).toEqual([
    { reason: "DisruptionBudget", message: "The disruption budget web needs 2 healthy pods and has 2 currently" },
  ]);
  await client.resource(PODS).delete("default", "a", { gracePeriodSeconds: 0 });
  await add("d");
  await allowed(1);
  // As `kubectl drain --dry-run=server` asks: nothing goes, and the budget is not spent.
  const caller = { user: { name: "u", groups: [] }, manager: "u" };
  const body = { metadata: { name: "b" }, deleteOptions: { dryRun: ["All"] } };
  await podEviction(client)({ caller, namespace: "default", name: "b", body, dryRun: false });
  expect(client.informer(PODS).get("default", "b")?.metadata.deletionTimestamp).toBeUndefined();
  await evictPod(client, "default", "b", {});
});

test("a pod leaves a node whose taint it does not bear", async () => {
  await using there = await controlledCluster((tools) => [taintEviction(tools)]);
  const { client } = there;
  await client.resource(NODES).create(undefined, node({ Ready: "True" }));
  await client.resource(PODS).create("default", pod("goes"));
  const stays = pod("stays");
  stays.spec!.tolerations = [bears("dedicated")];
  await client.resource(PODS).create("default", stays);
  await client.resource(NODES).patch(undefined, "n", "merge", { spec: { taints: [taint("dedicated")] } });
  const gone = await until(client, PODS, (pods) => pods.find((each) => each.metadata.deletionTimestamp !== undefined));
  expect(gone.metadata.name).toBe("goes");
  expect(gone.status?.conditions?.at(-1)).toMatchObject({ type: "DisruptionTarget", reason: "DeletionByTaintManager" });
  await until(client, CORE_EVENTS, (events) =>
    events.some((event) => event.message === "Marking for deletion Pod default/goes"),
  );
  expect(client.informer(PODS).get("default", "stays")?.metadata.deletionTimestamp).toBeUndefined();
});
