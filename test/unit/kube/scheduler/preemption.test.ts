import { expect, test } from "bun:test";
import type { ClusterView } from "../../../../src/kube/scheduler/cluster-view.ts";
import { NODE_FILTERS } from "../../../../src/kube/scheduler/node-filters.ts";
import { placePod } from "../../../../src/kube/scheduler/place-pod.ts";
import { POD_FILTERS } from "../../../../src/kube/scheduler/pod-filters.ts";
import { findSacrifice } from "../../../../src/kube/scheduler/preemption.ts";
import type { PodDisruptionBudget } from "../../../../src/model/kubernetes/policy.ts";
import { asking, cluster, node, pod, seen } from "./fixtures.ts";

const FILTERS = [...NODE_FILTERS, ...POD_FILTERS];

function sacrificed(one: ReturnType<typeof pod>, view: ClusterView, budgets: PodDisruptionBudget[] = []) {
  const placement = placePod(seen(one), view, FILTERS);
  if (placement.node !== undefined) throw new Error(`it fits on ${placement.node.name}`);
  const { sacrifice, message } = findSacrifice(seen(one), view, FILTERS, placement.refusals, budgets);
  if (sacrifice === undefined) return message;
  return `${sacrifice.node.name}: ${sacrifice.victims.map(({ pod: victim }) => victim.metadata.name).join(",")}`;
}
const cpu = (name: string, amount: string, priority: number, labels = {}) =>
  pod(name, asking({ cpu: amount }, { priority }), { labels });

test("the fewest and least important go", () => {
  const view = cluster(
    [node("a"), node("b")],
    [
      [cpu("a-low", "2", 1), "a"],
      [cpu("a-high", "2", 50), "a"],
      [cpu("b-mid", "4", 10), "b"],
    ],
  );
  expect(sacrificed(cpu("p", "2", 100), view)).toBe("a: a-low");
  expect(sacrificed(cpu("p", "4", 100), view)).toBe("b: b-mid");
  expect(sacrificed(cpu("p", "4", 5), view)).toBe(
    "preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
  );
  expect(sacrificed(cpu("p", "9", 100), view)).toBe(
    "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
  );
});

test("budgets are spared where that is possible", () => {
  const view = cluster(
    [node("a"), node("b")],
    [
      [cpu("guarded", "4", 1, { app: "db" }), "a"],
      [cpu("free", "4", 2), "b"],
    ],
  );
  const budget: PodDisruptionBudget = {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "db", namespace: "default" },
    spec: { selector: { matchLabels: { app: "db" } } },
    status: { currentHealthy: 1, desiredHealthy: 1, expectedPods: 1, disruptionsAllowed: 0 },
  };
  expect(sacrificed(cpu("p", "4", 100), view, [budget])).toBe("b: free");
  expect(sacrificed(cpu("p", "4", 100), view, [])).toBe("a: guarded");
});

test("preemptionPolicy Never, and reasons that no victim ends", () => {
  const view = cluster([node("a", { labels: { disk: "hdd" } })], [[cpu("q", "4", 1), "a"]]);
  expect(sacrificed(pod("p", asking({ cpu: "4" }, { priority: 9, preemptionPolicy: "Never" })), view)).toBe(
    "preemption: not eligible due to preemptionPolicy=Never.",
  );
  expect(sacrificed(pod("p", { priority: 9, nodeSelector: { disk: "ssd" } }), view)).toContain("not helpful");
});
