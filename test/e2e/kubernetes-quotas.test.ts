/** ResourceQuotas through the API, beside the conformance requirements. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { PATIENCE } from "../support/patience.ts";

const PATIENCE_MS = 30_000 * PATIENCE;
const MERGE = "application/merge-patch+json";
const quotaTest = (words: string) => conformance(`[sig-api-machinery] ResourceQuota should ${words} [Conformance]`);
/** Keeps a pod from being placed on a node: quotas count it all the same. */
const GATED = { schedulingGates: [{ name: "test.example/held" }], terminationGracePeriodSeconds: 0 };

let cluster: TestClusterDaemon;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const ask: TestClusterDaemon["ask"] = (...asked) => cluster.ask(...asked);

let spaces = 0;
/** A namespace of its own with its paths. */
async function space() {
  const name = `quota-${spaces++}`;
  await ask("POST", "/api/v1/namespaces", { metadata: { name } });
  const core = `/api/v1/namespaces/${name}`;
  const quotas = `${core}/resourcequotas`;
  const makeQuota = (quota: string, hard: Record<string, string>, more: object = {}) =>
    ask("POST", quotas, { metadata: { name: quota, labels: { e2e: name } }, spec: { hard, ...more } });
  const untilUsed = async (quota: string, wanted: Record<string, string>) => {
    for (const end = Date.now() + PATIENCE_MS; ; await Bun.sleep(10)) {
      const { status, spec } = await ask("GET", `${quotas}/${quota}`);
      const seen = Object.fromEntries(Object.keys(wanted).map((key) => [key, status?.used?.[key]]));
      if (Bun.deepEquals(seen, wanted) && Bun.deepEquals(status.hard, spec.hard)) return;
      if (Date.now() > end) throw new Error(`quota ${quota}: ${JSON.stringify(status)}`);
    }
  };
  return { core, quotas, makeQuota, untilUsed };
}

const HARD = {
  services: "10",
  "services.nodeports": "1",
  "services.loadbalancers": "1",
  pods: "5",
  cpu: "1",
  memory: "500Mi",
  configmaps: "10",
  secrets: "10",
  resourcequotas: "1",
  replicationcontrollers: "10",
  "requests.ephemeral-storage": "50Gi",
  "requests.example.com/dongle": "3",
  "count/replicasets.apps": "5",
};

test(quotaTest("create a ResourceQuota and ensure its status is promptly calculated."), async () => {
  const { makeQuota, untilUsed } = await space();
  await makeQuota("q", HARD);
  await untilUsed("q", { pods: "0", services: "0", resourcequotas: "1", memory: "0", "count/replicasets.apps": "0" });
});

interface Counted {
  words: string;
  path: string;
  object: object;
  usage: Record<string, string>;
}
const template = { metadata: { labels: { app: "x" } }, spec: { containers: [{ name: "c", image: "i" }] } };
const COUNTED: Counted[] = [
  { words: "configMap.", path: "configmaps", object: {}, usage: { configmaps: "1" } },
  { words: "secret.", path: "secrets", object: {}, usage: { secrets: "1" } },
  {
    words: "service.",
    path: "services",
    object: { spec: { type: "NodePort", ports: [{ port: 80 }] } },
    usage: { services: "1", "services.nodeports": "1", "services.loadbalancers": "0" },
  },
  {
    words: "replication controller.",
    path: "replicationcontrollers",
    object: { spec: { replicas: 0, selector: { app: "x" }, template } },
    usage: { replicationcontrollers: "1" },
  },
  {
    words: "replica set.",
    path: "replicasets",
    object: { spec: { replicas: 0, selector: { matchLabels: { app: "x" } }, template } },
    usage: { "count/replicasets.apps": "1" },
  },
];
for (const { words, path, object, usage } of COUNTED) {
  test(quotaTest(`create a ResourceQuota and capture the life of a ${words}`), async () => {
    const { core, makeQuota, untilUsed } = await space();
    const place = path === "replicasets" ? `${core.replace("/api/v1", "/apis/apps/v1")}/${path}` : `${core}/${path}`;
    // What every namespace has from its beginning (a config map with the cluster's certificate) counts too.
    const base = (await ask("GET", place)).items.length;
    await makeQuota("q", HARD);
    const counted = Object.keys(usage);
    const at = (amount: string) => String(Number(amount) + (counted[0] === "configmaps" ? Math.max(base, 1) : 0));
    const none = Object.fromEntries(counted.map((name) => [name, at("0")]));
    await untilUsed("q", { ...none, resourcequotas: "1" });
    await ask("POST", place, { metadata: { name: "one" }, ...object });
    await untilUsed("q", Object.fromEntries(Object.entries(usage).map(([name, amount]) => [name, at(amount)])));
    await ask("DELETE", `${place}/one`);
    await untilUsed("q", none);
  });
}

