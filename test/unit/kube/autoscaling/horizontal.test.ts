import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHorizontalAutoscaler } from "../../../../src/kube/autoscaling/horizontal-controller.ts";
import type { PodReading } from "../../../../src/kube/autoscaling/pod-measures.ts";
import { type MeasuredPod, proposeReplicas } from "../../../../src/kube/autoscaling/replica-calculator.ts";
import { boundReplicas } from "../../../../src/kube/autoscaling/scaling-behavior.ts";
import type { HorizontalPodAutoscalerBehavior } from "../../../../src/model/kubernetes/autoscaling.ts";
import { DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, PODS } from "../../../../src/model/kubernetes/names.ts";
import { createTestCluster, type TestCluster } from "../../../support/test-cluster.ts";

const pods = (...used: (number | undefined | "starting")[]): MeasuredPod[] =>
  used.map((one) => ({ used: one === "starting" ? 0 : one, requested: 100, isStarting: one === "starting" }));
const half = { utilization: 50 };
const tolerance = { up: 0.1, down: 0.1 };

describe("a metric's proposal", () => {
  test.each<[string, number, MeasuredPod[], { utilization: number } | { average: number }, number]>([
    ["twice what is wanted", 2, pods(100, 100), half, 4],
    ["half of what is wanted", 4, pods(25, 25, 25, 25), half, 2],
    ["within a tenth", 3, pods(54, 54, 54), half, 3],
    ["rounded up", 3, pods(70, 70, 70), half, 5],
    ["an average amount", 2, pods(90, 90), { average: 60 }, 3],
    ["missing pods use nothing on the way up", 3, pods(100, 100, undefined), half, 4],
    ["and everything on the way down", 3, pods(10, 10, undefined), half, 3],
    ["pods that start use nothing on the way up", 2, pods(100, "starting"), half, 2],
    ["and do not count on the way down", 2, pods(10, "starting"), half, 1],
  ])("%s", (_name, current, measured, target, expected) => {
    expect(proposeReplicas(current, measured, target, tolerance).replicas).toBe(expected);
  });
  test("nothing is known", () => {
    expect(() => proposeReplicas(1, pods(undefined), half, tolerance)).toThrow("did not receive metrics");
    const askingNothing = [{ used: 5, requested: undefined, isStarting: false }];
    expect(() => proposeReplicas(1, askingNothing, half, tolerance)).toThrow("missing request");
  });
});

describe("how fast", () => {
  const now = 1_000_000;
  const bounds = { min: 1, max: 100 };
  const none = { proposals: [], changes: [] };
  const down = (
    policies: { type: string; value: number; periodSeconds: number }[],
    more = {},
  ): HorizontalPodAutoscalerBehavior => ({
    scaleDown: { stabilizationWindowSeconds: 0, policies, ...more },
  });
  test.each<
    [
      string,
      number,
      number,
      HorizontalPodAutoscalerBehavior | undefined,
      Parameters<typeof boundReplicas>[4],
      number,
      string | undefined,
    ]
  >([
    ["doubled, or four more", 10, 2, undefined, none, 6, "ScaleUpLimit"],
    ["doubled", 30, 10, undefined, none, 20, "ScaleUpLimit"],
    ["the bounds", 200, 90, undefined, none, 100, "TooManyReplicas"],
    [
      "what was added lately counts",
      20,
      8,
      undefined,
      { proposals: [], changes: [{ at: now - 5000, by: 4 }] },
      8,
      "ScaleUpLimit",
    ],
    [
      "what was added before does not",
      20,
      8,
      undefined,
      { proposals: [], changes: [{ at: now - 20_000, by: 4 }] },
      16,
      "ScaleUpLimit",
    ],
    [
      "down waits for five minutes",
      2,
      8,
      undefined,
      { proposals: [{ at: now - 299_000, replicas: 6 }], changes: [] },
      6,
      undefined,
    ],
    ["and goes then", 2, 8, undefined, { proposals: [{ at: now - 301_000, replicas: 6 }], changes: [] }, 2, undefined],
    ["a few at a time", 1, 10, down([{ type: "Pods", value: 2, periodSeconds: 60 }]), none, 8, "ScaleDownLimit"],
    ["a share at a time", 1, 10, down([{ type: "Percent", value: 30, periodSeconds: 60 }]), none, 7, "ScaleDownLimit"],
    [
      "the smaller of both",
      1,
      10,
      down(
        [
          { type: "Pods", value: 2, periodSeconds: 60 },
          { type: "Percent", value: 50, periodSeconds: 60 },
        ],
        { selectPolicy: "Min" },
      ),
      none,
      8,
      "ScaleDownLimit",
    ],
    ["never", 1, 10, down([], { selectPolicy: "Disabled" }), none, 10, "ScaleDownLimit"],
  ])("%s", (_name, wanted, current, behavior, history, expected, reason) => {
    const found = boundReplicas(wanted, current, bounds, behavior, history, now);
    expect([found.replicas, found.limit?.reason]).toEqual([expected, reason]);
  });
});

