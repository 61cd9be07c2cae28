import { describe, expect, test } from "bun:test";
import { surplusHistory } from "../../../../src/kube/controllers/deployments/revisions.ts";
import { proportionalSizes, stepNewSet, stepOldSets } from "../../../../src/kube/controllers/deployments/rolling.ts";
import { rolloutStatus } from "../../../../src/kube/controllers/deployments/rollout-status.ts";
import { intOrPercent, resolveFenceposts } from "../../../../src/kube/controllers/int-or-percent.ts";
import { removalOrder } from "../../../../src/kube/controllers/replica-sets/removal-order.ts";
import { contentHash } from "../../../../src/kube/controllers/template-hash.ts";
import type { Deployment, ReplicaSet } from "../../../../src/model/kubernetes/apps.ts";
import type { Pod } from "../../../../src/model/kubernetes/core.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";

const now = Date.parse("2026-11-21T15:00:00Z");
const secondsAgo = (seconds: number) => new Date(now - seconds * 1000).toISOString();

function deployment(
  replicas: number,
  surge: number | string,
  unavailable: number | string,
  more = {},
): Stored<Deployment> {
  const rollingUpdate = { maxSurge: surge, maxUnavailable: unavailable };
  return {
    metadata: { name: "web", generation: 1 },
    spec: { replicas, strategy: { type: "RollingUpdate", rollingUpdate }, ...more },
  } as unknown as Stored<Deployment>;
}
let age = 0;
/** A set of that size, of which so many are available; each younger than the one before. */
function set(name: string, replicas: number, available = replicas, annotations = {}): Stored<ReplicaSet> {
  const creationTimestamp = new Date(++age * 1000).toISOString();
  return {
    metadata: { name, uid: name, creationTimestamp, annotations },
    spec: { replicas },
    status: { replicas, availableReplicas: available, readyReplicas: available },
  } as unknown as Stored<ReplicaSet>;
}
const sizes = (steps: { set: Stored<ReplicaSet>; replicas: number }[]) =>
  Object.fromEntries(steps.map((step) => [step.set.metadata.name, step.replicas]));

test.each([
  [3, 10, "up", 3],
  ["25%", 10, "up", 3],
  ["25%", 10, "down", 2],
  ["100%", 7, "down", 7],
  [undefined, 7, "down", 0],
] as const)("%p of %p rounded %s", (value, total, round, expected) => {
  expect(intOrPercent(value, total, round)).toBe(expected);
});
test("a roll-out with neither surge nor unavailable pods may lose one", () => {
  expect(resolveFenceposts("0%", 0, 3)).toEqual({ surge: 0, unavailable: 1 });
  expect(resolveFenceposts("25%", "25%", 1)).toEqual({ surge: 1, unavailable: 0 });
});

describe("the new set grows", () => {
  test.each([
    ["up to the surge", deployment(10, 2, 0), set("old", 10), set("new", 0), 2],
    ["not beyond the size", deployment(3, 5, 0), set("old", 0), set("new", 1), 3],
    ["not while there is no room", deployment(10, 2, 0), set("old", 8), set("new", 4), undefined],
    ["or shrinks at once", deployment(3, 1, 0), set("old", 0), set("new", 5), 3],
  ])("%s", (_, wanted, old, fresh, expected) => {
    expect(stepNewSet(wanted, [old, fresh], fresh)?.replicas).toBe(expected as number);
  });
});

describe("the old sets shrink", () => {
  test.each([
    ["by what may be unavailable", deployment(10, 0, 2), [set("old", 10)], set("new", 0), { old: 8 }],
    ["by what the new one has available", deployment(10, 2, 0), [set("old", 10)], set("new", 2, 2), { old: 8 }],
    ["not while the new one is not available", deployment(10, 2, 0), [set("old", 10)], set("new", 2, 0), {}],
    [
      "ill ones first, the oldest first",
      deployment(10, 2, 2),
      [set("a", 4, 1), set("b", 6)],
      set("new", 2, 2),
      { a: 0, b: 6 },
    ],
    ["all when the new one is complete", deployment(3, 1, 0), [set("a", 1), set("b", 0)], set("new", 3, 3), { a: 0 }],
  ])("%s", (_, wanted, old, fresh, expected) => {
    const left = sizes(stepOldSets(wanted, old, fresh));
    for (const [name, size] of Object.entries(expected)) {
      expect(left[name] ?? old.find((each) => each.metadata.name === name)?.spec?.replicas).toBe(size);
    }
    if (Object.keys(expected).length === 0) expect(left).toEqual({});
  });
});

