/** How many replicas a load asks for. Pure. */
import type { Autoscale } from "./autoscale.ts";

/** The load of one replica since the last look. What is not measured is undefined. */
export interface ReplicaLoad {
  /** Share of its CPU limit, or of one CPU. */
  cpu?: number;
  memoryBytes?: number;
  memoryLimitBytes?: number;
  requestsPerSecond?: number;
}

/** What was thought right at a time. */
export interface Recommendation {
  atMs: number;
  replicas: number;
}

interface ScalingDecision {
  replicas: number;
  /** For people: "cpu 92% of one CPU, wanted 70%". */
  reason: string;
  /** To be handed in at the next look. */
  recommendations: Recommendation[];
}

/** Within this share of the target nothing is done: loads always swing a little. */
const TOLERANCE = 0.1;
/** At one look replicas grow to at most twice as many, or by this. */
const LEAST_GROWTH = 4;

/**
 * Kubernetes' rule: replicas × load / target, the highest over all targets; up at once, down only to the most that was wanted
 * during `downAfterMs`.
 * @param loads of the replicas that run; those that were just started have none yet and count as on target
 */
export function decideReplicas(
  autoscale: Autoscale,
  present: number,
  loads: readonly ReplicaLoad[],
  earlier: readonly Recommendation[],
  nowMs: number,
): ScalingDecision {
  const clamp = (count: number) => Math.min(autoscale.max, Math.max(autoscale.min, count));
  const wishes = wishesOf(autoscale, present, loads);
  const strongest = wishes.toSorted((a, b) => b.replicas - a.replicas)[0];
  const wanted = clamp(strongest?.replicas ?? present);
  const kept = earlier.filter(({ atMs }) => nowMs - atMs < autoscale.downAfterMs);
  const recommendations = [...kept, { atMs: nowMs, replicas: wanted }];
  // Before a whole window has passed nobody knows yet what is enough.
  const isWindowFull = earlier.some(({ atMs }) => nowMs - atMs >= autoscale.downAfterMs - autoscale.intervalMs);
  const most = Math.max(...recommendations.map(({ replicas }) => replicas));
  const lowered = isWindowFull ? Math.min(present, most) : present;
  const raised = Math.min(wanted, Math.max(present * 2, present + LEAST_GROWTH));
  const replicas = clamp(wanted > present ? raised : lowered);
  return { replicas, reason: strongest?.reason ?? "nothing measured yet", recommendations };
}

interface Wish {
  replicas: number;
  reason: string;
}

function wishesOf({ target }: Autoscale, present: number, loads: readonly ReplicaLoad[]): Wish[] {
  const wishes: Wish[] = [];
  const add = (values: (number | undefined)[], aim: number | undefined, words: (value: number) => string) => {
    const measured = values.filter((value) => value !== undefined);
    if (aim === undefined || measured.length === 0) return;
    const mean = measured.reduce((sum, value) => sum + value, 0) / measured.length;
    const ratio = mean / aim;
    const isNear = Math.abs(ratio - 1) <= TOLERANCE;
    const total = measured.reduce((sum, value) => sum + value, 0) + (present - measured.length) * aim;
    // Rounding errors must not cost a replica.
    const replicas = isNear ? present : Math.ceil(total / aim - 1e-9);
    wishes.push({ replicas, reason: `${words(mean)} a replica, wanted ${words(aim)}` });
  };
  add(
    loads.map(({ cpu }) => cpu),
    target.cpu,
    (value) => `cpu ${percent(value)}`,
  );
  add(
    loads.map(({ memoryBytes }) => memoryBytes),
    target.memoryBytes,
    (value) => `memory ${Math.round(value / 1e6)}MB`,
  );
  const shares = loads.map(({ memoryBytes, memoryLimitBytes }) =>
    memoryBytes === undefined || !memoryLimitBytes ? undefined : memoryBytes / memoryLimitBytes,
  );
  add(shares, target.memoryShare, (value) => `memory ${percent(value)}`);
  const rates = loads.map(({ requestsPerSecond }) => requestsPerSecond);
  add(rates, target.requests, (value) => `${value >= 10 ? Math.round(value) : Math.round(value * 10) / 10} requests/s`);
  return wishes;
}

const percent = (share: number) => `${Math.round(share * 100)}%`;
