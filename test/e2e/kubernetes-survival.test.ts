/** What happens to pods when the daemon is killed: nothing; and what was under way goes on afterwards. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { ClusterPods } from "../support/cluster-pods.ts";
import { eventually } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API answers
type Json = any;

let cluster: TestClusterDaemon;
let pods: ClusterPods;
beforeAll(async () => {
  // The port must be the same after the restart.
  const port = await freePort();
  cluster = await startCluster(["--cluster-listen", `127.0.0.1:${port}`]);
  pods = new ClusterPods(cluster);
  await pods.importImage();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const FOREVER = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";

/** Process and time of the start of a pod's container, as the engine has them. */
async function processOf(pod: string): Promise<string> {
  const label = `label=io.kubernetes.pod.name=${pod}`;
  const { stdout } = await cluster.daemon.docker(["ps", "-q", "--filter", label]);
  return (await cluster.daemon.docker(["inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", stdout.trim()])).stdout;
}

test("kill -9 of the daemon in the middle of a rollout: it goes on, running pods are untouched", async () => {
  const name = await pods.pod(`echo begun; ${FOREVER}`, { restartPolicy: "Always" });
  const before = await pods.running(name);
  const failing = await pods.pod(
    "until [ -e /work/go ]; do sleep 0.1; done; exit 7",
    {
      volumes: [{ name: "work", hostPath: { path: `${cluster.daemon.root}/go`, type: "DirectoryOrCreate" } }],
    },
    { volumeMounts: [{ name: "work", mountPath: "/work" }] },
  );
  await pods.running(failing);
  const process = await processOf(name);
  const labels = { app: "rolled" };
  const container = { name: "main", image: "busybox:test", command: ["sh", "-c", FOREVER] };
  const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } };
  const deployments = "/apis/apps/v1/namespaces/default/deployments";
  const made = await cluster.api("POST", deployments, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "rolled" },
    spec: { replicas: 4, selector: { matchLabels: labels }, template },
  });
  expect(made.status).toBe(201);
  const status = async () => (await cluster.api("GET", `${deployments}/rolled`)).body.status ?? {};
  await eventually(async () => (await status()).availableReplicas === 4, 30_000);
  const changed = {
    spec: { template: { spec: { containers: [{ ...container, env: [{ name: "V", value: "2" }] }] } } },
  };
  await cluster.api("PATCH", `${deployments}/rolled`, changed, "application/merge-patch+json");
  await eventually(async () => ((await status()).updatedReplicas ?? 0) > 0, 30_000);

  await cluster.daemon.kill("SIGKILL");
  await Bun.write(`${cluster.daemon.root}/go/go`, "");
  await cluster.daemon.restart();

  await eventually(async () => {
    const { updatedReplicas, availableReplicas, replicas } = await status();
    return updatedReplicas === 4 && availableReplicas === 4 && replicas === 4;
  }, 60_000);
  expect(await processOf(name)).toBe(process);
  const after = await pods.get(name);
  expect(after.status.podIP).toBe(before.status.podIP);
  expect(after.status.containerStatuses).toEqual(before.status.containerStatuses);
  expect(await pods.log(name)).toBe("begun\n");
  expect((await cluster.kubectl(["exec", name, "--", "hostname"])).stdout).toBe(`${name}\n`);
  const ended = await pods.when(failing, (pod: Json) => pod.status?.phase === "Failed");
  expect(ended.status.containerStatuses[0].state.terminated.exitCode).toBe(7);
});

test("kill -9 while pods are being started: all of them come up, nothing is left of the attempts", async () => {
  const names = await Promise.all(
    Array.from({ length: 8 }, () => pods.pod(FOREVER, { shareProcessNamespace: true, restartPolicy: "Always" })),
  );
  await eventually(
    async () => (await cluster.daemon.docker(["ps", "-aq", "--filter", "label=io.kubernetes.pod.uid"])).stdout !== "",
  );
  await cluster.daemon.kill("SIGKILL");
  await cluster.daemon.restart();
  await Promise.all(names.map((name) => pods.running(name)));
  const label = "label=io.kubernetes.pod.uid";
  const listed = async () =>
    (await cluster.daemon.docker(["ps", "-a", "--filter", label, "--format", "{{.Names}}"])).stdout;
  for (const name of names)
    expect((await listed()).split("\n").filter((one) => one.includes(`_${name}_default_`))).toHaveLength(1);
  await Promise.all(names.map((name) => pods.remove(name)));
  await eventually(async () => {
    const text = await listed();
    return !names.some((name) => text.includes(`_${name}_default_`));
  }, 30_000);
});
