/** The store in etcd, with Debian's etcd, under the stores' contract; and what happens when etcd goes away for a while. */

import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { openEtcdStore } from "../../src/kube/store/etcd-store.ts";
import { CONFIG_MAPS } from "../../src/model/kubernetes/names.ts";
import { freePort } from "../support/free-port.ts";
import { describeKubeStore } from "../support/kube-store-contract.ts";
import { createTestCluster } from "../support/test-cluster.ts";

const ETCD = join(import.meta.dir, "../../.cache/clients/usr/bin/etcd");
const PATIENCE_MS = 20_000 * Number(process.env.NARU_TEST_PATIENCE ?? 1);
const root = await mkdtemp(join(tmpdir(), "naru-etcd-"));
const running = new Set<Subprocess>();
afterAll(async () => {
  for (const child of running) child.kill("SIGKILL");
  await Promise.all([...running].map((child) => child.exited));
  await rm(root, { recursive: true, force: true });
});

interface Etcd {
  readonly address: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

async function etcd(name: string): Promise<Etcd> {
  const [client, peer] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  let child: Subprocess | undefined;
  return {
    address: `etcd://127.0.0.1:${client}`,
    async start() {
      child = Bun.spawn(
        [
          ...[ETCD, "--name", "n", "--data-dir", join(root, name), "--log-level", "error", "--unsafe-no-fsync"],
          ...["--listen-client-urls", url, "--advertise-client-urls", url],
          ...[
            "--listen-peer-urls",
            peerUrl,
            "--initial-advertise-peer-urls",
            peerUrl,
            "--initial-cluster",
            `n=${peerUrl}`,
          ],
        ],
        { stdout: "ignore", stderr: "ignore" },
      );
      running.add(child);
      const deadline = Date.now() + PATIENCE_MS;
      while (
        !(await fetch(`${url}/health`)
          .then((answer) => answer.ok)
          .catch(() => false))
      ) {
        if (Date.now() > deadline) throw new Error("etcd did not start");
        await Bun.sleep(20);
      }
    },
    async stop() {
      child?.kill("SIGKILL");
      await child?.exited;
      if (child) running.delete(child);
    },
  };
}

const shared = await etcd("shared");
await shared.start();

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
  const own = await etcd("own");
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
    expect(openEtcdStore(address)).rejects.toThrow("write etcd://host:port");
  }
});
