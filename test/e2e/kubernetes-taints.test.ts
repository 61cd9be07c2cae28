/** Taints of a node that let pods go: at once, after the time that they tolerate, or not when the taint is taken back. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { TestClusterDaemon } from "../support/cluster.ts";
import { ClusterPods } from "../support/cluster-pods.ts";
import { conformance } from "../support/conformance.ts";
import { eventually } from "../support/daemon.ts";

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API answers
type Json = any;

let cluster: TestClusterDaemon;
let pods: ClusterPods;
beforeAll(async () => {
  pods = await ClusterPods.start();
  ({ cluster } = pods);
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const MERGE = "application/merge-patch+json";
const FOREVER = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
const KEY = "kubernetes.io/e2e-evict-taint-key";
const tolerating = (tolerationSeconds?: number) => ({
  terminationGracePeriodSeconds: 1,
  tolerations: [
    {
      key: KEY,
      operator: "Equal",
      value: "evictTaintVal",
      effect: "NoExecute",
      ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
    },
  ],
});

async function setTaints(taints: readonly object[]): Promise<void> {
  const [node] = (await cluster.api("GET", "/api/v1/nodes")).body.items;
  const { status } = await cluster.api("PATCH", `/api/v1/nodes/${node.metadata.name}`, { spec: { taints } }, MERGE);
  expect(status).toBe(200);
}
const TAINT = { key: KEY, value: "evictTaintVal", effect: "NoExecute" };
const leaves = async (name: string) => {
  const pod = await pods.get(name);
  return pod.code === 404 || pod.metadata.deletionTimestamp !== undefined;
};

test(
  conformance(
    "[sig-node] NoExecuteTaintManager Single Pod [Serial] removing taint cancels eviction [Disruptive] [Conformance]",
  ),
  async () => {
    const name = await pods.pod(FOREVER, tolerating(2));
    await pods.running(name);
    const begun = Date.now();
    await setTaints([TAINT]);
    await setTaints([]);
    // Its time passes, and some more.
    await eventually(() => Date.now() - begun > 3000);
    const pod: Json = await pods.get(name);
    expect(pod.status.phase).toBe("Running");
    expect(pod.metadata.deletionTimestamp).toBeUndefined();
    await pods.remove(name);
  },
);

test(
  conformance(
    "[sig-node] NoExecuteTaintManager Multiple Pods [Serial] evicts pods with minTolerationSeconds [Disruptive] [Conformance]",
  ),
  async () => {
    const [first, second, intolerant, lasting] = await Promise.all([
      pods.pod(FOREVER, tolerating(1)),
      pods.pod(FOREVER, tolerating(3)),
      pods.pod(FOREVER, { terminationGracePeriodSeconds: 1 }),
      pods.pod(FOREVER, tolerating()),
    ]);
    await Promise.all([first, second, intolerant, lasting].map((name) => pods.running(name)));
    const begun = Date.now();
    await setTaints([TAINT]);
    await eventually(() => leaves(intolerant), 30_000);
    await eventually(() => leaves(first), 30_000);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(900);
    await eventually(() => leaves(second), 30_000);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(2900);
    expect(await leaves(lasting)).toBe(false);
    await setTaints([]);
    await pods.remove(lasting);
  },
);

test(conformance("[sig-node] Node Lifecycle should run through the lifecycle of a node [Conformance]"), async () => {
  const name = pods.name("e2e-fake-node");
  const nodes = "/api/v1/nodes";
  const label = { "e2e-node": name };
  const made = await cluster.api("POST", nodes, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: label },
    status: {},
  });
  expect(made.status).toBe(201);
  const read = await cluster.api("GET", `${nodes}/${name}`);
  expect(read.body.metadata.name).toBe(name);
  const patched = await cluster.api(
    "PATCH",
    `${nodes}/${name}`,
    { metadata: { labels: { [name]: "patched" } } },
    MERGE,
  );
  expect(patched.body.metadata.labels[name]).toBe("patched");
  const listed = await cluster.api("GET", `${nodes}?labelSelector=${name}%3Dpatched`);
  expect(listed.body.items).toHaveLength(1);
  await eventually(async () => {
    const { body } = await cluster.api("GET", `${nodes}/${name}`);
    const changed = { ...body, metadata: { ...body.metadata, labels: { ...body.metadata.labels, [name]: "updated" } } };
    const updated = await cluster.api("PUT", `${nodes}/${name}`, changed);
    if (updated.status === 409) return false;
    expect(updated.body.metadata.labels[name]).toBe("updated");
    return true;
  });
  expect((await cluster.api("DELETE", `${nodes}/${name}`)).status).toBe(200);
  await eventually(async () => (await cluster.api("GET", `${nodes}/${name}`)).status === 404);
});
