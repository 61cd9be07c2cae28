/** Controllers whose writes fail, or are done with the answer lost: they come to the same end, and nothing is done twice. */
import { expect, test } from "bun:test";
import { controllers } from "../../../../src/kube/controllers/all.ts";
import {
  DEPLOYMENTS,
  JOBS,
  NAMESPACES,
  PODS,
  REPLICA_SETS,
  STATEFUL_SETS,
} from "../../../../src/model/kubernetes/names.ts";
import { type ControlledCluster, controlledCluster, until } from "../../../support/controlled-cluster.ts";
import { faultyClient } from "../../../support/faulty-client.ts";
import { runPods } from "../../../support/pretended-node.ts";

const SHARE = 0.2;
const world = (seed: number) =>
  controlledCluster((tools) =>
    controllers({ ...tools, client: faultyClient(tools.client, SHARE, seed), certificate: "the certificate" }),
  );
const metadata = (labels: Record<string, string>) => ({ labels });
const spec = (image: string) => ({ containers: [{ name: "main", image }] });
const labels = { app: "web" };

async function rollOut({ client }: ControlledCluster): Promise<void> {
  await client.resource(DEPLOYMENTS).create("default", {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: {
      replicas: 4,
      selector: { matchLabels: labels },
      template: { metadata: metadata(labels), spec: spec("one") },
    },
  });
  const done = async (image: string) => {
    await until(client, DEPLOYMENTS, ([web]) => {
      const { availableReplicas, replicas, updatedReplicas, observedGeneration } = web?.status ?? {};
      const isSettled = availableReplicas === 4 && replicas === 4 && updatedReplicas === 4;
      return isSettled && observedGeneration === web?.metadata.generation;
    });
    await until(
      client,
      PODS,
      (all) => all.length === 4 && all.every((each) => each.spec?.containers[0]?.image === image),
    );
  };
  await done("one");
  await client.resource(DEPLOYMENTS).patch("default", "web", "merge", { spec: { template: { spec: spec("two") } } });
  await done("two");
  expect(client.informer(REPLICA_SETS).list().length).toBe(2);
}

async function runSet({ client }: ControlledCluster): Promise<void> {
  await client.resource(STATEFUL_SETS).create("default", {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "db" },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: metadata(labels), spec: spec("one") },
    },
  });
  await until(client, STATEFUL_SETS, ([set]) => set?.status?.readyReplicas === 3);
  await client.resource(STATEFUL_SETS).patch("default", "db", "merge", { spec: { replicas: 1 } });
  await until(client, PODS, (pods) => pods.map((pod) => pod.metadata.name).join() === "db-0");
}

async function runJob({ client }: ControlledCluster, runner: ReturnType<typeof runPods>): Promise<void> {
  client.informer(PODS).subscribe({
    updated: (before, pod) => {
      if (before.status?.phase !== "Running" && pod.status?.phase === "Running") {
        queueMicrotask(() => runner.end(pod, 0).catch(() => {}));
      }
    },
  });
  await client.resource(JOBS).create("default", {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "work" },
    spec: {
      completions: 5,
      parallelism: 2,
      selector: { matchLabels: labels },
      template: { metadata: metadata(labels), spec: { ...spec("one"), restartPolicy: "Never" } },
    },
  });
  const job = await until(client, JOBS, ([each]) =>
    each?.status?.conditions?.some((condition) => condition.type === "Complete") ? each : undefined,
  );
  // A pod that was made twice because an answer was lost may have succeeded as well; each is counted once.
  const succeeded = client
    .informer(PODS)
    .list()
    .filter((pod) => pod.status?.phase === "Succeeded").length;
  expect(job.status?.succeeded).toBe(succeeded);
  expect(succeeded).toBeGreaterThanOrEqual(5);
}

async function endNamespace({ client }: ControlledCluster): Promise<void> {
  const team = { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } };
  await client.resource(NAMESPACES).create(undefined, team);
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: spec("one") };
  await client.resource(PODS).create("team", pod);
  await client.resource(NAMESPACES).delete(undefined, "team");
  await until(client, NAMESPACES, (all) => all.every((each) => each.metadata.name !== "team"));
}

test.each([
  ["a roll-out", rollOut],
  ["a stateful set", runSet],
  ["a job", runJob],
  ["a namespace's end", endNamespace],
] as const)("%s comes to its end", async (_, run) => {
  for (const seed of [1, 2, 3]) {
    await using there = await world(seed);
    const runner = runPods(there.client);
    await run(there, runner);
    runner.stop();
    expect(there.cluster.errors).toEqual([]);
  }
});
