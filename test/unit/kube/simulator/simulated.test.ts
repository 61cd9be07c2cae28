/** Pretended nodes and pods: what they say of themselves. */
import { expect, test } from "bun:test";
import { simulateNodes } from "../../../../src/kube/simulator/simulate-nodes.ts";
import { isSimulated, simulatedNode, wellStatus } from "../../../../src/kube/simulator/simulated-node.ts";
import { mustStart, PodAddresses, runningStatus } from "../../../../src/kube/simulator/simulated-pod.ts";
import type { Pod } from "../../../../src/model/kubernetes/core.ts";
import { NODES } from "../../../../src/model/kubernetes/names.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";
import { createTestCluster } from "../../../support/test-cluster.ts";

const pod = (uid: string, more: Pick<Pod, "status"> = {}): Stored<Pod> => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: uid, namespace: "default", uid, resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: {
    initContainers: [
      { name: "once", image: "i" },
      { name: "beside", image: "i", restartPolicy: "Always" },
    ],
    containers: [{ name: "main", image: "m" }],
  },
  ...more,
});

test.each([
  [0, "simulated-0000", "240.0.0.0/24"],
  [499, "simulated-0499", "240.1.243.0/24"],
])("node %i is %s with %s", (index, name, range) => {
  const node = simulatedNode(index, false);
  expect(isSimulated(node)).toBe(true);
  expect([node.metadata.name, node.spec?.podCIDR]).toEqual([name, range]);
  expect(node.spec?.taints).toEqual([{ key: "naru.dev/simulated", value: "true", effect: "NoSchedule" }]);
  expect(simulatedNode(index, true).spec?.taints).toBeUndefined();
});

test("a node that is well again keeps its size, and tells when each condition changed", () => {
  const size = { cpu: "4", memory: "8Gi", pods: "10" };
  const first = wellStatus(undefined, size, 0);
  const second = wellStatus({ ...first, conditions: [{ type: "Ready", status: "Unknown" }] }, undefined, 60_000);
  expect(second.allocatable).toEqual(size);
  expect(second.conditions?.find(({ type }) => type === "Ready")).toMatchObject({
    status: "True",
    lastTransitionTime: "1970-01-01T00:01:00Z",
  });
  expect(wellStatus(first, undefined, 60_000).conditions?.[0]?.lastTransitionTime).toBe("1970-01-01T00:00:00Z");
});

test("nodes are made whole, by two that ask at once too, and go when fewer are wanted", async () => {
  await using cluster = await createTestCluster({ builtin: true });
  const nodes = () => cluster.client.informer(NODES).list();
  await Promise.all([simulateNodes(cluster.client, { nodes: 20 }), simulateNodes(cluster.client, { nodes: 20 })]);
  expect(nodes().length).toBe(20);
  for (const { status } of nodes()) {
    expect(status?.allocatable).toEqual({ cpu: "32", memory: "128Gi", pods: "110" });
    expect(status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
  }
  expect(await simulateNodes(cluster.client, { nodes: 3, cpu: "4" })).toMatchObject({ made: 0, removed: 17 });
  expect(nodes().map(({ metadata }) => metadata.name)).toEqual(["simulated-0000", "simulated-0001", "simulated-0002"]);
  await expect(simulateNodes(cluster.client, { nodes: 1, memory: "much" })).rejects.toThrow("is no quantity");
});

test("a pod runs with all of its containers; what others said of it stays", () => {
  const scheduled = { type: "PodScheduled", status: "True" };
  const status = runningStatus(pod("a", { status: { phase: "Pending", conditions: [scheduled] } }), "240.0.0.1", 0);
  expect(status).toMatchObject({ phase: "Running", podIP: "240.0.0.1" });
  expect(status.conditions).toContainEqual(scheduled);
  expect(status.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
  expect(status.containerStatuses?.map(({ name, ready }) => [name, ready])).toEqual([["main", true]]);
  const states = status.initContainerStatuses?.map(({ name, state }) => [name, Object.keys(state ?? {})[0]]);
  expect(states).toEqual([
    ["once", "terminated"],
    ["beside", "running"],
  ]);
});

test.each([
  [{}, true],
  [{ status: { phase: "Pending" } }, true],
  [{ status: { phase: "Running" } }, false],
  [{ status: { phase: "Failed" } }, false],
])("whether a pod with %j must be started: %p", (more, expected) => {
  expect(mustStart(pod("a", more))).toBe(expected);
});

test("addresses are given once, and again when their pod is gone", () => {
  const addresses = new PodAddresses();
  const range = "240.0.7.0/24";
  expect(addresses.take(pod("a"), range)).toBe("240.0.7.1");
  expect(addresses.take(pod("b"), range)).toBe("240.0.7.2");
  expect(addresses.take(pod("a"), range)).toBe("240.0.7.1");
  addresses.release(pod("a"));
  expect(addresses.take(pod("c"), range)).toBe("240.0.7.1");
  addresses.hold(pod("d"), "240.0.7.3");
  expect(addresses.take(pod("e"), range)).toBe("240.0.7.4");
  for (let at = 0; at < 250; at++) addresses.take(pod(`more-${at}`), range);
  expect(addresses.take(pod("too-many"), range)).toBeUndefined();
});
