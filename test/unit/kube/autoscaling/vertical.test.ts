import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { PodReading } from "../../../../src/kube/autoscaling/pod-measures.ts";
import type { VerticalPodAutoscalerCheckpoint } from "../../../../src/kube/autoscaling/vertical/checkpoint-kind.ts";
import { ContainerHistory } from "../../../../src/kube/autoscaling/vertical/container-history.ts";
import { UsageHistogram } from "../../../../src/kube/autoscaling/vertical/usage-histogram.ts";
import { createVerticalAutoscaler } from "../../../../src/kube/autoscaling/vertical/vertical-autoscaler.ts";
import {
  adjusted,
  isOutside,
  policyOf,
  recommend,
} from "../../../../src/kube/autoscaling/vertical/vertical-recommendation.ts";
import type { VerticalPodAutoscaler } from "../../../../src/kube/autoscaling/vertical/vertical-types.ts";
import type { ResourceDefinition } from "../../../../src/kube/machinery/definition.ts";
import { BUILTIN_DEFINITIONS } from "../../../../src/kube/resources/builtin.ts";
import { createSchemaSet } from "../../../../src/kube/schema/schema-set.ts";
import type { Pod } from "../../../../src/model/kubernetes/core.ts";
import { DEPLOYMENTS, PODS, REPLICA_SETS } from "../../../../src/model/kubernetes/names.ts";
import type { ResourceType } from "../../../../src/model/kubernetes/object.ts";
import { createTestCluster, type TestCluster } from "../../../support/test-cluster.ts";

const DAY = 24 * 3600 * 1000;
const MIB = 1024 ** 2;

describe("histogram", () => {
  test("percentiles are the ends of buckets that grow by a twentieth", () => {
    const histogram = new UsageHistogram(10, DAY);
    for (let amount = 1; amount <= 100; amount++) histogram.add(amount, 1, 0);
    for (const [share, near] of [
      [0.5, 50],
      [0.9, 90],
      [1, 100],
    ] as const) {
      const found = histogram.percentile(share);
      expect(found >= near - 10 && found <= near * 1.1 + 10).toBe(true);
    }
  });
  test("what is kept says the same, as nearly as ten thousandths", () => {
    const histogram = new UsageHistogram(10, DAY);
    for (let amount = 1; amount <= 300; amount++) histogram.add(amount, amount % 7, amount * 3600_000);
    const kept = histogram.save();
    expect(Math.max(...Object.values(kept.bucketWeights!))).toBe(10_000);
    const again = new UsageHistogram(10, DAY);
    again.add(5000, 1, 0);
    again.restore(JSON.parse(JSON.stringify(kept)));
    for (const share of [0.1, 0.5, 0.9, 0.95]) expect(again.percentile(share)).toBe(histogram.percentile(share));
    again.add(20, 1, 310 * 3600_000);
    const broken = new UsageHistogram(10, DAY);
    for (const wrong of [{}, { ...kept, totalWeight: 0 }, { ...kept, referenceTimestamp: "never" }])
      broken.restore(wrong);
    expect(broken.isEmpty).toBe(true);
  });
  test("old samples fade, and can be taken back", () => {
    const histogram = new UsageHistogram(10, DAY);
    for (let index = 0; index < 10; index++) histogram.add(1000, 1, 0);
    for (let index = 0; index < 10; index++) histogram.add(50, 1, 10 * DAY);
    expect(histogram.percentile(0.9)).toBeLessThan(70);
    histogram.add(50, -10, 10 * DAY);
    expect(histogram.percentile(0.9)).toBeGreaterThan(900);
    histogram.add(20, 1, 200 * DAY);
    expect(histogram.percentile(0.9)).toBeLessThan(30);
  });
});

