/** What the machinery does by itself: history is compacted, events end, a state that lost its history is read again. */

import { expect, test } from "bun:test";
import { createCompaction } from "../../../src/kube/machinery/compaction.ts";
import { createExpiry } from "../../../src/kube/machinery/expiry.ts";
import { CompactedError, type WatchBatch } from "../../../src/kube/store/contract.ts";
import type { ConfigMap } from "../../../src/model/kubernetes/core.ts";
import { CONFIG_MAPS, CORE_EVENTS } from "../../../src/model/kubernetes/names.ts";
import { MemoryKubeStore } from "../../support/memory-kube-store.ts";
import { PATIENCE } from "../../support/patience.ts";
import { plainKinds } from "../../support/plain-kinds.ts";
import { createTestCluster } from "../../support/test-cluster.ts";

const PATIENCE_MS = 30_000 * PATIENCE;
const map = (name: string): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !(await condition()); await Bun.sleep(2)) {
    if (Date.now() > end) throw new Error("it did not come about");
  }
}

test("history is compacted up to the revision of one round before", async () => {
  await using cluster = await createTestCluster();
  const stop = new AbortController();
  const part = createCompaction(cluster.core.state, 10).run(stop.signal);
  const maps = cluster.client.resource(CONFIG_MAPS);
  const first = await maps.create("default", map("a"));
  await maps.patch("default", "a", "merge", { data: { x: "1" } });
  const revision = Number(first.metadata.resourceVersion);
  await until(() =>
    cluster.store.range("/", { revision }).then(
      () => false,
      (error) => error instanceof CompactedError,
    ),
  );
  stop.abort();
  await part;
});

test("events end after their lifetime, counted from their last write", async () => {
  let now = Date.now();
  const events = { type: CORE_EVENTS, singular: "event", lifetimeSeconds: 1 };
  await using cluster = await createTestCluster({ definitions: plainKinds(events), now: () => now });
  const client = cluster.client.resource(CORE_EVENTS);
  const event = (name: string) => ({ apiVersion: "v1", kind: "Event", metadata: { name }, involvedObject: {} });
  await client.create("default", event("old"));
  await client.create("default", event("kept"));
  const stop = new AbortController();
  const part = createExpiry(cluster.core).run(stop.signal);
  now += 900;
  await client.patch("default", "kept", "merge", { reason: "Again" });
  now += 200;
  const informer = cluster.client.informer(CORE_EVENTS);
  await until(() => informer.list().length === 1);
  expect(informer.list()[0]!.metadata.name).toBe("kept");
  stop.abort();
  await part;
});

/** A store whose watch ends once, as after a long time without etcd. */
class ForgetfulStore extends MemoryKubeStore {
  cut = new AbortController();
  private forgot = false;

  override async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    if (this.forgot) return yield* super.watch(prefix, after, signal);
    yield* super.watch(prefix, after, AbortSignal.any([signal, this.cut.signal]));
    this.forgot = true;
    if (signal.aborted) return;
    const missed = (name: string) => `/registry/core/configmaps/default/${name}`;
    await this.commit([
      { key: missed("gone") },
      {
        key: missed("new"),
        value: JSON.stringify({ kind: "ConfigMap", apiVersion: "v1", metadata: { namespace: "default", name: "new" } }),
      },
    ]);
    throw new CompactedError(after + 1);
  }
}

test("a state whose history is gone is read again, and the difference is told", async () => {
  const store = new ForgetfulStore();
  await using cluster = await createTestCluster({ store });
  const maps = cluster.client.resource(CONFIG_MAPS);
  await maps.create("default", map("gone"));
  await maps.create("default", map("kept"));
  const log: string[] = [];
  cluster.client.informer(CONFIG_MAPS).subscribe({
    added: (object) => log.push(`+${object.metadata.name}`),
    deleted: (object) => log.push(`-${object.metadata.name}`),
  });
  store.cut.abort();
  await until(() => log.length === 4);
  expect(log).toEqual(["+gone", "+kept", "+new", "-gone"]);
  await maps.create("default", map("after"));
  expect(
    cluster.client
      .informer(CONFIG_MAPS)
      .list("default")
      .map((one) => one.metadata.name),
  ).toEqual(["after", "kept", "new"]);
  expect(cluster.errors).toEqual([]);
});
