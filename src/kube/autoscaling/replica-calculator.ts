/**
 * How many replicas a metric asks for (HorizontalPodAutoscaler's algorithm): the present number times used over wanted, rounded up. Pods that
 * are not ready yet, or of which nothing is known, count in the way that keeps the change small. Pure.
 */

/** One pod of the target as a metric sees it. */
export interface MeasuredPod {
  /** What it uses: thousandths of a core, or bytes; undefined when not known. */
  readonly used: number | undefined;
  /** What it asks for; undefined when it asks for nothing. */
  readonly requested: number | undefined;
  /** Not ready yet, so that what it uses says little. */
  readonly isStarting: boolean;
}

/** Percent of what pods ask for, or an average amount per pod. */
export type Target = { readonly utilization: number } | { readonly average: number };

export interface Proposal {
  readonly replicas: number;
  /** What was found: percent of the requests (only for such targets), and the average amount. */
  readonly utilization: number | undefined;
  readonly average: number;
}

export class MetricUnknown extends Error {}

/**
 * @param tolerance a change of the ratio below this is none (0.1)
 * @throws MetricUnknown when nothing is known of any pod, or a pod does not say what it asks for
 */
export function proposeReplicas(
  current: number,
  pods: readonly MeasuredPod[],
  target: Target,
  tolerance: { readonly up: number; readonly down: number },
): Proposal {
  const known = pods.filter(({ used, isStarting }) => used !== undefined && !isStarting);
  const starting = pods.filter(({ isStarting }) => isStarting);
  const missing = pods.filter(({ used, isStarting }) => used === undefined && !isStarting);
  if (known.length === 0) throw new MetricUnknown("did not receive metrics for targeted pods (pods might be unready)");
  const base = ratio(known, target);
  const average = known.reduce((sum, { used = 0 }) => sum + used, 0) / known.length;
  const told = { utilization: "utilization" in target ? Math.floor(base * target.utilization) : undefined, average };
  const isSteady = (value: number) => value <= 1 + tolerance.up && value >= 1 - tolerance.down;
  const unchanged = { replicas: current, ...told };
  const waitsForStarting = starting.length > 0 && base > 1;
  if (!waitsForStarting && missing.length === 0) {
    return isSteady(base) ? unchanged : { replicas: Math.ceil(base * known.length - 1e-9), ...told };
  }
  const guessed = [
    ...known,
    ...missing.map((pod) => ({ ...pod, used: base < 1 ? wholeTarget(pod, target) : 0 })),
    ...(waitsForStarting ? starting.map((pod) => ({ ...pod, used: 0 })) : []),
  ];
  const careful = ratio(guessed, target);
  if (isSteady(careful) || (base < 1 && careful > 1) || (base > 1 && careful < 1)) return unchanged;
  const replicas = Math.ceil(careful * guessed.length - 1e-9);
  const isBackwards = (careful < 1 && replicas > current) || (careful > 1 && replicas < current);
  return isBackwards ? unchanged : { replicas, ...told };
}

/** Used over wanted. */
function ratio(pods: readonly MeasuredPod[], target: Target): number {
  const used = pods.reduce((sum, pod) => sum + (pod.used ?? 0), 0);
  if ("average" in target) return target.average === 0 ? 1 : used / (target.average * pods.length);
  const requested = pods.reduce((sum, pod) => sum + requestOf(pod), 0);
  if (requested === 0) throw new MetricUnknown("no metrics returned matched known pods");
  return (used * 100) / requested / target.utilization;
}

function requestOf({ requested }: MeasuredPod): number {
  if (requested === undefined) throw new MetricUnknown("missing request");
  return requested;
}

/** What keeps the ratio where it is not: a pod of which nothing is known is taken to use all it should. */
function wholeTarget(pod: MeasuredPod, target: Target): number {
  return "average" in target ? target.average : (requestOf(pod) * Math.max(100, target.utilization)) / 100;
}
