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
  const shareOf = ({ memoryBytes, memoryLimitBytes }: ReplicaLoad) =>
    memoryBytes === undefined || !memoryLimitBytes ? undefined : memoryBytes / memoryLimitBytes;
  const measures = [
    { aim: target.cpu, of: (load: ReplicaLoad) => load.cpu, what: "cpu ", words: percent },
    { aim: target.memoryShare, of: shareOf, what: "memory ", words: percent },
    { aim: target.memoryBytes, of: (load: ReplicaLoad) => load.memoryBytes, what: "memory ", words: mebibytes },
    { aim: target.requests, of: (load: ReplicaLoad) => load.requestsPerSecond, what: "", words: perSecond },
  ];
  return measures.flatMap(({ aim, of, what, words }) => {
    const measured = loads.map(of).filter((value) => value !== undefined);
    if (aim === undefined || measured.length === 0) return [];
    const sum = measured.reduce((all, value) => all + value, 0);
    const mean = sum / measured.length;
    const isNear = Math.abs(mean / aim - 1) <= TOLERANCE;
    // What is not measured yet counts as on target. Rounding errors must not cost a replica.
    const replicas = isNear ? present : Math.ceil(sum / aim + (present - measured.length) - 1e-9);
    return [{ replicas, reason: `${what}${words(mean)} a replica, wanted ${words(aim)}` }];
  });
}

const percent = (share: number) => `${Math.round(share * 100)}%`;
const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MiB`;
const perSecond = (rate: number) => `${rate >= 10 ? Math.round(rate) : Math.round(rate * 10) / 10} requests/s`;
