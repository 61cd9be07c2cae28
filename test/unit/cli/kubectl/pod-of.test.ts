import { expect, test } from "bun:test";
import { fittest, type PodLike } from "../../../../src/cli/kubectl/pod-of.ts";

interface Facts {
  readonly phase?: string;
  readonly readySince?: string;
  readonly created?: string;
  readonly restarts?: number;
  readonly nodeName?: string;
}

function pod(name: string, { phase = "Running", readySince, created = "10", restarts = 0, nodeName = "n" }: Facts) {
  const at = (second: string) => `2026-01-01T00:00:${second}Z`;
  const conditions =
    readySince === undefined ? [] : [{ type: "Ready", status: "True", lastTransitionTime: at(readySince) }];
  return {
    metadata: { name, creationTimestamp: at(created) },
    spec: { nodeName, containers: [] },
    status: { phase, conditions, containerStatuses: [{ name: "c", ready: true, restartCount: restarts }] },
  } satisfies PodLike;
}

test.each<[string, Facts, Facts]>([
  ["what is on a node", { nodeName: "" }, {}],
  ["what runs", { phase: "Pending" }, {}],
  ["what is ready", {}, { readySince: "30" }],
  ["what has been ready for longer", { readySince: "30" }, { readySince: "20", created: "15" }],
  ["what was restarted less", { readySince: "30", restarts: 2 }, { readySince: "30" }],
  ["what is older", { readySince: "30", created: "11" }, { readySince: "30", created: "10" }],
])("%s comes first", (_what, other, better) => {
  expect(fittest([pod("other", other), pod("better", better)], false)?.metadata.name).toBe("better");
  expect(fittest([pod("better", better), pod("other", other)], false)?.metadata.name).toBe("better");
});

test("of pods that are alike the first; for a log what was restarted more", () => {
  expect(fittest([pod("a", {}), pod("b", {})], false)?.metadata.name).toBe("a");
  expect(fittest([pod("a", {}), pod("b", { restarts: 1 })], true)?.metadata.name).toBe("b");
  expect(fittest([], true)).toBeUndefined();
});
