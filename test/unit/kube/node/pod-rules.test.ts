/** Rules of pods that need nothing but their spec: order of starts, phases, restarts, resources, names. */

import { describe, expect, test } from "bun:test";
import { type ContainerRun, newRun } from "../../../../src/kube/node/container-run.ts";
import { fieldValue, resourceValue } from "../../../../src/kube/node/downward-values.ts";
import { pressureOf } from "../../../../src/kube/node/node-pressure.ts";
import { podContainers, restartsAfter } from "../../../../src/kube/node/pod-containers.ts";
import { podNames, printResolvConf, resolvSettings } from "../../../../src/kube/node/pod-network-files.ts";
import { refusalOf } from "../../../../src/kube/node/pod-refusal.ts";
import { type ContainerView, type PodView, podPhase, podStatus } from "../../../../src/kube/node/pod-status.ts";
import { ProbeCounter } from "../../../../src/kube/node/probes/probe-counter.ts";
import { containerLimits, oomScore, qosClass } from "../../../../src/kube/node/resource-settings.ts";
import { BackOff } from "../../../../src/kube/node/restart-back-off.ts";
import { type Startable, startInOrder } from "../../../../src/kube/node/start-order.ts";
import { expandVariables } from "../../../../src/kube/node/variable-expansion.ts";
import type { Pod, PodSpec, ResourceRequirements } from "../../../../src/model/kubernetes/core.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";

const ended = (exitCode: number): ContainerRun => ({
  ...newRun(0, "i"),
  containerId: "c",
  phase: "ended",
  exitCode,
  finishedAt: 1000,
});
const old = (exitCode: number): ContainerRun => ({ ...ended(exitCode), fromEarlierSandbox: true });
const running: ContainerRun = { ...newRun(0, "i"), containerId: "c", phase: "running", startedAt: 1000 };

function podOf(spec: Partial<PodSpec>, more: object = {}): Stored<Pod> {
  const metadata = { name: "web", namespace: "shop", uid: "u-1", resourceVersion: "1", creationTimestamp: "", ...more };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "main", image: "i" }], ...spec } };
}

describe("order of starts", () => {
  const spec: PodSpec = {
    initContainers: [{ name: "init1" }, { name: "side", restartPolicy: "Always" }, { name: "init2" }],
    containers: [{ name: "a" }, { name: "b" }],
    ephemeralContainers: [{ name: "debug" }],
    restartPolicy: "OnFailure",
  };
  const begins = (runs: Record<string, ContainerRun | undefined>, started: string[] = []) => {
    const begun: string[] = [];
    const slots = podContainers(spec).map((container): Startable => {
      const { name } = container.spec;
      const run = runs[name];
      return {
        container,
        run,
        isRunning: run?.phase === "running",
        isBusy: false,
        started: started.includes(name),
        waiting: { reason: "ContainerCreating" },
        begin: () => void begun.push(name),
      };
    });
    startInOrder(slots, spec, 0);
    return begun;
  };
  test.each([
    ["nothing runs yet", {}, [], ["debug", "init1"]],
    ["an init container runs", { init1: running, debug: running }, [], []],
    ["an init container failed", { init1: ended(1), debug: running }, [], ["init1"]],
    ["the first is done", { init1: ended(0), debug: running }, [], ["side"]],
    ["a sidecar has not started", { init1: ended(0), side: running, debug: running }, [], []],
    ["a sidecar has started", { init1: ended(0), side: running, debug: running }, ["side"], ["init2"]],
    ["a sidecar died before the last init", { init1: ended(0), side: ended(1), debug: running }, [], ["side"]],
    ["all are done", { init1: ended(0), side: running, init2: ended(0), debug: running }, ["side"], ["a", "b"]],
    ["the machine was started anew", { init1: old(0), side: old(1), a: old(137), debug: ended(0) }, [], ["init1"]],
    ["one failed, one is done", { a: ended(1), b: ended(0), side: running, debug: ended(0) }, ["side"], ["a"]],
    [
      "init containers are gone, the pod lives",
      { a: running, b: running, side: running, debug: running },
      ["side"],
      [],
    ],
  ] as const)("%s", (_, runs, started, expected) => {
    expect(begins(runs as Record<string, ContainerRun>, [...started])).toEqual([...expected]);
  });
});

