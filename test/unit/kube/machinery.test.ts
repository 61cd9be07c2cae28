/** The machinery over a store in memory: versions, watches, informers, deletion. */

import { expect, test } from "bun:test";
import type { WatchEvent } from "../../../src/kube/contract.ts";
import { wireJson } from "../../../src/kube/machinery/stored-json.ts";
import type { StatusError } from "../../../src/kube/status.ts";
import type { ConfigMap, Pod } from "../../../src/model/kubernetes/core.ts";
import { CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, PODS } from "../../../src/model/kubernetes/names.ts";
import { createTestCluster } from "../../support/test-cluster.ts";

const configMap = (name: string, data: Record<string, string> = {}, labels = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, labels },
  data,
});
const pod = (name: string, nodeName?: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { containers: [{ name: "c", image: "busybox" }], nodeName },
});

async function failure(act: Promise<unknown>): Promise<StatusError> {
  return (await act.then(
    () => expect.unreachable("it did not fail"),
    (error) => error,
  )) as StatusError;
}

async function take<T>(events: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const event of events) {
    taken.push(event);
    if (taken.length === count) break;
  }
  return taken;
}
const told = ({ type, object }: WatchEvent<ConfigMap>) => `${type} ${object.metadata.name}`;

test("an object is created, read, changed and removed", async () => {
  await using cluster = await createTestCluster();
  const maps = cluster.client.resource(CONFIG_MAPS);
  const made = await maps.create("default", configMap("a", { x: "1" }));
  expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
  expect(Object.isFrozen(made.data)).toBe(true);
  expect(JSON.parse(wireJson(made))).toEqual(made);
  expect(await maps.get("default", "a")).toBe(made);

  const changed = await maps.update({ ...structuredClone(made), data: { x: "2" } });
  expect(Number(changed.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion));
  expect((await failure(maps.update({ ...structuredClone(made), data: { x: "3" } }))).reason).toBe("Conflict");
  expect(await maps.update(structuredClone(changed))).toBe(changed);

  await maps.delete("default", "a");
  const missing = await failure(maps.get("default", "a"));
  expect(missing.message).toBe('configmaps "a" not found');
  expect(cluster.errors).toEqual([]);
});

test("writes without a version are tried again when somebody else wrote in between", async () => {
  await using cluster = await createTestCluster();
  const maps = cluster.client.resource(CONFIG_MAPS);
  await maps.create("default", configMap("a"));
  const keys = Array.from({ length: 10 }, (_, index) => `k${index}`);
  await Promise.all(keys.map((key) => maps.patch("default", "a", "merge", { data: { [key]: "x" } })));
  expect(Object.keys((await maps.get("default", "a")).data!).sort()).toEqual(keys);
});

test("a watch tells the state, then changes; a selector turns changes into comings and goings", async () => {
  await using cluster = await createTestCluster();
  const maps = cluster.client.resource(CONFIG_MAPS);
  await maps.create("default", configMap("a", {}, { app: "x" }));
  await maps.create("default", configMap("b", {}, { app: "y" }));
  const seen = take(maps.watch({ namespace: "default", labelSelector: "app=x" }, new AbortController().signal), 4);
  await Bun.sleep(1);
  await maps.patch("default", "b", "merge", { metadata: { labels: { app: "x" } } });
  await maps.patch("default", "a", "merge", { metadata: { labels: { app: "z" } } });
  await maps.delete("default", "b");
  expect((await seen).map(told)).toEqual(["ADDED a", "ADDED b", "DELETED a", "DELETED b"]);
});

