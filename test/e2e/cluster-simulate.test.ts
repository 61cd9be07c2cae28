/** Pretended nodes: made, filled with pods that run in name only, and removed with them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";

let cluster: TestClusterDaemon;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const simulate = (...words: string[]) => cluster.daemon.naru(["cluster", "simulate", ...words]);
const NODES = ["get", "nodes", "-l", "naru.dev/simulated=true", "-o", "name"];

test("a deployment runs on pretended nodes; without them its pods wait", async () => {
  const made = await simulate("--nodes", "5", "--cpu", "2");
  expect(made.stderr).toBe("");
  expect(made.stdout).toContain("5 simulated nodes (5 made, 0 removed");
  expect((await cluster.kubectl(NODES)).stdout.trim().split("\n")).toHaveLength(5);
  const labels = { app: "pretended" };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "pretended" },
    spec: {
      replicas: 10,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          tolerations: [{ key: "naru.dev/simulated", operator: "Exists" }],
          nodeSelector: { "naru.dev/simulated": "true" },
          containers: [{ name: "main", image: "nowhere.test/nothing", resources: { requests: { cpu: "1" } } }],
        },
      },
    },
  };
  expect((await cluster.kubectl(["apply", "-f", "-"], JSON.stringify(deployment))).code).toBe(0);
  const rolled = await cluster.kubectl(["rollout", "status", "deployment/pretended", "--timeout=60s"]);
  expect(rolled.code, rolled.stderr).toBe(0);
  const shown = await cluster.daemon.naru(["cluster", "status", "--json"]);
  expect(JSON.parse(shown.stdout)).toMatchObject({ simulatedNodes: 5, pods: 10 });
  // Two cores a node: an eleventh pod has no place.
  await cluster.kubectl(["scale", "deployment/pretended", "--replicas=11"]);
  const waiting = ["wait", "pod", "-l", "app=pretended", "--field-selector=status.phase=Pending"];
  const wish = "--for=jsonpath={.status.conditions[?(@.type=='PodScheduled')].reason}=Unschedulable";
  const created = await cluster.kubectl([
    "wait",
    "deployment/pretended",
    "--for=jsonpath={.status.replicas}=11",
    "--timeout=60s",
  ]);
  expect(created.code, created.stderr).toBe(0);
  expect((await cluster.kubectl([...waiting, wish, "--timeout=60s"])).code).toBe(0);
  expect((await simulate("--nodes", "0")).stdout).toContain("0 simulated nodes (0 made, 5 removed)");
  expect((await cluster.kubectl(NODES)).stdout).toBe("");
});

test.each([
  [["--nodes", "-3"], "from 0 to"],
  [["--nodes", "1", "--cpu", "many"], "no quantity"],
  [["--nodes", "1", "--pods", "300"], "1 to 254"],
  [[], "--nodes N"],
])("%j is refused in clear words", async (words, told) => {
  const { code, stderr } = await simulate(...(words as string[]));
  expect(code).not.toBe(0);
  expect(stderr).toContain(told as string);
});