describe("phase", () => {
  const view = (
    spec: Partial<PodSpec>,
    runs: Record<string, ContainerRun | undefined>,
    more: Partial<PodView> = {},
  ) => {
    const pod = podOf(spec);
    const containers = podContainers(pod.spec!).map(
      (container): ContainerView => ({
        container,
        run: runs[container.spec.name],
        previous: undefined,
        waiting: { reason: "" },
        started: runs[container.spec.name]?.phase === "running",
        ready: runs[container.spec.name]?.phase === "running",
        resources: undefined,
      }),
    );
    const base = { pod, containers, podIps: ["10.0.0.2"], hostIp: "10.0.0.1", hasSandbox: true, failure: undefined };
    return { ...base, resizeError: undefined, isFinal: false, startedAt: 0, now: 0, ...more } satisfies PodView;
  };
  const two = { containers: [{ name: "a" }, { name: "b" }] };
  const withSide = {
    initContainers: [{ name: "s", restartPolicy: "Always" }],
    containers: [{ name: "a" }],
    restartPolicy: "Never",
  };
  test.each([
    ["nothing has run", view({ restartPolicy: "Always" }, {}), "Pending"],
    ["running", view({}, { main: running }), "Running"],
    ["ended, to be started again", view({}, { main: ended(1) }), "Running"],
    ["never again, well", view({ restartPolicy: "Never" }, { main: ended(0) }), "Succeeded"],
    ["never again, badly", view({ restartPolicy: "Never" }, { main: ended(1) }), "Failed"],
    ["on failure, well", view({ restartPolicy: "OnFailure" }, { main: ended(0) }), "Succeeded"],
    ["one of two runs", view({ ...two, restartPolicy: "Never" }, { a: running, b: ended(0) }), "Running"],
    ["one of two waits", view({ ...two, restartPolicy: "Never" }, { a: running }), "Pending"],
    ["a sidecar still runs", view(withSide, { s: running, a: ended(0) }), "Running"],
    ["the sidecar has ended too", view(withSide, { s: ended(137), a: ended(0) }), "Succeeded"],
    ["deleted, ended well", view({}, { main: ended(0) }, { isFinal: true }), "Succeeded"],
    ["deleted, killed", view({}, { main: ended(137) }, { isFinal: true }), "Failed"],
    ["over its time", view({}, { main: running }, { failure: { reason: "DeadlineExceeded", message: "" } }), "Failed"],
  ])("%s", (_, given, expected) => expect(podPhase(given)).toBe(expected));

  test("conditions: readiness gates and the time of a change", () => {
    const given = view({ readinessGates: [{ conditionType: "example.com/lamp" }] }, { main: running });
    const ready = (status: ReturnType<typeof podStatus>) => status.conditions?.find(({ type }) => type === "Ready");
    const first = podStatus(given);
    expect(ready(first)).toMatchObject({ status: "False", reason: "ReadinessGatesNotReady" });
    const lamp = { type: "example.com/lamp", status: "True" };
    const pod = { ...given.pod, status: { ...first, conditions: [...(first.conditions ?? []), lamp] } };
    const second = podStatus({ ...given, pod, now: 60_000 });
    expect(ready(second)).toMatchObject({ status: "True", lastTransitionTime: "1970-01-01T00:01:00Z" });
    expect(second.conditions?.find(({ type }) => type === "ContainersReady")?.lastTransitionTime).toBe(
      "1970-01-01T00:00:00Z",
    );
    expect(second.conditions).toContainEqual(lamp);
  });
});

test.each([
  ["Always", "app", 0, true],
  ["Always", "init", 0, false],
  ["Never", "init", 1, false],
  ["OnFailure", "app", 0, false],
  ["Never", "sidecar", 0, true],
  ["Always", "ephemeral", 1, false],
] as const)("policy %s, %s ended with %d: again %p", (restartPolicy, kind, code, again) => {
  expect(restartsAfter({ containers: [], restartPolicy }, kind, code)).toBe(again);
});