test(quotaTest("create a ResourceQuota and capture the life of a pod."), async () => {
  const { core, makeQuota, untilUsed } = await space();
  const pod = (name: string, requests: Record<string, string>) => ({
    metadata: { name },
    spec: {
      ...GATED,
      containers: [
        {
          name: "c",
          image: "i",
          resources: { requests, limits: { "example.com/dongle": requests["example.com/dongle"] } },
        },
      ],
    },
  });
  await makeQuota("q", HARD);
  await untilUsed("q", { pods: "0" });
  const asks = { cpu: "500m", memory: "252Mi", "ephemeral-storage": "30Gi", "example.com/dongle": "2" };
  await ask("POST", `${core}/pods`, pod("one", asks));
  const used = {
    pods: "1",
    cpu: "500m",
    memory: "252Mi",
    "requests.ephemeral-storage": "30Gi",
    "requests.example.com/dongle": "2",
  };
  await untilUsed("q", used);
  for (const [name, requests] of [
    ["memory", { ...asks, cpu: "100m", memory: "1100Mi", "ephemeral-storage": "1Gi", "example.com/dongle": "1" }],
    ["dongles", { ...asks, cpu: "100m", memory: "10Mi", "ephemeral-storage": "1Gi", "example.com/dongle": "2" }],
  ] as const) {
    const refused = await cluster.api("POST", `${core}/pods`, pod(name, requests));
    expect([refused.status, refused.body.reason]).toEqual([403, "Forbidden"]);
    expect(refused.body.message).toContain("exceeded quota: q");
  }
  const made = await ask("GET", `${core}/pods/one`);
  made.spec.containers[0].resources.requests.cpu = "100m";
  expect((await cluster.api("PUT", `${core}/pods/one`, made)).status).toBe(422);
  await untilUsed("q", used);
  await ask("DELETE", `${core}/pods/one`, { gracePeriodSeconds: 0 });
  await untilUsed("q", {
    pods: "0",
    cpu: "0",
    memory: "0",
    "requests.ephemeral-storage": "0",
    "requests.example.com/dongle": "0",
  });
});

/** Two quotas of these scopes count a pod each, one after the other. */
async function scopesTake(scopes: [string, string], hard: Record<string, string>, first: object, second: object) {
  const { core, makeQuota, untilUsed } = await space();
  const lower = scopes.map((scope) => scope.toLowerCase());
  for (const [at, scope] of scopes.entries()) await makeQuota(lower[at]!, hard, { scopes: [scope] });
  const none = Object.fromEntries(Object.keys(hard).map((name) => [name, "0"]));
  for (const name of lower) await untilUsed(name, none);
  for (const [at, spec] of [first, second].entries()) {
    const containers = [{ name: "c", image: "i", ...("resources" in spec ? { resources: spec.resources } : {}) }];
    const { resources: _, ...rest } = spec as { resources?: object };
    await ask("POST", `${core}/pods`, { metadata: { name: "one" }, spec: { ...GATED, containers, ...rest } });
    const used = { pods: "1", ...("requests.cpu" in hard ? USED : {}) };
    await untilUsed(lower[at]!, used);
    await untilUsed(lower[1 - at]!, none);
    await ask("DELETE", `${core}/pods/one`, { gracePeriodSeconds: 0 });
    await untilUsed(lower[at]!, none);
  }
}
const resources = { requests: { cpu: "500m", memory: "200Mi" }, limits: { cpu: "1", memory: "400Mi" } };
const USED = { "requests.cpu": "500m", "requests.memory": "200Mi", "limits.cpu": "1", "limits.memory": "400Mi" };

