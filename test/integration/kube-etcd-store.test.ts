/** The store in etcd, with Debian's etcd, under the stores' contract; and what happens when etcd goes away for a while. */

import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEtcdStore } from "../../src/kube/store/etcd-store.ts";
import { CONFIG_MAPS } from "../../src/model/kubernetes/names.ts";
import { prepareEtcd } from "../support/etcd.ts";
import { describeKubeStore } from "../support/kube-store-contract.ts";
import { createTestCluster } from "../support/test-cluster.ts";

const root = await mkdtemp(join(tmpdir(), "naru-etcd-"));
const shared = await prepareEtcd(join(root, "shared"));
await shared.start();
afterAll(async () => {
  await shared.stop();
  await rm(root, { recursive: true, force: true });
});

/** The contract asks for an empty store: all keys of the test before are removed. */
async function emptyStore() {
  const store = await openEtcdStore(shared.address);
  const { entries } = await store.range("/");
  for (let from = 0; from < entries.length; from += 100) {
    await store.commit(entries.slice(from, from + 100).map(({ key }) => ({ key })));
  }
  return store;
}
describeKubeStore("etcd", () => ({ open: emptyStore, again: () => openEtcdStore(shared.address) }));

test("a watch goes on where it was when etcd comes back, and the machinery works on it", async () => {
  await using own = await prepareEtcd(join(root, "own"));
  await own.start();
  await using cluster = await createTestCluster({ store: await openEtcdStore(own.address) });
  const maps = cluster.client.resource(CONFIG_MAPS);
  const map = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
  await Promise.all(["a", "b", "c"].map((name) => maps.create("default", map(name))));
  expect((await maps.list({ namespace: "default" })).items.length).toBe(3);
  await own.stop();
  expect(await maps.create("default", map("d")).catch((error: Error) => error.message)).toContain(
    "etcd does not answer",
  );
  await own.start();
  await maps.create("default", map("e"));
  await Promise.all(Array.from({ length: 5 }, (_, at) => maps.patch("default", "e", "merge", { data: { [at]: "x" } })));
  expect(Object.keys((await maps.get("default", "e")).data ?? {}).length).toBe(5);
  expect(cluster.errors).toEqual([]);
});

test("an address that is none is refused", async () => {
  for (const address of ["etcd://", "etcd://host", "http://host:1", "etcd://a:1,b"]) {
    await expect(openEtcdStore(address)).rejects.toThrow("write etcd://host:port");
  }
});
