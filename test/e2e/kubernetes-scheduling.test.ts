/** Where pods go, which of them wait, and which have to give way: the requirements of the scheduler, one after the other on one node. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { TestClusterDaemon } from "../support/cluster.ts";
import { ClusterPods } from "../support/cluster-pods.ts";
import { conformance } from "../support/conformance.ts";
import { eventually } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API answers
type Json = any;

const MERGE = "application/merge-patch+json";
const FOREVER = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
const PRIORITIES = { low: 1, medium: 100, high: 1000, p1: 1, p2: 2, p3: 3, p4: 4 };

let cluster: TestClusterDaemon;
let pods: ClusterPods;
let node: Json;
beforeAll(async () => {
  pods = await ClusterPods.start();
  ({ cluster } = pods);
  [node] = (await cluster.api("GET", "/api/v1/nodes")).body.items;
  for (const [name, value] of Object.entries(PRIORITIES)) {
    const priority = { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value };
    expect((await cluster.api("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", priority)).status).toBe(201);
  }
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** A container that asks for this many hundredths of the node's processors. */
function share(hundredths: number): object {
  const { cpu } = node.status.allocatable;
  const cores = cpu.endsWith("m") ? Number.parseInt(cpu, 10) : Number(cpu) * 1000;
  return { resources: { requests: { cpu: `${Math.floor((cores * hundredths) / 100)}m` } } };
}
const waits = (name: string) =>
  pods.when(name, ({ spec, status }) => {
    const scheduled = status?.conditions?.find((one: Json) => one.type === "PodScheduled");
    return spec.nodeName === undefined && scheduled?.status === "False" && scheduled.reason === "Unschedulable";
  });
const isGone = async (name: string) => (await pods.get(name)).code === 404;
async function clear(...names: string[]): Promise<void> {
  for (const name of names) await pods.remove(name);
  for (const name of names) await eventually(() => isGone(name), 30_000);
}
const scheduling = (words: string) => conformance(`[sig-scheduling] ${words} [Conformance]`);
const predicate = (words: string) => scheduling(`SchedulerPredicates [Serial] validates ${words}`);

test(predicate("resource limits of pods that are allowed to run"), async () => {
  const filler = await pods.pod(FOREVER, {}, share(70));
  await pods.running(filler);
  const more = await pods.pod(FOREVER, {}, share(50));
  await waits(more);
  await eventually(async () => {
    const query = `fieldSelector=reason=FailedScheduling,involvedObject.name=${more}`;
    const [event] = (await cluster.api("GET", `${pods.path("events")}?${query}`)).body.items;
    return event?.message.includes("Insufficient cpu") ?? false;
  }, 30_000);
  await clear(filler);
  await pods.running(more);
  await clear(more);
});

test(predicate("that NodeSelector is respected if not matching"), async () => {
  const name = await pods.pod(FOREVER, { nodeSelector: { label: "nonempty" } });
  await waits(name);
  await clear(name);
});

test(predicate("that NodeSelector is respected if matching"), async () => {
  const key = "kubernetes.io/e2e-label";
  const path = `/api/v1/nodes/${node.metadata.name}`;
  expect((await cluster.api("PATCH", path, { metadata: { labels: { [key]: "42" } } }, MERGE)).status).toBe(200);
  const name = await pods.pod(FOREVER, { nodeSelector: { [key]: "42" } });
  expect((await pods.running(name)).spec.nodeName).toBe(node.metadata.name);
  await clear(name);
  await cluster.api("PATCH", path, { metadata: { labels: { [key]: null } } }, MERGE);
});

test(
  predicate("that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP"),
  async () => {
    const hostPort = await freePort();
    const port = (hostIP: string) => ({ ports: [{ hostPort, hostIP, protocol: "TCP", containerPort: 8080 }] });
    const first = await pods.pod(FOREVER, {}, port("0.0.0.0"));
    await pods.running(first);
    const second = await pods.pod(FOREVER, {}, port("127.0.0.1"));
    await waits(second);
    await clear(first, second);
  },
);

for (const [words, namespace, priorityClassName] of [
  ["basic preemption works", "default", "high"],
  ["lower priority pod preemption by critical pod", "kube-system", "system-cluster-critical"],
] as const) {
  test(scheduling(`SchedulerPreemption [Serial] validates ${words}`), async () => {
    const low = await pods.pod(FOREVER, { priorityClassName: "low" }, share(40));
    const medium = await pods.pod(FOREVER, { priorityClassName: "medium" }, share(40));
    const before = [await pods.running(low), await pods.running(medium)];
    const there = new ClusterPods(cluster, namespace);
    const preemptor = await there.pod(FOREVER, { priorityClassName }, share(40));
    await there.running(preemptor);
    await eventually(() => isGone(low), 30_000);
    const kept = await pods.get(medium);
    expect(kept.metadata.uid).toBe(before[1].metadata.uid);
    expect(kept.metadata.deletionTimestamp).toBeUndefined();
    await there.remove(preemptor);
    await eventually(async () => (await there.get(preemptor)).code === 404, 30_000);
    await clear(medium);
  });
}

test(
  scheduling("SchedulerPreemption [Serial] validates pod disruption condition is added to the preempted pod"),
  async () => {
    const finalizers = ["example.com/test-finalizer"];
    const victim = await pods.pod(FOREVER, { priorityClassName: "low" }, share(60), { finalizers });
    await pods.running(victim);
    const preemptor = await pods.pod(FOREVER, { priorityClassName: "high" }, share(60));
    const { status } = await pods.when(victim, (pod) => pod.metadata.deletionTimestamp !== undefined);
    const condition = status.conditions.find((one: Json) => one.type === "DisruptionTarget");
    expect(condition).toMatchObject({ status: "True", reason: "PreemptionByScheduler" });
    await cluster.api("PATCH", pods.path("pods", victim), { metadata: { finalizers: null } }, MERGE);
    await eventually(() => isGone(victim), 30_000);
    await pods.running(preemptor);
    await clear(preemptor);
  },
);

test(
  scheduling("SchedulerPreemption [Serial] PreemptionExecutionPath runs ReplicaSets to verify preemption running path"),
  async () => {
    const path = "/apis/apps/v1/namespaces/default/replicasets";
    const make = async (priorityClassName: string, replicas: number, hundredths: number) => {
      const labels = { rank: priorityClassName };
      const main = { name: "main", image: "busybox:test", command: ["sh", "-c", FOREVER], ...share(hundredths) };
      const spec = { terminationGracePeriodSeconds: 0, priorityClassName, containers: [main] };
      const { status } = await cluster.api("POST", path, {
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        metadata: { name: `rs-${priorityClassName}` },
        spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
      });
      expect(status).toBe(201);
    };
    const has = (rank: string, replicas: number, ready: number) =>
      eventually(async () => {
        const { status } = (await cluster.api("GET", `${path}/rs-${rank}`)).body;
        return status?.replicas === replicas && (status.readyReplicas ?? 0) === ready;
      }, 30_000);
    for (const rank of ["p1", "p2", "p3"]) await make(rank, 2, 12);
    for (const rank of ["p1", "p2", "p3"]) await has(rank, 2, 2);
    await make("p4", 1, 45);
    // Two of the least important have to go; what comes in their place waits.
    await has("p4", 1, 1);
    await has("p1", 2, 0);
    for (const rank of ["p2", "p3"]) await has(rank, 2, 2);
  },
);
