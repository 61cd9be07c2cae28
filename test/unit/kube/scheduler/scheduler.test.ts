import { afterEach, beforeEach, expect, test } from "bun:test";
import { podBinding } from "../../../../src/kube/scheduler/pod-binding.ts";
import { createScheduler } from "../../../../src/kube/scheduler/scheduler.ts";
import type { Pod } from "../../../../src/model/kubernetes/core.ts";
import { CORE_EVENTS, NODES, PODS } from "../../../../src/model/kubernetes/names.ts";
import { PATIENCE } from "../../../support/patience.ts";
import { createTestCluster, type TestCluster } from "../../../support/test-cluster.ts";
import { asking, node, pod } from "./fixtures.ts";

let cluster: TestCluster;
let stop: AbortController;
let ended: Promise<void>;
const logged: string[] = [];

beforeEach(async () => {
  cluster = await createTestCluster();
  cluster.client.handleSubresource(PODS, "binding", podBinding(cluster.core));
  stop = new AbortController();
  logged.length = 0;
  ended = createScheduler({ client: cluster.client, log: (line) => logged.push(line) }).run(stop.signal);
});
afterEach(async () => {
  stop.abort();
  await ended;
  expect([logged, cluster.errors]).toEqual([[], []]);
  await cluster[Symbol.asyncDispose]();
});

const bare = <T extends { metadata: object }>(object: T): T => {
  const { uid, resourceVersion, creationTimestamp, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
};
const addNode = async (one: ReturnType<typeof node>) => {
  await cluster.client.resource(NODES).create(undefined, bare(one));
  await cluster.client.resource(NODES).updateStatus({ ...bare(one), status: one.status });
};
const addPod = (one: ReturnType<typeof pod>) => cluster.client.resource(PODS).create("default", bare(one));

async function until<T>(look: () => T | undefined | false): Promise<T> {
  const deadline = Date.now() + 30_000 * PATIENCE;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error("waited in vain");
    await Bun.sleep(2);
  }
}
const current = (name: string) => cluster.client.informer(PODS).get("default", name);
const onNode = (name: string) => until(() => current(name)?.spec?.nodeName || undefined);
const condition = (one: Pod | undefined) => one?.status?.conditions?.find(({ type }) => type === "PodScheduled");

test("pods get nodes, also those that waited for one; the pod and its events tell why", async () => {
  await addPod(pod("early"));
  const waiting = await until(() => condition(current("early")));
  expect(waiting).toMatchObject({
    status: "False",
    reason: "Unschedulable",
    message: "no nodes available to schedule pods",
  });
  await addNode(node("a", { cpu: "2" }));
  expect(await onNode("early")).toBe("a");
  expect(condition(current("early"))).toMatchObject({ status: "True" });
  await addPod(pod("large", asking({ cpu: "3" })));
  const refused = await until(() => condition(current("large")));
  expect(refused.message).toBe(
    "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
  );
  const reasons = () =>
    cluster.client
      .informer(CORE_EVENTS)
      .list("default")
      .map(({ reason }) => reason);
  await until(() => reasons().includes("Scheduled") && reasons().includes("FailedScheduling"));
  await addNode(node("b", { cpu: "4" }));
  expect(await onNode("large")).toBe("b");
});

test("a pod with gates waits until they are gone; another scheduler's pod is left alone", async () => {
  await addNode(node("a"));
  await addPod(pod("gated", { schedulingGates: [{ name: "example.com/wait" }] }));
  await addPod(pod("foreign", { schedulerName: "mine" }));
  await addPod(pod("plain"));
  await onNode("plain");
  expect(condition(current("gated"))?.reason).toBe("SchedulingGated");
  expect(current("foreign")?.spec?.nodeName).toBeUndefined();
  await cluster.client.resource(PODS).patch("default", "gated", "merge", { spec: { schedulingGates: null } });
  expect(await onNode("gated")).toBe("a");
});

test("an important pod makes room: the victim goes, the node is promised", async () => {
  await addNode(node("a", { cpu: "2" }));
  await addPod(pod("low", asking({ cpu: "2" }, { priority: 1 })));
  await onNode("low");
  await addPod(pod("high", asking({ cpu: "2" }, { priority: 100 })));
  await until(() => current("low") === undefined || current("low")?.metadata.deletionTimestamp !== undefined);
  // The node agent is not here to end it.
  if (current("low") !== undefined) {
    expect(current("low")!.status?.conditions?.find(({ type }) => type === "DisruptionTarget")?.reason).toBe(
      "PreemptionByScheduler",
    );
    await cluster.client.resource(PODS).delete("default", "low", { gracePeriodSeconds: 0 });
  }
  expect(await onNode("high")).toBe("a");
});

test("a pod is bound once, and only as the one that was meant", async () => {
  await addNode(node("a"));
  await addPod(pod("p"));
  await onNode("p");
  const bind = (metadata: object) =>
    cluster.client.resource(PODS).postSubresource("default", "p", "binding", { metadata, target: { name: "b" } });
  await expect(bind({ name: "p" })).rejects.toThrow('is already assigned to node "a"');
  await expect(bind({ name: "p", uid: "other" })).rejects.toThrow("Precondition failed");
});

test("500 pods over 20 nodes lie evenly", async () => {
  for (let index = 0; index < 20; index++) await addNode(node(`n${index}`, { cpu: "32", memory: "64Gi" }));
  await Promise.all(Array.from({ length: 500 }, (_one, index) => addPod(pod(`p${index}`, asking({ cpu: "100m" })))));
  const pods = cluster.client.informer(PODS);
  await until(() => pods.list("default").every(({ spec }) => spec?.nodeName));
  const counts = new Map<string, number>();
  for (const { spec } of pods.list("default")) counts.set(spec!.nodeName!, (counts.get(spec!.nodeName!) ?? 0) + 1);
  // Points are whole numbers: a pod of a 320th of a node may be three behind before it shows.
  expect([counts.size, Math.max(...counts.values()) - Math.min(...counts.values()) <= 8]).toEqual([20, true]);
});
