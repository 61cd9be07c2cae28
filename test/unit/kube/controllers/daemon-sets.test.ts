import { expect, test } from "bun:test";
import { daemonSetController } from "../../../../src/kube/controllers/daemon-sets/controller.ts";
import { targetNode } from "../../../../src/kube/controllers/daemon-sets/node-fit.ts";
import type { DaemonSet } from "../../../../src/model/kubernetes/apps.ts";
import type { Node, Pod } from "../../../../src/model/kubernetes/core.ts";
import { DAEMON_SETS, NODES, PODS } from "../../../../src/model/kubernetes/names.ts";
import { controlledCluster, until } from "../../../support/controlled-cluster.ts";
import { runPods } from "../../../support/pretended-node.ts";

const node = (name: string, labels = {}, taints: NonNullable<Node["spec"]>["taints"] = []): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels },
  spec: { taints },
});
const daemonSet = (rollingUpdate: object, more = {}): DaemonSet => ({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "agent" },
  spec: {
    selector: { matchLabels: { app: "agent" } },
    template: {
      metadata: { labels: { app: "agent" } },
      spec: { containers: [{ name: "main", image: "one" }], ...more },
    },
    updateStrategy: { type: "RollingUpdate", rollingUpdate },
  },
});
const setImage = (image: string) => ({ spec: { template: { spec: { containers: [{ name: "main", image }] } } } });
const isUpdated = (set: DaemonSet | undefined) =>
  set?.status?.observedGeneration === set?.metadata.generation &&
  set?.status?.updatedNumberScheduled === 3 &&
  set.status.numberAvailable === 3;
const placed = (pods: readonly Pod[]) => pods.map((pod) => targetNode(pod)).sort();

test("one pod on each node that fits, also on those that come later", async () => {
  await using there = await controlledCluster((tools) => [daemonSetController(tools)]);
  const { client } = there;
  const nodes = client.resource(NODES);
  await nodes.create(undefined, node("a", { disk: "ssd" }));
  await nodes.create(undefined, node("b", { disk: "ssd" }, [{ key: "own", effect: "NoSchedule" }]));
  await nodes.create(undefined, node("c"));
  await nodes.create(
    undefined,
    node("d", { disk: "ssd" }, [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }]),
  );
  await client
    .resource(DAEMON_SETS)
    .create("default", daemonSet({ maxUnavailable: 1 }, { nodeSelector: { disk: "ssd" } }));
  await until(client, PODS, (pods) => Bun.deepEquals(placed(pods), ["a", "d"]));
  await nodes.patch(undefined, "c", "merge", { metadata: { labels: { disk: "ssd" } } });
  await until(client, PODS, (pods) => Bun.deepEquals(placed(pods), ["a", "c", "d"]));
  await nodes.patch(undefined, "a", "merge", { metadata: { labels: { disk: null } } });
  await until(client, PODS, (pods) => Bun.deepEquals(placed(pods), ["c", "d"]));
  const status = await until(client, DAEMON_SETS, ([set]) =>
    set?.status?.desiredNumberScheduled === 2 && set.status.numberMisscheduled === 0 ? set.status : undefined,
  );
  expect(status).toMatchObject({ currentNumberScheduled: 2, numberReady: 0, numberUnavailable: 2 });
});

test.each([
  ["unavailable pods", { maxUnavailable: 1, maxSurge: 0 }, { fewestReady: 2, most: 3 }],
  ["surge", { maxUnavailable: 0, maxSurge: 1 }, { fewestReady: 3, most: 4 }],
])("an update with %s keeps its bounds", async (_, rollingUpdate, bounds) => {
  await using there = await controlledCluster((tools) => [daemonSetController(tools)]);
  const { client } = there;
  for (const name of ["a", "b", "c"]) await client.resource(NODES).create(undefined, node(name));
  const runner = runPods(client);
  await client.resource(DAEMON_SETS).create("default", daemonSet(rollingUpdate));
  await until(client, DAEMON_SETS, ([set]) => set?.status?.numberAvailable === 3);
  let fewestReady = 3;
  let most = 0;
  const end = client.informer(PODS).subscribe({
    updated: () => {
      const pods = client
        .informer(PODS)
        .list()
        .filter((pod) => pod.metadata.deletionTimestamp === undefined);
      most = Math.max(most, pods.length);
      fewestReady = Math.min(fewestReady, pods.filter((pod) => pod.status?.conditions?.[0]?.status === "True").length);
    },
  });
  await client.resource(DAEMON_SETS).patch("default", "agent", "merge", setImage("two"));
  await until(client, DAEMON_SETS, ([set]) => isUpdated(set));
  expect({ fewestReady, most }).toEqual(bounds);
  end();
  runner.stop();
});

test("a pod that fails is replaced", async () => {
  await using there = await controlledCluster((tools) => [daemonSetController(tools)]);
  const { client } = there;
  await client.resource(NODES).create(undefined, node("a"));
  const runner = runPods(client);
  await client.resource(DAEMON_SETS).create("default", daemonSet({ maxUnavailable: 1 }));
  const pod = await until(client, PODS, ([each]) => (each?.status?.phase === "Running" ? each : undefined));
  await runner.end(pod, 1);
  await until(client, PODS, ([each]) => each !== undefined && each.metadata.uid !== pod.metadata.uid);
  runner.stop();
});