test("waits between restarts: none, 10 s, 20 s, up to 5 min; forgotten after 10 min", () => {
  const backOff = new BackOff();
  const waits: number[] = [];
  let now = 1_000_000;
  for (let index = 0; index < 8; index++) {
    const wait = backOff.waitMs(now, now);
    waits.push(wait / 1000);
    now += wait;
    backOff.attempt(now);
  }
  expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  expect(backOff.waitMs(now + 601_000, now + 601_000)).toBe(0);
});

test("a probe's thresholds", () => {
  const counter = new ProbeCounter({ successThreshold: 2, failureThreshold: 2 });
  expect([true, true, false, true, false, false].map((one) => counter.note(one))).toEqual([
    undefined,
    true,
    undefined,
    undefined,
    undefined,
    false,
  ]);
});

describe("resources", () => {
  const spec = (resources?: ResourceRequirements): PodSpec => ({
    containers: [{ name: "a", ...(resources ? { resources } : {}) }],
  });
  test.each([
    ["BestEffort", undefined],
    ["Burstable", { requests: { cpu: "100m" } }],
    ["Burstable", { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "1", memory: "2Gi" } }],
    ["Guaranteed", { limits: { cpu: "1", memory: "1Gi" } }],
    ["Guaranteed", { requests: { cpu: "1000m", memory: "1024Mi" }, limits: { cpu: "1", memory: "1Gi" } }],
  ] as const)("%s %p", (expected, resources) => expect(qosClass(spec(resources))).toBe(expected));

  test.each([
    [undefined, { CpuShares: 2 }],
    [{ requests: { cpu: "500m" } }, { CpuShares: 512 }],
    [{ limits: { cpu: "1500m" } }, { CpuShares: 1536, CpuPeriod: 100_000, CpuQuota: 150_000 }],
    [{ limits: { cpu: "1m" } }, { CpuShares: 2, CpuPeriod: 100_000, CpuQuota: 1000 }],
    [{ limits: { memory: "64Mi" } }, { CpuShares: 2, Memory: 67_108_864, MemorySwap: 67_108_864 }],
  ] as const)("%p", (resources, expected) => expect(containerLimits(resources)).toEqual(expected));

  test("who is killed first", () => {
    const memory = 8 * 1024 ** 3;
    const score = (resources?: ResourceRequirements) =>
      oomScore(podOf(spec(resources)), spec(resources).containers[0]!, memory);
    expect(score()).toBe(1000);
    expect(score({ requests: { memory: "4Gi" } })).toBe(500);
    expect(score({ limits: { cpu: "1", memory: "1Gi" } })).toBe(-997);
  });

  test("as told to the pod", () => {
    const container = {
      name: "a",
      resources: { limits: { cpu: "1500m", memory: "100Mi" }, requests: { memory: "50Mi" } },
    };
    const told = (resource: string, divisor?: string) =>
      resourceValue(container, { resource, ...(divisor ? { divisor } : {}) });
    expect(told("limits.cpu")).toBe("2");
    expect(told("limits.cpu", "1m")).toBe("1500");
    expect(told("requests.memory", "1Mi")).toBe("50");
    expect(told("requests.cpu")).toBe("0");
    expect(told("limits.colour")).toBeUndefined();
  });
});

test.each([
  ["$(A) $(B)", "x $(B)"],
  ["$$(A)", "$(A)"],
  ["$A $(", "$A $("],
  ["$(A)$(A)", "xx"],
  ["$$$(A)", "$x"],
])("%s becomes %s", (text, expected) => expect(expandVariables(text, new Map([["A", "x"]]))).toBe(expected));

