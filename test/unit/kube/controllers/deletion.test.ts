import { expect, test } from "bun:test";
import { garbageCollector } from "../../../../src/kube/controllers/garbage/collector.ts";
import { namespaceController } from "../../../../src/kube/controllers/namespaces/controller.ts";
import { serviceAccountController } from "../../../../src/kube/controllers/service-accounts/controller.ts";
import type { OwnerReference } from "../../../../src/model/kubernetes/meta.ts";
import { CONFIG_MAPS, NAMESPACES, PODS, SECRETS, SERVICE_ACCOUNTS } from "../../../../src/model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../../src/model/kubernetes/object.ts";
import { controlledCluster, until } from "../../../support/controlled-cluster.ts";

const map = (name: string, ...ownerReferences: OwnerReference[]) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, ownerReferences },
});
const ownedBy = (owner: Stored<KubeObject>, blockOwnerDeletion = false): OwnerReference => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  blockOwnerDeletion,
});
const names = (objects: readonly KubeObject[]) => objects.map((object) => object.metadata.name).sort();

async function family() {
  const there = await controlledCluster((tools) => [garbageCollector(tools)]);
  const maps = there.client.resource(CONFIG_MAPS);
  const father = await maps.create("default", map("father"));
  const mother = await maps.create("default", map("mother"));
  await maps.create("default", map("child", ownedBy(father, true)));
  await maps.create("default", map("both", ownedBy(father, true), ownedBy(mother)));
  const child = there.client.informer(CONFIG_MAPS).get("default", "child")!;
  await maps.create("default", map("grandchild", ownedBy(child, true)));
  return { there, maps, client: there.client };
}

test("what has no owner left goes, what has another stays", async () => {
  const { there, maps, client } = await family();
  await using _ = there;
  await maps.delete("default", "father", { propagationPolicy: "Background" });
  await until(client, CONFIG_MAPS, (all) => Bun.deepEquals(names(all), ["both", "mother"]));
  const both = await until(client, CONFIG_MAPS, (all) => {
    const each = all.find((object) => object.metadata.name === "both");
    return each?.metadata.ownerReferences?.length === 1 ? each : undefined;
  });
  expect(both.metadata.ownerReferences?.[0]?.name).toBe("mother");
});

test("in foreground deletion the owner goes last", async () => {
  const { there, maps, client } = await family();
  await using _ = there;
  const order: string[] = [];
  client.informer(CONFIG_MAPS).subscribe({ deleted: (object) => order.push(object.metadata.name) });
  await maps.delete("default", "father", { propagationPolicy: "Foreground" });
  await until(client, CONFIG_MAPS, (all) => Bun.deepEquals(names(all), ["both", "mother"]));
  expect(order).toEqual(["grandchild", "child", "father"]);
});

test("orphans stay and forget their owner", async () => {
  const { there, maps, client } = await family();
  await using _ = there;
  await maps.delete("default", "father", { propagationPolicy: "Orphan" });
  await until(client, CONFIG_MAPS, (all) => Bun.deepEquals(names(all), ["both", "child", "grandchild", "mother"]));
  expect(client.informer(CONFIG_MAPS).get("default", "child")?.metadata.ownerReferences ?? []).toEqual([]);
});

test("an owner of that name with another uid is none", async () => {
  const { there, maps, client } = await family();
  await using _ = there;
  const mother = client.informer(CONFIG_MAPS).get("default", "mother")!;
  await maps.create("default", map("stray", { ...ownedBy(mother), uid: "00000000-0000-0000-0000-000000000000" }));
  await until(client, CONFIG_MAPS, (all) => !names(all).includes("stray"));
  expect(names(client.informer(CONFIG_MAPS).list())).toContain("mother");
});

test("two objects that own each other do not wait for each other for ever", async () => {
  const { there, maps, client } = await family();
  await using _ = there;
  const first = await maps.create("default", map("first"));
  const second = await maps.create("default", map("second", ownedBy(first, true)));
  await maps.patch("default", "first", "merge", { metadata: { ownerReferences: [ownedBy(second, true)] } });
  await maps.delete("default", "first", { propagationPolicy: "Foreground" });
  await until(client, CONFIG_MAPS, (all) => !names(all).some((name) => name === "first" || name === "second"));
});

test("a namespace ends when everything in it has ended, and tells what it waits for", async () => {
  await using there = await controlledCluster((tools) => [
    namespaceController(tools),
    serviceAccountController(tools, "the certificate"),
  ]);
  const { client } = there;
  await client
    .resource(NAMESPACES)
    .create(undefined, { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
  await until(client, SERVICE_ACCOUNTS, (all) => all.find((account) => account.metadata.namespace === "team"));
  const certificate = await until(client, CONFIG_MAPS, (all) => all.find((each) => each.metadata.namespace === "team"));
  expect(certificate).toMatchObject({ metadata: { name: "kube-root-ca.crt" }, data: { "ca.crt": "the certificate" } });
  await client.resource(CONFIG_MAPS).delete("team", "kube-root-ca.crt");
  await until(client, CONFIG_MAPS, (all) => all.find((each) => each.metadata.namespace === "team"));
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "keep", finalizers: ["example.com/held"] } };
  await client.resource(SECRETS).create("team", secret);
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { nodeName: "n", containers: [] } };
  await client.resource(PODS).create("team", pod);
  await client.resource(NAMESPACES).delete(undefined, "team");
  const condition = (type: string, status: string) =>
    until(client, NAMESPACES, (all) =>
      all
        .find((each) => each.metadata.name === "team")
        ?.status?.conditions?.find((each) => each.type === type && each.status === status),
    );
  await until(client, PODS, ([each]) => each?.metadata.deletionTimestamp);
  expect(client.informer(SECRETS).get("team", "keep")?.metadata.deletionTimestamp).toBeUndefined();
  await client.resource(PODS).delete("team", "p", { gracePeriodSeconds: 0 });
  const held = await condition("NamespaceFinalizersRemaining", "True");
  expect(held.message).toBe(
    "Some content in the namespace has finalizers remaining: example.com/held in 1 resource instances",
  );
  await client.resource(SECRETS).patch("team", "keep", "merge", { metadata: { finalizers: null } });
  await until(client, NAMESPACES, (all) => !names(all).includes("team"));
});
