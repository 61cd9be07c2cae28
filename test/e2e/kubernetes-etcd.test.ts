/** A cluster whose state is in etcd. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { prepareEtcd, type TestEtcd } from "../support/etcd.ts";

let cluster: TestClusterDaemon;
let etcd: TestEtcd;
const root = await mkdtemp(join(tmpdir(), "naru-etcd-cluster-"));
beforeAll(async () => {
  etcd = await prepareEtcd(join(root, "data"));
  await etcd.start();
  cluster = await startCluster(["--cluster-store", etcd.address]);
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await etcd?.stop();
  await rm(root, { recursive: true, force: true });
});

test("kubectl works on it as on any other", async () => {
  expect((await cluster.kubectl(["create", "configmap", "kept", "--from-literal=a=1"])).code).toBe(0);
  expect((await cluster.kubectl(["label", "configmap", "kept", "x=y"])).code).toBe(0);
  const printed = await cluster.kubectl(["get", "configmaps", "-l", "x=y", "-o", "name"]);
  expect(printed.stdout).toBe("configmap/kept\n");
});

/** Forgets etcd's history up to now. */
async function compact(): Promise<void> {
  const call = async (path: string, body: object) => {
    const answer = await fetch(etcd.url + path, { method: "POST", body: JSON.stringify(body) });
    return (await answer.json()) as { header?: { revision: string } };
  };
  const { header } = await call("/v3/kv/range", { key: "AA==", keys_only: true });
  await call("/v3/kv/compaction", { revision: header!.revision });
}

const TEMPLATES = "/api/v1/namespaces/default/podtemplates";
const COUNT = 60;
const template = (name: string) => ({
  metadata: { name },
  template: { metadata: {}, spec: { containers: [{ name: "c", image: "i" }] } },
});

test(
  conformance(
    "[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Slow] [Conformance]",
  ),
  async () => {
    const made = Array.from({ length: COUNT }, (_, at) => cluster.api("POST", TEMPLATES, template(`t-${100 + at}`)));
    expect((await Promise.all(made)).every(({ status }) => status === 201)).toBe(true);
    const first = (await cluster.api("GET", `${TEMPLATES}?limit=20`)).body;
    expect([first.items.length, first.metadata.remainingItemCount]).toEqual([20, COUNT - 20]);
    // Something changes, and what was there before is forgotten.
    await cluster.api("POST", TEMPLATES, template("t-999"));
    await compact();
    const expired = await cluster.api("GET", `${TEMPLATES}?limit=20&continue=${first.metadata.continue}`);
    expect([expired.status, expired.body.reason]).toEqual([410, "Expired"]);
    const names = first.items.map((item: { metadata: { name: string } }) => item.metadata.name);
    let token: string = expired.body.metadata.continue;
    let version: string | undefined;
    for (let pages = 0; token !== undefined && pages < 10; pages++) {
      const { body } = await cluster.api("GET", `${TEMPLATES}?limit=20&continue=${token}`);
      expect(body.items.length).toBeLessThanOrEqual(20);
      version ??= body.metadata.resourceVersion;
      expect(body.metadata.resourceVersion).toBe(version);
      names.push(...body.items.map((item: { metadata: { name: string } }) => item.metadata.name));
      expect(body.metadata.remainingItemCount ?? 0).toBe(COUNT + 1 - names.length);
      token = body.metadata.continue;
    }
    expect(new Set(names).size).toBe(COUNT + 1);
  },
);

test("what was written is there again after etcd and the daemon were killed", async () => {
  await etcd.stop();
  expect((await cluster.api("POST", TEMPLATES, template("lost"))).status).toBeGreaterThanOrEqual(500);
  await etcd.start();
  await cluster.daemon.kill();
  await cluster.daemon.restart();
  // Its port is another one now.
  const { stdout } = await cluster.daemon.naru(["kubeconfig"]);
  await writeFile(cluster.kubeconfig, stdout);
  expect((await cluster.kubectl(["get", "configmap", "kept", "-o", "jsonpath={.data.a}"])).stdout).toBe("1");
  expect((await cluster.kubectl(["get", "podtemplates", "-o", "name"])).stdout.trim().split("\n").length).toBe(
    COUNT + 1,
  );
});