describe("recommendations", () => {
  function used(milliCpu: number, bytes: number, days = 8): ContainerHistory {
    const history = new ContainerHistory();
    for (let hour = 0; hour <= days * 24; hour++) history.add(milliCpu, bytes, 100, hour * 3600_000);
    return history;
  }
  const number = (text: string | undefined) => Number(text?.replace("m", ""));
  test("a little more than what was used, with bounds around", () => {
    const found = recommend("c", used(200, 100 * MIB), {})!;
    expect(number(found.target.cpu)).toBeGreaterThan(200);
    expect(number(found.target.cpu)).toBeLessThan(270);
    expect(number(found.target.memory)).toBeGreaterThan(100 * MIB);
    expect(
      number(found.lowerBound.cpu) <= number(found.target.cpu) &&
        number(found.target.cpu) <= number(found.upperBound.cpu),
    ).toBe(true);
  });
  test("with little history the upper bound is far away", () => {
    const young = recommend("c", used(200, MIB, 0.01), {})!;
    expect(number(young.upperBound.cpu)).toBeGreaterThan(10 * number(young.target.cpu));
  });
  test("policies: bounds, resources, none", () => {
    const policies = [
      { containerName: "small", maxAllowed: { cpu: "100m" }, minAllowed: { memory: "1Gi" } },
      { containerName: "off", mode: "Off" as const },
      { containerName: "*", controlledResources: ["cpu"] },
    ];
    const history = used(200, 100 * MIB);
    const small = recommend("small", history, policyOf(policies, "small"))!;
    expect(small.target).toEqual({ cpu: "100m", memory: String(1024 * MIB) });
    expect(number(small.uncappedTarget.cpu)).toBeGreaterThan(200);
    expect(recommend("off", history, policyOf(policies, "off"))).toBeUndefined();
    expect(Object.keys(recommend("other", history, policyOf(policies, "other"))!.target)).toEqual(["cpu"]);
    expect(recommend("x", new ContainerHistory(), {})).toBeUndefined();
  });
  test("outside of the bounds; limits keep their ratio", () => {
    const found = {
      containerName: "c",
      target: { cpu: "200m" },
      lowerBound: { cpu: "100m" },
      upperBound: { cpu: "300m" },
      uncappedTarget: {},
    };
    expect(
      [{ cpu: "50m" }, { cpu: "150m" }, { cpu: "400m" }, {}].map((requests) =>
        isOutside(requests as Record<string, string>, found),
      ),
    ).toEqual([true, false, true, true]);
    expect(adjusted({ requests: { cpu: "100m" }, limits: { cpu: "200m" } }, { cpu: "300m" }, {})).toEqual({
      requests: { cpu: "300m" },
      limits: { cpu: "600m" },
    });
    expect(
      adjusted(
        { requests: { cpu: "100m" }, limits: { cpu: "200m" } },
        { cpu: "300m" },
        { controlledValues: "RequestsOnly" },
      ).limits,
    ).toEqual({ cpu: "200m" });
    expect(adjusted(undefined, { cpu: "300m" }, {})).toEqual({ requests: { cpu: "300m" } });
  });
});