describe("a new size in the middle of a roll-out", () => {
  const before = { "deployment.kubernetes.io/max-replicas": "13" };
  test.each([
    ["grows all sets by their shares", 30, { old: 20, fresh: 13 }],
    ["shrinks all sets by their shares", 4, { old: 4, fresh: 3 }],
    ["takes all away", 0, { old: 0, fresh: 0 }],
  ])("%s", (_, replicas, expected) => {
    const sets = [set("old", 8, 8, before), set("fresh", 5, 0, before)];
    expect(sizes(proportionalSizes(deployment(replicas, 3, 2), sets))).toEqual(expected);
  });
});

test("the history loses its lowest revisions, but none that still has pods", () => {
  const old = [3, 1, 2, 4].map((revision) =>
    set(`r${revision}`, revision === 1 ? 1 : 0, 0, { "deployment.kubernetes.io/revision": String(revision) }),
  );
  expect(surplusHistory(old, 2).map((each) => each.metadata.name)).toEqual(["r2"]);
  expect(surplusHistory(old, undefined)).toEqual([]);
});

describe("progress", () => {
  const progressing = (reason: string, seconds: number) => ({
    type: "Progressing",
    status: "True",
    reason,
    lastUpdateTime: secondsAgo(seconds),
  });
  const wanted = (condition: object, more = {}): Stored<Deployment> => ({
    ...deployment(2, 1, 0, { progressDeadlineSeconds: 60 }),
    status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, conditions: [condition], ...more } as never,
  });
  test.each([
    ["it is new", wanted(progressing("NewReplicaSetCreated", 5)), set("web-1", 1, 0), "NewReplicaSetCreated", "True"],
    [
      "a pod became available",
      wanted(progressing("ReplicaSetUpdated", 5)),
      set("web-1", 1, 1),
      "ReplicaSetUpdated",
      "True",
    ],
    [
      "nothing moves",
      wanted(progressing("ReplicaSetUpdated", 61)),
      set("web-1", 1, 0),
      "ProgressDeadlineExceeded",
      "False",
    ],
    [
      "it is complete",
      wanted(progressing("ReplicaSetUpdated", 5)),
      set("web-1", 2, 2),
      "NewReplicaSetAvailable",
      "True",
    ],
    [
      "a complete one is ill",
      wanted(progressing("NewReplicaSetAvailable", 999)),
      set("web-1", 2, 1),
      "NewReplicaSetAvailable",
      "True",
    ],
  ])("when %s", (_, given, fresh, reason, status) => {
    const condition = rolloutStatus(given, [fresh], fresh, now).conditions?.find((each) => each.type === "Progressing");
    expect(condition).toMatchObject({ reason, status });
  });
});

function pod(
  name: string,
  more: { node?: string; phase?: string; readyFor?: number; age?: number; cost?: string; restarts?: number },
) {
  const ready = more.readyFor !== undefined;
  return {
    metadata: {
      name,
      uid: name,
      creationTimestamp: secondsAgo(more.age ?? 100),
      annotations: more.cost === undefined ? {} : { "controller.kubernetes.io/pod-deletion-cost": more.cost },
    },
    spec: { nodeName: more.node ?? "n1" },
    status: {
      phase: more.phase ?? "Running",
      conditions: [
        { type: "Ready", status: ready ? "True" : "False", lastTransitionTime: secondsAgo(more.readyFor ?? 0) },
      ],
      containerStatuses: [{ restartCount: more.restarts ?? 0 }],
    },
  } as unknown as Stored<Pod>;
}
test.each([
  ["one without node", pod("first", { node: "" }), pod("b", { phase: "Pending" })],
  ["a pending one", pod("first", { phase: "Pending" }), pod("b", {})],
  ["one that is not ready", pod("first", {}), pod("b", { readyFor: 1 })],
  ["a cheap one", pod("first", { readyFor: 50, cost: "-5" }), pod("b", { readyFor: 1 })],
  ["one on a crowded node", pod("first", { readyFor: 50, node: "crowded" }), pod("b", { readyFor: 1 })],
  ["one that was ready for less long", pod("first", { readyFor: 3 }), pod("b", { readyFor: 99 })],
  ["one that was restarted often", pod("first", { readyFor: 50, restarts: 3 }), pod("b", { readyFor: 50 })],
  ["a young one", pod("first", { readyFor: 1, age: 3 }), pod("b", { readyFor: 1, age: 99 })],
])("of two pods %s goes first", (_, first, other) => {
  const related = (node: string) => (node === "crowded" ? 3 : 1);
  expect(removalOrder([other, first], related, now)[0]?.metadata.name).toBe("first");
  expect(removalOrder([first, other], related, now)[0]?.metadata.name).toBe("first");
});

test("a template's hash: short, of a small alphabet, the same for the same content, another after a collision", () => {
  const hash = contentHash({ b: [1, { d: 2, c: 3 }], a: "x" });
  expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{4,10}$/);
  expect(contentHash({ a: "x", b: [1, { c: 3, d: 2 }] })).toBe(hash);
  expect(contentHash({ a: "x", b: [1, { c: 3, d: 2 }] }, 1)).not.toBe(hash);
});
