/** Preemption: which pods of lower priority would have to go so that a pod finds its place (KEP-268, kube-scheduler). */

import type { PodDisruptionBudget } from "../../model/kubernetes/policy.ts";
import { labelSelectorMatcher } from "../machinery/selectors.ts";
import type { ClusterView, NodeView, PodView } from "./cluster-view.ts";
import type { Filter } from "./filter.ts";
import { judgeOf, sumOfReasons, type Verdict } from "./place-pod.ts";

interface Sacrifice {
  readonly node: NodeView;
  readonly victims: readonly PodView[];
  /** How many of them a disruption budget would have protected. */
  readonly violations: number;
}
interface PreemptionResult {
  readonly sacrifice: Sacrifice | undefined;
  /** "preemption: 0/1 nodes are available: …" for the pod's condition, when nothing was found. */
  readonly message: string;
}

const startOf = ({ pod }: PodView) => Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp);
/** The more important first: higher priority, then longer running. */
const byImportance = (one: PodView, other: PodView) => other.priority - one.priority || startOf(one) - startOf(other);

/** Pods whose budget has no disruption left count as violations; each pod that goes uses the budget up. */
function splitByBudgets(pods: readonly PodView[], budgets: readonly PodDisruptionBudget[]) {
  const left = budgets.map((budget) => ({
    namespace: budget.metadata.namespace ?? "",
    matches: labelSelectorMatcher(budget.spec?.selector),
    allowed: budget.status?.disruptionsAllowed ?? 0,
    disrupted: budget.status?.disruptedPods ?? {},
  }));
  const guarded: PodView[] = [];
  const free: PodView[] = [];
  for (const pod of pods) {
    let isViolation = false;
    for (const budget of left) {
      if (budget.namespace !== pod.namespace || !budget.matches(pod.labels)) continue;
      if (pod.pod.metadata.name in budget.disrupted) continue;
      budget.allowed--;
      if (budget.allowed < 0) isViolation = true;
    }
    (isViolation ? guarded : free).push(pod);
  }
  return { guarded, free };
}

/** The fewest pods of this node that would have to go; undefined when even all of lower priority are not enough. */
function sacrificeOn(
  node: NodeView,
  pod: PodView,
  cluster: ClusterView,
  filters: readonly Filter[],
  budgets: readonly PodDisruptionBudget[],
): Sacrifice | undefined {
  const trial = node.copy();
  const lower = [...node.pods.values()].filter((other) => other.priority < pod.priority);
  if (lower.length === 0) return undefined;
  for (const other of lower) trial.remove(other.pod.metadata.uid);
  const fits = () => judgeOf(filters, pod, cluster.with(trial))(trial) === undefined;
  if (!fits()) return undefined;
  const { guarded, free } = splitByBudgets([...lower].sort(byImportance), budgets);
  const victims: PodView[] = [];
  let violations = 0;
  const spare = (other: PodView, isGuarded: boolean) => {
    trial.add(other);
    if (fits()) return;
    trial.remove(other.pod.metadata.uid);
    victims.push(other);
    if (isGuarded) violations++;
  };
  for (const other of guarded) spare(other, true);
  for (const other of free) spare(other, false);
  return { node, victims: victims.sort(byImportance), violations };
}

/** Whose loss hurts least: fewest broken budgets, least important victims, fewest of them, the youngest. */
function hurtsLess(one: Sacrifice, other: Sacrifice): number {
  const highest = ({ victims }: Sacrifice) => victims[0]?.priority ?? Number.NEGATIVE_INFINITY;
  const sum = ({ victims }: Sacrifice) => victims.reduce((total, victim) => total + victim.priority + 2 ** 31, 0);
  const earliest = ({ victims }: Sacrifice) =>
    Math.min(...victims.filter((victim) => victim.priority === victims[0]!.priority).map(startOf));
  return (
    one.violations - other.violations ||
    highest(one) - highest(other) ||
    sum(one) - sum(other) ||
    one.victims.length - other.victims.length ||
    earliest(other) - earliest(one)
  );
}

/** At most so many nodes are tried in a large cluster: a tenth, at least 100. */
const enoughCandidates = (count: number) => Math.max(100, Math.floor(count / 10));

export function findSacrifice(
  pod: PodView,
  cluster: ClusterView,
  filters: readonly Filter[],
  refusals: ReadonlyMap<string, Verdict>,
  budgets: readonly PodDisruptionBudget[],
): PreemptionResult {
  const { nodes } = cluster;
  const failed = (reasons: string[]): PreemptionResult => ({
    sacrifice: undefined,
    message: `preemption: 0/${nodes.length} nodes are available: ${sumOfReasons(reasons)}`,
  });
  if (pod.pod.spec?.preemptionPolicy === "Never")
    return { sacrifice: undefined, message: "preemption: not eligible due to preemptionPolicy=Never." };
  const hopeful = nodes.filter((node) => refusals.get(node.name)?.mayEnd === true);
  const hopeless = nodes.length - hopeful.length;
  const found: Sacrifice[] = [];
  const reasons: string[] = Array(hopeless).fill("Preemption is not helpful for scheduling");
  for (const node of hopeful) {
    if (found.length >= enoughCandidates(nodes.length)) break;
    const sacrifice = sacrificeOn(node, pod, cluster, filters, budgets);
    if (sacrifice === undefined) reasons.push("No preemption victims found for incoming pod");
    else found.push(sacrifice);
  }
  if (found.length === 0) return failed(reasons);
  return { sacrifice: found.sort(hurtsLess)[0], message: "" };
}
