/** Ranges of service addresses: added, used, kept while they are needed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { TestClusterDaemon } from "../support/cluster.ts";
import { ClusterPods } from "../support/cluster-pods.ts";
import { eventually } from "../support/daemon.ts";

/** A range that neither clusters nor machines use by themselves (RFC 5737, documentation). */
const ADDED = "203.0.113.0/29";

let cluster: TestClusterDaemon;
let pods: ClusterPods;
beforeAll(async () => {
  pods = await ClusterPods.start();
  ({ cluster } = pods);
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const kubectl: TestClusterDaemon["kubectlSays"] = (...asked) => cluster.kubectlSays(...asked);

const cidr = (name: string, ...cidrs: string[]) =>
  JSON.stringify({ apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name }, spec: { cidrs } });

test("the cluster's own range and the address of its API are there", async () => {
  const [own] = JSON.parse(await kubectl(["get", "servicecidr", "kubernetes", "-o", "jsonpath={.spec.cidrs}"]));
  expect(own).toMatch(/^10\.\d+\.0\.0\/16$/);
  await kubectl(["wait", "--for=condition=Ready", "servicecidr/kubernetes", "--timeout=60s"]);
  const address = await kubectl(["get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}"]);
  await kubectl(["wait", "--for=create", `ipaddress/${address}`, "--timeout=60s"]);
  const [head, ...lines] = (await kubectl(["get", "ip"])).trim().split("\n");
  expect(head?.split(/\s+/)).toEqual(["NAME", "PARENTREF", "AGE"]);
  expect(lines.map((line) => line.split(/\s+/).slice(0, 2))).toContainEqual([address, "services/default/kubernetes"]);
  const refused = await cluster.kubectl(["create", "-f", "-"], cidr("wrong", "203.0.113.1/29"));
  expect(refused.stderr).toContain('must be in canonical form ("203.0.113.0/29")');
});

test("services of an added range are reached, and the range stays while it has services", async () => {
  const server = pods.pod("exec nc -ll -p 8080 -e hostname", {}, {}, { labels: { app: "ranged" } });
  const client = pods.pod("while :; do sleep 1000; done");
  const outside = ["create", "service", "clusterip", "ranged", "--tcp=80:8080", "--clusterip=203.0.113.3"];
  const early = await cluster.kubectl(outside);
  expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining("is not in the valid range") });
  await kubectl(["create", "-f", "-"], cidr("added", ADDED));
  await kubectl(["wait", "--for=condition=Ready", "servicecidr/added", "--timeout=60s"]);
  await kubectl(outside);
  await kubectl(["set", "selector", "service/ranged", "app=ranged"]);
  await kubectl(["wait", "--for=create", "ipaddress/203.0.113.3", "--timeout=60s"]);
  await Promise.all([pods.running(await server), pods.running(await client)]);
  const ask = async () =>
    (await cluster.kubectl(["exec", await client, "--", "sh", "-c", "nc -w 2 203.0.113.3 80 </dev/null 2>&1"])).stdout;
  const name = await server;
  await eventually(async () => (await ask()).trim() === name, 30_000);
  // An address of the range that nobody has is refused at once, as in the cluster's own.
  const refused = ["exec", await client, "--", "sh", "-c", "nc -w 20 203.0.113.4 80 </dev/null 2>&1; echo $?"];
  expect((await cluster.kubectl(refused)).stdout).toMatch(/refused|unreachable|reset/i);

  await kubectl(["delete", "servicecidr", "added", "--wait=false"]);
  const reason = 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}';
  await eventually(
    async () => (await kubectl(["get", "servicecidr", "added", "-o", reason])) === "Terminating",
    20_000,
  );
  expect((await ask()).trim()).toBe(name);
  const late = ["create", "service", "clusterip", "late", "--tcp=80:8080", "--clusterip=203.0.113.5"];
  expect((await cluster.kubectl(late)).stderr).toContain("is not in the valid range");
  await kubectl(["delete", "service", "ranged"]);
  await kubectl(["wait", "--for=delete", "servicecidr/added", "--timeout=60s"]);
  expect(await kubectl(["get", "ip", "203.0.113.3", "--ignore-not-found"])).toBe("");
});
