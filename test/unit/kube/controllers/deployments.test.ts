import { expect, test } from "bun:test";
import { deploymentController } from "../../../../src/kube/controllers/deployments/controller.ts";
import { replicaController } from "../../../../src/kube/controllers/replica-sets/controller.ts";
import { REPLICA_SET_KIND } from "../../../../src/kube/controllers/replica-sets/replica-kinds.ts";
import type { Deployment } from "../../../../src/model/kubernetes/apps.ts";
import { CORE_EVENTS, DEPLOYMENTS, PODS, REPLICA_SETS } from "../../../../src/model/kubernetes/names.ts";
import { controlledCluster, until } from "../../../support/controlled-cluster.ts";
import { runPods } from "../../../support/pretended-node.ts";

function deployment(name: string, replicas: number, image: string): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas,
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 1,
      selector: { matchLabels: { app: name } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "main", image }] } },
    },
  };
}
const world = () =>
  controlledCluster((tools) => [deploymentController(tools), replicaController(REPLICA_SET_KIND, tools)]);
const setImage = (image: string) => ({ spec: { template: { spec: { containers: [{ name: "main", image }] } } } });

test("a deployment makes its pods, rolls to another template and back, and keeps its history", async () => {
  await using there = await world();
  const { client } = there;
  const runner = runPods(client);
  await client.resource(DEPLOYMENTS).create("default", deployment("web", 4, "one"));
  const done = (revision: string) =>
    until(client, DEPLOYMENTS, ([web]) => {
      const ready =
        web?.status?.availableReplicas === 4 && web.status.updatedReplicas === 4 && web.status.replicas === 4;
      const reason = web?.status?.conditions?.find((condition) => condition.type === "Progressing")?.reason;
      const settled = ready && web.metadata.annotations?.["deployment.kubernetes.io/revision"] === revision;
      return settled && reason === "NewReplicaSetAvailable" ? web : undefined;
    });
  const first = await done("1");
  expect(first.status?.unavailableReplicas).toBeUndefined();
  const [set] = client.informer(REPLICA_SETS).list("default");
  expect(set!.metadata.name).toBe(`web-${set!.metadata.labels!["pod-template-hash"]}`);
  expect(set!.metadata.annotations).toEqual({
    "deployment.kubernetes.io/desired-replicas": "4",
    "deployment.kubernetes.io/max-replicas": "5",
    "deployment.kubernetes.io/revision": "1",
  });
  let most = 0;
  let fewestReady = 4;
  const watching = client.informer(PODS).subscribe({
    updated: () => {
      const pods = client
        .informer(PODS)
        .list("default")
        .filter((pod) => pod.metadata.deletionTimestamp === undefined);
      most = Math.max(most, pods.length);
      const ready = pods.filter((pod) => pod.status?.conditions?.[0]?.status === "True");
      fewestReady = Math.min(fewestReady, ready.length);
    },
  });
  await client.resource(DEPLOYMENTS).patch("default", "web", "merge", setImage("two"));
  await done("2");
  expect(most).toBeLessThanOrEqual(5);
  expect(fewestReady).toBeGreaterThanOrEqual(3);
  watching();
  await client.resource(DEPLOYMENTS).patch("default", "web", "merge", setImage("one"));
  await done("3");
  const back = client.informer(REPLICA_SETS).get("default", set!.metadata.name)!;
  expect(back.metadata.annotations?.["deployment.kubernetes.io/revision-history"]).toBe("1");
  await client.resource(DEPLOYMENTS).patch("default", "web", "merge", setImage("three"));
  await done("4");
  await until(client, REPLICA_SETS, (sets) => sets.length === 2);
  const messages = await until(client, CORE_EVENTS, (events) => {
    const texts = events.filter((event) => event.involvedObject.kind === "Deployment").map((event) => event.message!);
    return texts.some((text) => text.endsWith("from 1 to 0")) ? texts : undefined;
  });
  expect(messages[0]).toBe(`Scaled up replica set ${set!.metadata.name} from 0 to 4`);
  runner.stop();
  expect(there.cluster.errors).toEqual([]);
});

test("a deployment that is paused takes no new template; scaled, its sets keep their shares", async () => {
  await using there = await world();
  const { client } = there;
  const runner = runPods(client, { isReady: (pod) => pod.spec?.containers[0]?.image !== "broken" });
  await client.resource(DEPLOYMENTS).create("default", deployment("web", 10, "one"));
  await until(client, DEPLOYMENTS, ([web]) => web?.status?.availableReplicas === 10);
  await client.resource(DEPLOYMENTS).patch("default", "web", "merge", setImage("broken"));
  const sizes = () =>
    client
      .informer(REPLICA_SETS)
      .list("default")
      .map((set) => set.spec?.replicas)
      .sort();
  await until(client, REPLICA_SETS, () => Bun.deepEquals(sizes(), [5, 8]));
  await client.resource(DEPLOYMENTS).patch("default", "web", "merge", { spec: { paused: true, replicas: 20 } });
  await until(client, REPLICA_SETS, () => Bun.deepEquals(sizes(), [10, 15]));
  const paused = await until(client, DEPLOYMENTS, ([web]) =>
    web?.status?.conditions?.find((condition) => condition.reason === "DeploymentPaused"),
  );
  expect(paused).toMatchObject({ type: "Progressing", status: "Unknown", message: "Deployment is paused" });
  runner.stop();
});

test("a deployment that recreates ends all old pods before it makes new ones", async () => {
  await using there = await world();
  const { client } = there;
  const runner = runPods(client);
  const web = deployment("web", 3, "one");
  web.spec!.strategy = { type: "Recreate" };
  await client.resource(DEPLOYMENTS).create("default", web);
  await until(client, DEPLOYMENTS, ([now]) => now?.status?.availableReplicas === 3);
  const mixtures: string[] = [];
  const end = client.informer(PODS).subscribe({
    added: () => {
      const images = new Set(
        client
          .informer(PODS)
          .list()
          .map((pod) => pod.spec?.containers[0]?.image),
      );
      if (images.size > 1) mixtures.push([...images].join());
    },
  });
  await client.resource(DEPLOYMENTS).patch("default", "web", "merge", setImage("two"));
  await until(client, DEPLOYMENTS, ([now]) => now?.status?.updatedReplicas === 3 && now.status.availableReplicas === 3);
  expect(mixtures).toEqual([]);
  end();
  runner.stop();
});
