import { expect, test } from "bun:test";
import { garbageCollector } from "../../../../src/kube/controllers/garbage/collector.ts";
import { statefulSetController } from "../../../../src/kube/controllers/stateful-sets/controller.ts";
import type { StatefulSet } from "../../../../src/model/kubernetes/apps.ts";
import {
  CONTROLLER_REVISIONS,
  CORE_EVENTS,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  STATEFUL_SETS,
} from "../../../../src/model/kubernetes/names.ts";
import { controlledCluster, until } from "../../../support/controlled-cluster.ts";
import { runPods } from "../../../support/pretended-node.ts";

function statefulSet(replicas: number, more: Partial<NonNullable<StatefulSet["spec"]>> = {}): StatefulSet {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "db" },
    spec: {
      replicas,
      serviceName: "db",
      selector: { matchLabels: { app: "db" } },
      template: { metadata: { labels: { app: "db" } }, spec: { containers: [{ name: "main", image: "one" }] } },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
      ...more,
    },
  };
}
const setImage = (image: string) => ({ spec: { template: { spec: { containers: [{ name: "main", image }] } } } });
const image = (pod: { spec?: { containers: { image?: string }[] } } | undefined) => pod?.spec?.containers[0]?.image;

test("pods come in order with their claims, update from the last to the first, and go from the last", async () => {
  await using there = await controlledCluster((tools) => [statefulSetController(tools)]);
  const { client } = there;
  const runner = runPods(client);
  const happened: string[] = [];
  client.informer(PODS).subscribe({
    added: (pod) => happened.push(`+${pod.metadata.name}`),
    deleted: (pod) => happened.push(`-${pod.metadata.name}`),
  });
  const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: {} };
  await client.resource(STATEFUL_SETS).create("default", statefulSet(3, { volumeClaimTemplates: [claim] }));
  const settled = (replicas: number, wanted: string) =>
    until(client, STATEFUL_SETS, ([set]) => {
      const { readyReplicas, currentRevision, updateRevision, updatedReplicas } = set?.status ?? {};
      const isDone = readyReplicas === replicas && updatedReplicas === replicas && currentRevision === updateRevision;
      const pods = client.informer(PODS).list();
      return isDone && pods.length === replicas && pods.every((pod) => image(pod) === wanted) ? set : undefined;
    });
  await settled(3, "one");
  expect(happened.splice(0)).toEqual(["+db-0", "+db-1", "+db-2"]);
  const first = client.informer(PODS).get("default", "db-0")!;
  expect(first.metadata.labels).toMatchObject({
    app: "db",
    "apps.kubernetes.io/pod-index": "0",
    "statefulset.kubernetes.io/pod-name": "db-0",
  });
  expect(first.spec).toMatchObject({
    hostname: "db-0",
    subdomain: "db",
    volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data-db-0" } }],
  });
  await client.resource(STATEFUL_SETS).patch("default", "db", "merge", setImage("two"));
  await settled(3, "two");
  expect(happened.splice(0)).toEqual(["-db-2", "+db-2", "-db-1", "+db-1", "-db-0", "+db-0"]);
  await client.resource(STATEFUL_SETS).patch("default", "db", "merge", { spec: { replicas: 1 } });
  await settled(1, "two");
  expect(happened.splice(0)).toEqual(["-db-2", "-db-1"]);
  const claims = client
    .informer(PERSISTENT_VOLUME_CLAIMS)
    .list()
    .map((each) => each.metadata.name);
  expect(claims).toEqual(["data-db-0", "data-db-1", "data-db-2"]);
  await client.resource(STATEFUL_SETS).patch("default", "db", "merge", setImage("one"));
  await settled(1, "one");
  const revisions = client.informer(CONTROLLER_REVISIONS).list();
  expect(revisions.map((revision) => revision.revision).sort()).toEqual([2, 3]);
  const texts = await until(client, CORE_EVENTS, (events) =>
    events.length > 0 ? events.map((event) => `${event.reason}: ${event.message}`) : undefined,
  );
  expect(texts).toContain("SuccessfulCreate: create Pod db-0 in StatefulSet db successful");
  expect(texts).toContain("SuccessfulCreate: create Claim data-db-0 Pod db-0 in StatefulSet db success");
  runner.stop();
  expect(there.logged).toEqual([]);
});

test("a partition keeps the lower pods as they are; a new one below it is of the old template", async () => {
  await using there = await controlledCluster((tools) => [statefulSetController(tools)]);
  const { client } = there;
  const runner = runPods(client);
  const updateStrategy = { type: "RollingUpdate", rollingUpdate: { partition: 2 } };
  await client.resource(STATEFUL_SETS).create("default", statefulSet(3, { updateStrategy }));
  await until(client, STATEFUL_SETS, ([set]) => set?.status?.readyReplicas === 3);
  await client.resource(STATEFUL_SETS).patch("default", "db", "merge", setImage("two"));
  const images = () => client.informer(PODS).list().map(image).join();
  await until(client, STATEFUL_SETS, ([set]) => set?.status?.readyReplicas === 3 && images() === "one,one,two");
  const before = client.informer(PODS).get("default", "db-0")!.metadata.uid;
  await client.resource(PODS).delete("default", "db-0");
  await until(client, PODS, () => {
    const pod = client.informer(PODS).get("default", "db-0");
    return pod !== undefined && pod.metadata.uid !== before && image(pod) === "one";
  });
  runner.stop();
});

test("in parallel all pods come at once, and a pod that has ended is made anew", async () => {
  await using there = await controlledCluster((tools) => [statefulSetController(tools)]);
  const { client } = there;
  const runner = runPods(client, { isReady: () => false });
  await client.resource(STATEFUL_SETS).create("default", statefulSet(3, { podManagementPolicy: "Parallel" }));
  await until(client, PODS, (pods) => pods.length === 3);
  const pod = await until(client, PODS, ([each]) => (each?.status?.phase === "Running" ? each : undefined));
  await runner.end(pod, 1);
  await until(client, PODS, ([each]) => each !== undefined && each.metadata.uid !== pod.metadata.uid);
  runner.stop();
});

test("claims go with the set or with a smaller size, as the retention policy says", async () => {
  await using there = await controlledCluster((tools) => [statefulSetController(tools), garbageCollector(tools)]);
  const { client } = there;
  const runner = runPods(client);
  const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: {} };
  const more = {
    volumeClaimTemplates: [claim],
    persistentVolumeClaimRetentionPolicy: { whenScaled: "Delete", whenDeleted: "Retain" },
  };
  await client.resource(STATEFUL_SETS).create("default", statefulSet(2, more));
  await until(client, STATEFUL_SETS, ([set]) => set?.status?.readyReplicas === 2);
  await client.resource(STATEFUL_SETS).patch("default", "db", "merge", { spec: { replicas: 1 } });
  await until(client, PERSISTENT_VOLUME_CLAIMS, (claims) => claims.length === 1);
  await client.resource(STATEFUL_SETS).delete("default", "db");
  await until(client, PODS, (pods) => pods.length === 0);
  expect(client.informer(PERSISTENT_VOLUME_CLAIMS).list().length).toBe(1);
  runner.stop();
});
