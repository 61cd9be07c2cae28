import { expect, test } from "bun:test";
import { EventLimits } from "../../../src/kube/machinery/event-limits.ts";
import { createEventRecorder } from "../../../src/kube/machinery/event-recorder.ts";
import { CONFIG_MAPS, CORE_EVENTS } from "../../../src/model/kubernetes/names.ts";
import { until } from "../../support/controlled-cluster.ts";
import { createTestCluster } from "../../support/test-cluster.ts";

async function world() {
  const cluster = await createTestCluster();
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "web" } };
  const object = await cluster.client.resource(CONFIG_MAPS).create("default", map);
  const events = createEventRecorder(cluster.client, "tester", "n1");
  const tell = (message: string) => events.record({ type: CONFIG_MAPS, object }, "Warning", "Failed", message);
  return { cluster, object, tell };
}

test("the same event is counted, not repeated", async () => {
  const { cluster, object, tell } = await world();
  await using _ = cluster;
  for (let i = 0; i < 3; i++) tell("it failed");
  const event = await until(cluster.client, CORE_EVENTS, ([each]) => (each?.count === 3 ? each : undefined));
  expect(event).toMatchObject({
    involvedObject: {
      apiVersion: "v1",
      kind: "ConfigMap",
      namespace: "default",
      name: "web",
      uid: object.metadata.uid,
    },
    type: "Warning",
    reason: "Failed",
    message: "it failed",
    source: { component: "tester", host: "n1" },
  });
  expect(event.metadata.name).toStartWith("web.");
});

test("many events that differ in their words alone become one", async () => {
  const { cluster, tell } = await world();
  await using _ = cluster;
  for (let i = 0; i < 14; i++) tell(`pod ${i} failed`);
  const combined = await until(cluster.client, CORE_EVENTS, (events) =>
    events.find((event) => event.message === "(combined from similar events): pod 13 failed"),
  );
  expect(combined.count).toBe(4);
  expect(cluster.client.informer(CORE_EVENTS).list().length).toBe(11);
});

test("an object may tell 25 events at once, then one in five minutes", () => {
  const limits = new EventLimits();
  const allowed = (now: number) => Array.from({ length: 30 }, () => limits.allows("a", now)).filter(Boolean).length;
  expect(allowed(1000)).toBe(25);
  expect(allowed(301_000)).toBe(1);
  expect(allowed(302_000)).toBe(0);
  expect(limits.allows("b", 302_000)).toBe(true);
});
