/** Watches and lists in pages, through the API. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { startCluster, type TestClusterDaemon, type WatchedEvent } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";

let cluster: TestClusterDaemon;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const MAPS = "/api/v1/namespaces/default/configmaps";
const MERGE = "application/merge-patch+json";
const map = (name: string, label: string, data: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, labels: { watched: label } },
  data,
});

const ask: TestClusterDaemon["ask"] = (...asked) => cluster.ask(...asked);
const change = (name: string, data: Record<string, string>) => ask("PATCH", `${MAPS}/${name}`, { data }, MERGE);
const relabel = (name: string, watched: string) =>
  ask("PATCH", `${MAPS}/${name}`, { metadata: { labels: { watched } } }, MERGE);
const told = (events: readonly WatchedEvent[]) =>
  events.map(({ type, object }) => `${type} ${object.metadata.name} ${object.data?.n ?? "-"}`);

/** Watches from now on until so many events have come. */
async function watchNow(selector: string, count: number, act: () => Promise<unknown>): Promise<WatchedEvent[]> {
  const { metadata } = await ask("GET", MAPS);
  const path = `${MAPS}?watch=1&labelSelector=${encodeURIComponent(selector)}&resourceVersion=${metadata.resourceVersion}`;
  return await cluster.watch(path, (events) => events.length >= count, act);
}

test(
  conformance(
    "[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps [Conformance]",
  ),
  async () => {
    let acted: Promise<unknown> | undefined;
    // Whoever begins last acts; all have their version from before.
    let waiting = 3;
    const begun = Promise.withResolvers<void>();
    const act = async () => {
      if (--waiting === 0) begun.resolve();
      await begun.promise;
      acted ??= (async () => {
        await ask("POST", MAPS, map("multi-a", "a"));
        await change("multi-a", { n: "1" });
        await change("multi-a", { n: "2" });
        await ask("DELETE", `${MAPS}/multi-a`);
        await ask("POST", MAPS, map("multi-b", "b"));
        await ask("DELETE", `${MAPS}/multi-b`);
      })();
      await acted;
    };
    const [a, b, both] = await Promise.all([
      watchNow("watched=a", 4, act),
      watchNow("watched=b", 2, act),
      watchNow("watched in (a,b)", 6, act),
    ]);
    const ofA = ["ADDED multi-a -", "MODIFIED multi-a 1", "MODIFIED multi-a 2", "DELETED multi-a 2"];
    const ofB = ["ADDED multi-b -", "DELETED multi-b -"];
    expect([told(a), told(b), told(both)]).toEqual([ofA, ofB, [...ofA, ...ofB]]);
  },
);

test(
  conformance(
    "[sig-api-machinery] Watchers should be able to start watching from a specific resource version [Conformance]",
  ),
  async () => {
    await ask("POST", MAPS, map("past", "past"));
    const first = await change("past", { n: "1" });
    await change("past", { n: "2" });
    await ask("DELETE", `${MAPS}/past`);
    const path = `${MAPS}?watch=1&labelSelector=watched%3Dpast&resourceVersion=${first.metadata.resourceVersion}`;
    const events = await cluster.watch(path, (seen) => seen.length >= 2);
    expect(told(events)).toEqual(["MODIFIED past 2", "DELETED past 2"]);
  },
);

test(
  conformance(
    "[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch [Conformance]",
  ),
  async () => {
    const before = await watchNow("watched=again", 2, async () => {
      await ask("POST", MAPS, map("again", "again"));
      await change("again", { n: "1" });
    });
    await change("again", { n: "2" });
    const last = before.at(-1)!.object.metadata.resourceVersion;
    const path = `${MAPS}?watch=1&labelSelector=watched%3Dagain&resourceVersion=${last}`;
    const after = await cluster.watch(
      path,
      (seen) => seen.length >= 2,
      () => ask("DELETE", `${MAPS}/again`),
    );
    expect(told([...before, ...after])).toEqual([
      "ADDED again -",
      "MODIFIED again 1",
      "MODIFIED again 2",
      "DELETED again 2",
    ]);
  },
);

