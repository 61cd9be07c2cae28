/** ResourceQuotas: counted, kept, given back; with scopes. */

import { afterAll, expect, test } from "bun:test";
import { resourceQuotas } from "../../../src/kube/admission/resource-quotas.ts";
import { resourceQuotaController } from "../../../src/kube/controllers/resource-quotas/controller.ts";
import type { StatusError } from "../../../src/kube/status.ts";
import type { Pod, PodSpec, Service } from "../../../src/model/kubernetes/core.ts";
import { CONFIG_MAPS, NAMESPACES, PODS, RESOURCE_QUOTAS, SERVICES } from "../../../src/model/kubernetes/names.ts";
import { PATIENCE } from "../../support/patience.ts";
import { createTestCluster } from "../../support/test-cluster.ts";

const PATIENCE_MS = 30_000 * PATIENCE;
const cluster = await createTestCluster({ builtin: true });
const { client, core } = cluster;
core.admission.push(resourceQuotas(client));
const stop = new AbortController();
const part = resourceQuotaController({ client, now: Date.now, log() {} }).run(stop.signal);
afterAll(async () => {
  stop.abort();
  await part;
  await cluster[Symbol.asyncDispose]();
});

async function namespaceWith(
  name: string,
  quotas: Record<string, { hard: Record<string, string>; scopes?: string[] }>,
) {
  await client.resource(NAMESPACES).create(undefined, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  for (const [quota, spec] of Object.entries(quotas)) {
    await client
      .resource(RESOURCE_QUOTAS)
      .create(name, { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: quota }, spec });
  }
}
const used = (namespace: string, quota: string) =>
  client.informer(RESOURCE_QUOTAS).get(namespace, quota)?.status?.used ?? {};
async function untilUsed(namespace: string, quota: string, wanted: Record<string, string>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; ; await Bun.sleep(2)) {
    if (Bun.deepEquals(used(namespace, quota), wanted)) return;
    if (Date.now() > end) expect(used(namespace, quota)).toEqual(wanted);
  }
}
async function refusal(act: Promise<unknown>): Promise<string> {
  const error = (await act.then(
    () => expect.unreachable("it did not fail"),
    (thrown) => thrown,
  )) as StatusError;
  expect(error.code).toBe(403);
  return error.message;
}
function pod(name: string, resources: object = {}, spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { containers: [{ name: "c", image: "busybox", resources }], ...spec },
  };
}
const asks = (cpu: string, memory: string) => ({ requests: { cpu, memory } });

test("pods take from a quota while they run; what is too much is refused in Kubernetes' words", async () => {
  await namespaceWith("pods", { q: { hard: { pods: "2", "requests.cpu": "1", memory: "1Gi" } } });
  const pods = client.resource(PODS);
  await untilUsed("pods", "q", { pods: "0", "requests.cpu": "0", memory: "0" });
  await pods.create("pods", pod("a", asks("500m", "252Mi")));
  expect(used("pods", "q")).toEqual({ pods: "1", "requests.cpu": "500m", memory: "252Mi" });
  expect(await refusal(pods.create("pods", pod("b", asks("600m", "1Mi"))))).toBe(
    'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=500m, limited: requests.cpu=1',
  );
  expect(await refusal(pods.create("pods", pod("b", { requests: { cpu: "1m" } })))).toBe(
    'pods "b" is forbidden: failed quota: q: must specify memory for: c',
  );
  await pods.create("pods", pod("b", asks("1m", "1Mi")), { dryRun: true });
  expect(used("pods", "q").pods).toBe("1");
  await pods.updateStatus({ ...(await pods.get("pods", "a")), status: { phase: "Succeeded" } });
  await untilUsed("pods", "q", { pods: "0", "requests.cpu": "0", memory: "0" });
});

test("of many pods at once only as many come as the quota lets", async () => {
  await namespaceWith("many", { q: { hard: { pods: "3" } } });
  const made = await Promise.allSettled(
    Array.from({ length: 10 }, (_, at) => client.resource(PODS).create("many", pod(`p${at}`))),
  );
  expect(made.filter((one) => one.status === "fulfilled").length).toBe(3);
  expect(used("many", "q").pods).toBe("3");
});

test("objects of any kind are counted, and given back when they go", async () => {
  await namespaceWith("counts", {
    q: { hard: { configmaps: "1", "count/services": "9", "services.nodeports": "1", resourcequotas: "1" } },
  });
  const maps = client.resource(CONFIG_MAPS);
  const map = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
  await maps.create("counts", map("a"));
  expect(await refusal(maps.create("counts", map("b")))).toContain(
    "exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1",
  );
  await maps.delete("counts", "a");
  await untilUsed("counts", "q", {
    configmaps: "0",
    "count/services": "0",
    "services.nodeports": "0",
    resourcequotas: "1",
  });
  const service = (type: string): Service => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: type.toLowerCase() },
    spec: { type, ports: [{ port: 80 }] },
  });
  await client.resource(SERVICES).create("counts", service("NodePort"));
  expect(await refusal(client.resource(SERVICES).create("counts", service("LoadBalancer")))).toContain(
    "services.nodeports=1",
  );
});

test("scopes choose the pods that a quota counts", async () => {
  const hard = { pods: "5" };
  await namespaceWith("scopes", {
    best: { hard, scopes: ["BestEffort"] },
    better: { hard, scopes: ["NotBestEffort"] },
    short: { hard, scopes: ["Terminating"] },
    long: { hard, scopes: ["NotTerminating"] },
  });
  await client.resource(PODS).create("scopes", pod("a"));
  await client.resource(PODS).create("scopes", pod("b", asks("1m", "1Mi"), { activeDeadlineSeconds: 60 }));
  const counts = ["best", "better", "short", "long"].map((quota) => used("scopes", quota).pods);
  expect(counts).toEqual(["1", "1", "1", "1"]);
});

test("a changed limit counts at once", async () => {
  await namespaceWith("changed", { q: { hard: { configmaps: "0" } } });
  const quotas = client.resource(RESOURCE_QUOTAS);
  await quotas.patch("changed", "q", "merge", { spec: { hard: { configmaps: "1" } } });
  await client
    .resource(CONFIG_MAPS)
    .create("changed", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } });
  await untilUsed("changed", "q", { configmaps: "1" });
  expect(cluster.errors).toEqual([]);
});