test(quotaTest("verify ResourceQuota with best effort scope."), async () => {
  await scopesTake(["BestEffort", "NotBestEffort"], { pods: "5" }, {}, { resources });
});

test(quotaTest("verify ResourceQuota with terminating scopes."), async () => {
  const hard = {
    pods: "5",
    "requests.cpu": "1",
    "requests.memory": "500Mi",
    "limits.cpu": "2",
    "limits.memory": "1Gi",
  };
  await scopesTake(["NotTerminating", "Terminating"], hard, { resources }, { resources, activeDeadlineSeconds: 3600 });
});

test(quotaTest("be able to update and delete ResourceQuota."), async () => {
  const { quotas, makeQuota } = await space();
  const made = await makeQuota("q", { cpu: "1", memory: "500Mi" });
  expect((await ask("GET", `${quotas}/q`)).spec.hard).toEqual({ cpu: "1", memory: "500Mi" });
  delete made.metadata.resourceVersion;
  await ask("PUT", `${quotas}/q`, { ...made, spec: { hard: { cpu: "2", memory: "1Gi" } } });
  expect((await ask("GET", `${quotas}/q`)).spec.hard).toEqual({ cpu: "2", memory: "1Gi" });
  await ask("DELETE", `${quotas}/q`);
  expect((await cluster.api("GET", `${quotas}/q`)).status).toBe(404);
});

test(quotaTest("manage the lifecycle of a ResourceQuota"), async () => {
  const { quotas, makeQuota } = await space();
  const made = await makeQuota("q", { cpu: "1", memory: "500Mi" });
  const selector = `labelSelector=e2e%3D${made.metadata.namespace}`;
  expect((await ask("GET", `/api/v1/resourcequotas?${selector}`)).items.length).toBe(1);
  const patch = { metadata: { labels: { patched: "yes" } }, spec: { hard: { memory: "750Mi" } } };
  const patched = await ask("PATCH", `${quotas}/q`, patch, MERGE);
  expect([patched.metadata.labels.patched, patched.spec.hard.memory]).toEqual(["yes", "750Mi"]);
  await ask("DELETE", `${quotas}?${selector}`);
  expect((await ask("GET", `/api/v1/resourcequotas?${selector}`)).items).toEqual([]);
});

test(quotaTest("apply changes to a resourcequota status"), async () => {
  const { quotas, makeQuota, untilUsed } = await space();
  await makeQuota("q", { cpu: "500m", memory: "500Mi" });
  await untilUsed("q", { cpu: "0", memory: "0" });
  const seen = await ask("GET", `${quotas}/q`);
  const hard = { cpu: "1", memory: "1Gi" };
  delete seen.metadata.resourceVersion;
  const updated = await ask("PUT", `${quotas}/q/status`, { ...seen, spec: { hard }, status: { ...seen.status, hard } });
  expect([updated.status.hard, updated.spec.hard]).toEqual([hard, { cpu: "500m", memory: "500Mi" }]);
  await ask("PATCH", `${quotas}/q`, { spec: { hard } }, MERGE);
  await untilUsed("q", { cpu: "0", memory: "0" });
  expect((await ask("GET", `${quotas}/q/status`)).status.hard).toEqual(hard);
  const more = { cpu: "2", memory: "2Gi" };
  const patched = await ask("PATCH", `${quotas}/q/status`, { spec: { hard: more }, status: { hard: more } }, MERGE);
  expect([patched.status.hard, patched.spec.hard]).toEqual([more, hard]);
  const again = await ask("PATCH", `${quotas}/q/status`, { status: { hard } }, MERGE);
  expect([again.status.hard, again.spec.hard]).toEqual([hard, hard]);
});

test("kubectl prints what is used of a quota", async () => {
  const { quotas, makeQuota, untilUsed } = await space();
  await makeQuota("q", { pods: "3", memory: "1Gi" });
  await untilUsed("q", { pods: "0" });
  const namespace = quotas.split("/")[4]!;
  const described = await cluster.kubectl(["describe", "quota", "q", "-n", namespace]);
  expect(described.stdout).toMatch(/pods +0 +3/);
});