test("fields of a pod", () => {
  const pod = podOf({ nodeName: "n1", serviceAccountName: "sa" }, { labels: { b: "2", a: 'q"' } });
  const see = (path: string) => fieldValue(pod, path, { podIps: ["10.0.0.2", "fd00::2"], hostIps: ["10.0.0.1"] });
  expect(see("metadata.labels")).toBe('a="q\\""\nb="2"');
  expect(see("metadata.labels['b']")).toBe("2");
  expect(see("metadata.annotations['none']")).toBe("");
  expect(see("status.podIPs")).toBe("10.0.0.2,fd00::2");
  expect(see("spec.nodeName")).toBe("n1");
  expect(see("spec.priority")).toBeUndefined();
});

describe("names", () => {
  const host = { nameservers: ["192.0.2.1"], searches: ["corp.example"], options: ["timeout:1"] };
  const cluster = { server: "10.96.0.10", domain: "cluster.local" };
  test.each([
    [
      { dnsPolicy: "ClusterFirst" },
      "search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n",
    ],
    [
      { dnsPolicy: "ClusterFirst", hostNetwork: true },
      "search corp.example\nnameserver 192.0.2.1\noptions timeout:1\n",
    ],
    [
      {
        dnsPolicy: "None",
        dnsConfig: {
          nameservers: ["1.1.1.1"],
          searches: ["x"],
          options: [{ name: "ndots", value: "2" }, { name: "edns0" }],
        },
      },
      "search x\nnameserver 1.1.1.1\noptions ndots:2 edns0\n",
    ],
    [
      { dnsConfig: { options: [{ name: "ndots", value: "2" }] } },
      "search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:2\n",
    ],
  ])("%p", (spec, expected) => expect(printResolvConf(resolvSettings(podOf(spec), host, cluster))).toBe(expected));

  test("host names", () => {
    expect(podNames(podOf({}), "cluster.local")).toEqual({ hostname: "web", fullName: undefined });
    expect(podNames(podOf({ hostname: "h", subdomain: "s" }), "cluster.local")).toEqual({
      hostname: "h",
      fullName: "h.s.shop.svc.cluster.local",
    });
    expect(podNames(podOf({ subdomain: "s", setHostnameAsFQDN: true }), "cluster.local").hostname).toBe(
      "web.s.shop.svc.cluster.local",
    );
  });
});

test.each([
  ["plenty", {}, [false, false, false]],
  ["little memory", { memoryAvailable: 50e6 }, [true, false, false]],
  ["a full disk", { diskAvailable: 1e9 }, [false, true, false]],
  [
    "a tenth of a small disk is little, but not a fifth",
    { diskBytes: 20e9, diskAvailable: 4e9 },
    [false, false, false],
  ],
  ["a twentieth of a large disk is plenty", { diskBytes: 2e12, diskAvailable: 1e11 }, [false, false, false]],
  ["many threads", { threads: 99 }, [false, false, true]],
] as const)("pressure: %s", (_, figures, [memory, disk, processes]) => {
  const calm = { memoryAvailable: 1e9, diskBytes: 1e11, diskAvailable: 5e10, threads: 10, maxThreads: 100 };
  expect(pressureOf({ ...calm, ...figures })).toEqual({ memory, disk, processes });
});

test.each([
  [{}, undefined],
  [{ os: { name: "windows" } }, "PodOSNotSupported"],
  [{ securityContext: { sysctls: [{ name: "net.ipv4.tcp_syncookies", value: "1" }] } }, undefined],
  [
    { hostNetwork: true, securityContext: { sysctls: [{ name: "net/ipv4/tcp_syncookies", value: "1" }] } },
    "SysctlForbidden",
  ],
  [{ securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] } }, "SysctlForbidden"],
  [{ hostUsers: false }, "UnexpectedAdmissionError"],
  [{ containers: [{ name: "a", volumeDevices: [{ name: "v", devicePath: "/dev/x" }] }] }, "UnexpectedAdmissionError"],
  [{ containers: [{ name: "a", restartPolicy: "Never" }] }, "UnexpectedAdmissionError"],
  [{ initContainers: [{ name: "s", restartPolicy: "Always" }] }, undefined],
] as const)("taken or refused: %p", (spec, reason) => {
  expect(refusalOf(podOf(spec as Partial<PodSpec>).spec!)?.reason).toBe(reason!);
});