test("a watch goes on from a version, and begins with a marked bookmark when asked", async () => {
  await using cluster = await createTestCluster();
  const maps = cluster.client.resource(CONFIG_MAPS);
  const first = await maps.create("default", configMap("a"));
  await maps.create("default", configMap("b"));
  const signal = new AbortController().signal;
  const after = await take(maps.watch({ resourceVersion: first.metadata.resourceVersion }, signal), 1);
  expect(after.map(told)).toEqual(["ADDED b"]);
  const [, , mark] = await take(maps.watch({ sendInitialEvents: true, allowBookmarks: true }, signal), 3);
  expect(mark!.type).toBe("BOOKMARK");
  expect(mark!.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
  const old = await failure(take(maps.watch({ resourceVersion: "0", fieldSelector: "spec.x=1" }, signal), 1));
  expect(old.message).toBe("field label not supported: spec.x");
});

test("an informer is told of what is there, then of changes, and files objects", async () => {
  await using cluster = await createTestCluster();
  const pods = cluster.client.resource(PODS);
  await pods.create("default", pod("a", "n1"));
  const informer = cluster.client.informer(PODS);
  informer.addIndex("node", (one) => [one.spec?.nodeName ?? ""]);
  const log: string[] = [];
  const end = informer.subscribe({
    added: (one) => log.push(`+${one.metadata.name}`),
    updated: (before, after) => log.push(`${before.status?.phase ?? ""}>${after.status?.phase}`),
    deleted: (one) => log.push(`-${one.metadata.name}`),
  });
  await pods.create("default", pod("b", "n1"));
  expect(informer.byIndex("node", "n1").map((one) => one.metadata.name)).toEqual(["a", "b"]);
  const b = structuredClone(informer.get("default", "b")!);
  await pods.updateStatus({ ...b, status: { phase: "Succeeded" } });
  await pods.delete("default", "b");
  end();
  await pods.create("default", pod("c"));
  expect(log).toEqual(["+a", "+b", ">Succeeded", "-b"]);
  expect(informer.byIndex("node", "n1").length).toBe(1);
});

test("pods end with grace, objects with finalizers wait", async () => {
  await using cluster = await createTestCluster();
  const pods = cluster.client.resource(PODS);
  await pods.create("default", pod("a", "n1"));
  const ending = await pods.delete("default", "a");
  expect(ending.metadata.deletionGracePeriodSeconds).toBe(30);
  await pods.delete("default", "a", { gracePeriodSeconds: 0 });
  expect((await failure(pods.get("default", "a"))).reason).toBe("NotFound");

  const maps = cluster.client.resource(CONFIG_MAPS);
  const held = configMap("held");
  held.metadata.finalizers = ["example.com/hold"];
  await maps.create("default", held);
  await maps.delete("default", "held");
  await maps.patch("default", "held", "merge", { metadata: { finalizers: null } });
  expect((await failure(maps.get("default", "held"))).reason).toBe("NotFound");
});

test("generations count changes of the specification; status changes alone through its subresource", async () => {
  await using cluster = await createTestCluster();
  const deployments = cluster.client.resource(DEPLOYMENTS);
  const made = await deployments.create("default", {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { generateName: "web-" },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: "x" } },
      template: { metadata: {}, spec: { containers: [] } },
    },
    status: { replicas: 7 },
  });
  expect(made.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
  expect(made.status).toBeUndefined();
  const scale = await deployments.getScale("default", made.metadata.name);
  expect(scale.status?.selector).toBe("app=x");
  await deployments.updateScale({ ...scale, spec: { replicas: 3 } });
  const now = await deployments.updateStatus({
    ...structuredClone(made),
    metadata: { name: made.metadata.name, namespace: "default" },
    status: { replicas: 2 },
  });
  expect([now.spec?.replicas, now.status?.replicas, now.metadata.generation]).toEqual([3, 2, 2]);
});

test("nothing new comes into a namespace that is missing or ending", async () => {
  await using cluster = await createTestCluster();
  const maps = cluster.client.resource(CONFIG_MAPS);
  expect((await failure(maps.create("nowhere", configMap("a")))).message).toBe('namespaces "nowhere" not found');
  await cluster.client.resource(NAMESPACES).delete(undefined, "default");
  const refused = await failure(maps.create("default", configMap("a")));
  expect(refused.code).toBe(403);
  expect(refused.details?.causes?.[0]?.reason).toBe("NamespaceTerminating");
});

test("lists come in pages of one state", async () => {
  await using cluster = await createTestCluster();
  const maps = cluster.client.resource(CONFIG_MAPS);
  for (const name of ["c", "a", "d", "b", "e"]) await maps.create("default", configMap(name));
  const first = await maps.list({ namespace: "default", limit: 2 });
  expect(first.remainingItemCount).toBe(3);
  await maps.delete("default", "d");
  const second = await maps.list({ namespace: "default", limit: 9, continue: first.continue });
  expect([...first.items, ...second.items].map((map) => map.metadata.name)).toEqual(["a", "b", "c", "d", "e"]);
  expect(second.resourceVersion).toBe(first.resourceVersion);
  await cluster.store.compact(Number((await maps.list()).resourceVersion));
  await maps.create("default", configMap("f"));
  const late = await failure(maps.list({ namespace: "default", limit: 2, continue: first.continue }));
  expect(late.reason).toBe("Expired");
  const rest = await maps.list({ namespace: "default", continue: late.listMeta!.continue });
  expect(rest.items.map((map) => map.metadata.name)).toEqual(["c", "e", "f"]);
});
