import { expect, test } from "bun:test";
import { POD_COLUMNS } from "../../../../src/kube/resources/columns/pod-columns.ts";
import type { ContainerState, ContainerStatus, Pod } from "../../../../src/model/kubernetes/core.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";

const NOW = Date.parse("2026-01-01T01:00:00Z");

function container(name: string, state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name, image: "x", imageID: "", ready: false, restartCount: 0, state, ...more };
}
const RUNNING: ContainerState = { running: { startedAt: "2026-01-01T00:00:00Z" } };
const ended = (exitCode: number, more: object = {}): ContainerState => ({ terminated: { exitCode, ...more } });
const waiting = (reason: string): ContainerState => ({ waiting: { reason } });

interface Case {
  status: Pod["status"];
  spec?: Partial<NonNullable<Pod["spec"]>>;
  deleted?: boolean;
}

function shown({ status, spec, deleted }: Case): unknown[] {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "p",
      uid: "u",
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...(deleted ? { deletionTimestamp: "2026-01-01T00:30:00Z" } : {}),
    },
    spec: { containers: [{ name: "a" }], ...spec },
    status,
  } as Stored<Pod>;
  return POD_COLUMNS.filter(({ priority }) => priority === 0).map((column) => column.cell(pod, NOW));
}

const up = container("a", RUNNING, { ready: true });

test.each<[string, Case, string[]]>([
  ["no status", { status: { phase: "Pending" } }, ["p", "0/1", "Pending", "0", "60m"]],
  ["runs", { status: { phase: "Running", containerStatuses: [up] } }, ["p", "1/1", "Running", "0", "60m"]],
  [
    "being made",
    { status: { phase: "Pending", containerStatuses: [container("a", waiting("ContainerCreating"))] } },
    ["p", "0/1", "ContainerCreating", "0", "60m"],
  ],
  [
    "crashes",
    {
      status: {
        phase: "Running",
        containerStatuses: [
          container("a", waiting("CrashLoopBackOff"), {
            restartCount: 3,
            lastState: ended(1, { finishedAt: "2026-01-01T00:55:00Z" }),
          }),
        ],
      },
    },
    ["p", "0/1", "CrashLoopBackOff", "3 (5m ago)", "60m"],
  ],
  [
    "ended well",
    { status: { phase: "Succeeded", containerStatuses: [container("a", ended(0, { reason: "Completed" }))] } },
    ["p", "0/1", "Completed", "0", "60m"],
  ],
  [
    "killed",
    { status: { phase: "Failed", containerStatuses: [container("a", ended(137, { signal: 9 }))] } },
    ["p", "0/1", "Signal:9", "0", "60m"],
  ],
  [
    "failed",
    { status: { phase: "Failed", containerStatuses: [container("a", ended(3))] } },
    ["p", "0/1", "ExitCode:3", "0", "60m"],
  ],
  [
    "ends",
    { status: { phase: "Running", containerStatuses: [up] }, deleted: true },
    ["p", "1/1", "Terminating", "0", "60m"],
  ],
  ["lost", { status: { phase: "Running", reason: "NodeLost" }, deleted: true }, ["p", "0/1", "Unknown", "0", "60m"]],
  ["evicted", { status: { phase: "Failed", reason: "Evicted" } }, ["p", "0/1", "Evicted", "0", "60m"]],
  [
    "its first init container works",
    {
      status: {
        phase: "Pending",
        initContainerStatuses: [container("i", RUNNING), container("j", waiting("PodInitializing"))],
      },
      spec: { initContainers: [{ name: "i" }, { name: "j" }] },
    },
    ["p", "0/1", "Init:0/2", "0", "60m"],
  ],
  [
    "an init container fails",
    {
      status: {
        phase: "Pending",
        initContainerStatuses: [container("i", ended(1, { reason: "Error" }), { restartCount: 2 })],
      },
      spec: { initContainers: [{ name: "i" }] },
    },
    ["p", "0/1", "Init:Error", "2", "60m"],
  ],
  [
    "a sidecar counts",
    {
      status: {
        phase: "Running",
        initContainerStatuses: [container("s", RUNNING, { ready: true, started: true })],
        containerStatuses: [up],
      },
      spec: { initContainers: [{ name: "s", restartPolicy: "Always" }] },
    },
    ["p", "2/2", "Running", "0", "60m"],
  ],
  [
    "gated",
    {
      status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] },
    },
    ["p", "0/1", "SchedulingGated", "0", "60m"],
  ],
])("a pod that %s", (_what, pod, cells) => {
  expect(shown(pod)).toEqual(cells);
});