test(
  conformance(
    "[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector [Conformance]",
  ),
  async () => {
    const events = await watchNow("watched=here", 5, async () => {
      await ask("POST", MAPS, map("moving", "here"));
      await change("moving", { n: "1" });
      await relabel("moving", "elsewhere");
      await change("moving", { n: "2" });
      await relabel("moving", "here");
      await change("moving", { n: "3" });
    });
    expect(told(events)).toEqual([
      "ADDED moving -",
      "MODIFIED moving 1",
      "DELETED moving 1",
      "ADDED moving 2",
      "MODIFIED moving 3",
    ]);
    expect(told(await watchNow("watched=here", 1, () => ask("DELETE", `${MAPS}/moving`)))).toEqual([
      "DELETED moving 3",
    ]);
  },
);

test(
  conformance("[sig-api-machinery] Watchers should receive events on concurrent watches in same order [Conformance]"),
  async () => {
    const COUNT = 20;
    const all = await watchNow("watched=order", COUNT, async () => {
      const names = Array.from({ length: COUNT / 4 }, (_, at) => `order-${at}`);
      await Promise.all(
        names.map(async (name) => {
          await ask("POST", MAPS, map(name, "order"));
          await change(name, { n: "1" });
          await change(name, { n: "2" });
          await ask("DELETE", `${MAPS}/${name}`);
        }),
      );
    });
    const versions = all.map(({ object }) => object.metadata.resourceVersion);
    const later = versions.slice(0, -1).map(async (version, at) => {
      const path = `${MAPS}?watch=1&labelSelector=watched%3Dorder&resourceVersion=${version}`;
      const events = await cluster.watch(path, (seen) => seen.length >= COUNT - 1 - at);
      expect(events.map(({ object }) => object.metadata.resourceVersion)).toEqual(versions.slice(at + 1));
    });
    await Promise.all(later);
  },
);

const TEMPLATES = "/api/v1/namespaces/default/podtemplates";
const COUNT = 400;

test(
  conformance(
    "[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls [Conformance]",
  ),
  async () => {
    const left = Array.from({ length: COUNT }, (_, at) => at);
    const make = async () => {
      for (let at = left.pop(); at !== undefined; at = left.pop()) {
        const template = { metadata: {}, spec: { containers: [{ name: "c", image: "i" }] } };
        await ask("POST", TEMPLATES, {
          apiVersion: "v1",
          kind: "PodTemplate",
          metadata: { name: `t-${at}` },
          template,
        });
      }
    };
    await Promise.all(Array.from({ length: 8 }, make));
    const names: string[] = [];
    let token = "";
    let version: string | undefined;
    do {
      const list = await ask("GET", `${TEMPLATES}?limit=150&continue=${encodeURIComponent(token)}`);
      expect(list.items.length).toBeLessThanOrEqual(150);
      version ??= list.metadata.resourceVersion;
      expect(list.metadata.resourceVersion).toBe(version);
      names.push(...list.items.map((item: { metadata: { name: string } }) => item.metadata.name));
      expect(list.metadata.remainingItemCount ?? 0).toBe(COUNT - names.length);
      token = list.metadata.continue ?? "";
    } while (token !== "");
    expect(new Set(names).size).toBe(COUNT);
    const whole = await ask("GET", TEMPLATES);
    expect([whole.items.length, whole.metadata.continue]).toEqual([COUNT, undefined]);
  },
);

test("a version of the future, of another time or of no sense is told apart", async () => {
  const watched = await cluster.api("GET", `${MAPS}?watch=1&resourceVersion=1`);
  expect([watched.status, watched.body.reason]).toEqual([410, "Expired"]);
  expect((await cluster.api("GET", `${MAPS}?resourceVersion=x`)).status).toBe(400);
  expect((await cluster.api("GET", `${MAPS}?labelSelector=a%3D%3D%3Db`)).status).toBe(400);
  expect((await cluster.api("GET", `${MAPS}?fieldSelector=spec.none%3D1`)).body.message).toContain(
    "field label not supported: spec.none",
  );
});

test("a list may be streamed by a watch: the state, a marked bookmark, then changes", async () => {
  await ask("POST", MAPS, map("streamed", "stream"));
  const path = `${MAPS}?watch=1&labelSelector=watched%3Dstream&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`;
  let changed: Promise<unknown> | undefined;
  const events = await cluster.watch(path, (seen) => {
    if (seen.some(({ type }) => type === "BOOKMARK")) changed ??= change("streamed", { n: "1" });
    return seen.length >= 3;
  });
  await changed;
  const mark = events.find(({ type }) => type === "BOOKMARK");
  expect(mark?.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
  expect(events.map(({ type }) => type)).toEqual(["ADDED", "BOOKMARK", "MODIFIED"]);
});