describe("the controller", () => {
  let cluster: TestCluster;
  let stop: AbortController;
  let ended: Promise<void>;
  let cores = 0;
  beforeEach(async () => {
    cluster = await createTestCluster();
    stop = new AbortController();
    const reading = async (): Promise<PodReading> => ({
      cores: new Map([["c", cores]]),
      bytes: new Map([["c", 1]]),
      at: Date.now(),
      windowMs: 1000,
    });
    const options = { client: cluster.client, now: Date.now, log: () => {}, reading, periodMs: 5 };
    ended = createHorizontalAutoscaler(options).run(stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await ended;
    expect(cluster.errors).toEqual([]);
    await cluster[Symbol.asyncDispose]();
  });

  test("scales a deployment by its pods' processor time, and tells why", async () => {
    const labels = { app: "web" };
    const template = {
      metadata: { labels },
      spec: { containers: [{ name: "c", resources: { requests: { cpu: "100m" } } }] },
    };
    await cluster.client.resource(DEPLOYMENTS).create("default", {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    });
    for (const name of ["a", "b"]) {
      await cluster.client
        .resource(PODS)
        .create("default", { apiVersion: "v1", kind: "Pod", metadata: { name, labels }, spec: template.spec });
      const startTime = "2020-01-01T00:00:00Z";
      const status = {
        phase: "Running",
        startTime,
        conditions: [{ type: "Ready", status: "True", lastTransitionTime: startTime }],
      };
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, status };
      await cluster.client
        .resource(PODS)
        .patch("default", name, "merge", { status: pod.status }, { subresource: "status" });
    }
    cores = 0.2;
    const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "web" };
    const metrics = [
      { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } },
    ];
    await cluster.client.resource(HORIZONTAL_POD_AUTOSCALERS).create("default", {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web" },
      spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 5, metrics },
    });
    const deadline = Date.now() + 10_000;
    const replicas = () => cluster.client.informer(DEPLOYMENTS).get("default", "web")?.spec?.replicas;
    const status = () => cluster.client.informer(HORIZONTAL_POD_AUTOSCALERS).get("default", "web")?.status;
    const condition = (type: string) => status()?.conditions?.find((one) => one.type === type);
    while (replicas() !== 5 || condition("ScalingLimited")?.reason !== "TooManyReplicas") {
      if (Date.now() > deadline) throw new Error(`not scaled: ${replicas()} ${JSON.stringify(status())}`);
      await Bun.sleep(5);
    }
    expect(status()?.currentMetrics).toEqual([
      { type: "Resource", resource: { name: "cpu", current: { averageUtilization: 200, averageValue: "200m" } } },
    ]);
    expect(condition("ScalingActive")).toMatchObject({ status: "True", reason: "ValidMetricFound" });
  });

  test("a target that is not there is told", async () => {
    await cluster.client.resource(HORIZONTAL_POD_AUTOSCALERS).create("default", {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "lost" },
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "nobody" }, maxReplicas: 2 },
    });
    const deadline = Date.now() + 10_000;
    const reason = () =>
      cluster.client
        .informer(HORIZONTAL_POD_AUTOSCALERS)
        .get("default", "lost")
        ?.status?.conditions?.find(({ type }) => type === "AbleToScale")?.reason;
    while (reason() !== "FailedGetScale") {
      if (Date.now() > deadline) throw new Error("not told");
      await Bun.sleep(5);
    }
  });
});