describe("the autoscaler", () => {
  const type: ResourceType<VerticalPodAutoscaler> = {
    group: "autoscaling.k8s.io",
    version: "v1",
    resource: "verticalpodautoscalers",
    kind: "VerticalPodAutoscaler",
    namespaced: true,
  };
  const definition = {
    type,
    singular: "verticalpodautoscaler",
    partialUpdates: { status: { prepare() {} } },
  } as unknown as ResourceDefinition;
  const checkpointType: ResourceType<VerticalPodAutoscalerCheckpoint> = {
    group: type.group,
    version: type.version,
    resource: "verticalpodautoscalercheckpoints",
    kind: "VerticalPodAutoscalerCheckpoint",
    namespaced: true,
  };
  const checkpointDefinition = {
    type: checkpointType,
    singular: "verticalpodautoscalercheckpoint",
  } as unknown as ResourceDefinition;
  let cores: number;
  let cluster: TestCluster;
  let stop: AbortController;
  let ended: Promise<void>;
  const logged: string[] = [];
  const labels = { app: "web" };
  const spec = {
    containers: [
      { name: "c", image: "x", resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "20m" } } },
    ],
  };

  beforeEach(async () => {
    logged.length = 0;
    cores = 0.5;
    cluster = await createTestCluster({
      definitions: [...BUILTIN_DEFINITIONS, definition, checkpointDefinition],
      schemas: createSchemaSet(),
    });
    stop = new AbortController();
    const autoscaler = begin();
    cluster.core.admission.push(autoscaler.admission);
    ended = autoscaler.run(stop.signal);
    await cluster.client.resource(DEPLOYMENTS).create("default", {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    });
  });
  afterEach(async () => {
    stop.abort();
    await ended;
    expect([cluster.errors, logged]).toEqual([[], []]);
    await cluster[Symbol.asyncDispose]();
  });

  function begin() {
    const reading = async (): Promise<PodReading> => ({
      cores: new Map([["c", cores]]),
      bytes: new Map([["c", 200 * MIB]]),
      at: Date.now(),
      windowMs: 1000,
    });
    const log = (line: string) => logged.push(line);
    return createVerticalAutoscaler({ client: cluster.client, now: Date.now, log, reading, periodMs: 5 });
  }

  async function runningPod(name: string): Promise<void> {
    const pods = cluster.client.resource(PODS);
    await pods.create("default", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels },
      spec: structuredClone(spec),
    } as Pod);
    await pods.patch("default", name, "merge", { status: { phase: "Running" } }, { subresource: "status" });
  }
  async function autoscale(updateMode: string): Promise<void> {
    const targetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "web" };
    const object = {
      apiVersion: "autoscaling.k8s.io/v1",
      kind: type.kind,
      metadata: { name: "web" },
      spec: { targetRef, updatePolicy: { updateMode } },
    };
    await cluster.client.resource(type).create("default", object as VerticalPodAutoscaler);
  }
  async function until(look: () => boolean | undefined): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (look() !== true) {
      if (Date.now() > deadline)
        throw new Error(
          `waited in vain: ${JSON.stringify(cluster.client.informer(type).get("default", "web"))} ${logged}`,
        );
      await Bun.sleep(5);
    }
  }
  const recommended = () =>
    cluster.client.informer(type).get("default", "web")?.status?.recommendation?.containerRecommendations?.[0];
  const request = (name: string) =>
    cluster.client.informer(PODS).get("default", name)?.spec?.containers[0]?.resources?.requests?.cpu;

  test("Off only recommends; new pods begin as they were written", async () => {
    await runningPod("a");
    await autoscale("Off");
    await until(() => recommended() !== undefined);
    expect(Number(recommended()!.target.cpu!.replace("m", ""))).toBeGreaterThan(500);
    expect(request("a")).toBe("10m");
  });

  test("Auto resizes running pods in place, and new ones begin with what is recommended", async () => {
    await runningPod("a");
    await autoscale("Auto");
    await until(() => recommended() !== undefined && request("a") === recommended()!.target.cpu);
    const owner = { apiVersion: "apps/v1", controller: true };
    const set = await cluster.client.resource(REPLICA_SETS).create("default", {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: "web-1", ownerReferences: [{ ...owner, kind: "Deployment", name: "web", uid: "u" }] },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    });
    const ownerReferences = [{ ...owner, kind: "ReplicaSet", name: "web-1", uid: set.metadata.uid }];
    const fresh = await cluster.client.resource(PODS).create("default", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "new", labels, ownerReferences },
      spec: structuredClone(spec),
    } as Pod);
    expect(fresh.spec!.containers[0]!.resources!.requests!.cpu).toBe(recommended()!.target.cpu!);
  });

  test("what was seen is kept, and counts after a restart", async () => {
    await runningPod("a");
    await autoscale("Off");
    const kept = () => cluster.client.informer(checkpointType).get("default", "web-c");
    await until(() => (kept()?.status?.totalSamplesCount ?? 0) >= 20);
    const { metadata } = cluster.client.informer(type).get("default", "web")!;
    expect(kept()).toMatchObject({
      metadata: { ownerReferences: [{ kind: "VerticalPodAutoscaler", name: "web", uid: metadata.uid }] },
      spec: { vpaObjectName: "web", containerName: "c" },
      status: { version: "v3" },
    });
    const before = recommended()!.target.cpu;
    stop.abort();
    await ended;
    const samples = kept()!.status!.totalSamplesCount!;
    // A daemon that knew nothing of the past would recommend next to nothing.
    cores = 0.001;
    stop = new AbortController();
    ended = begin().run(stop.signal);
    await until(() => (kept()?.status?.totalSamplesCount ?? 0) > samples);
    expect(recommended()!.target.cpu).toBe(before!);
  });
});
