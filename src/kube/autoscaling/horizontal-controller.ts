/** Scales workloads out and in by what their pods use (autoscaling/v2 HorizontalPodAutoscaler). */

import { errorText } from "../../lib/errors.ts";
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
  MetricStatus,
} from "../../model/kubernetes/autoscaling.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import { HORIZONTAL_POD_AUTOSCALERS, PODS } from "../../model/kubernetes/names.ts";
import type { ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart } from "../contract.ts";
import { type Controller, type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { copyOf, sameJson } from "../machinery/copy.ts";
import type { EventRecorder } from "../machinery/event-recorder.ts";
import { parseLabelSelector } from "../machinery/selectors.ts";
import { measurePod, type PodReading, targetOf } from "./pod-measures.ts";
import { MetricUnknown, type Proposal, proposeReplicas } from "./replica-calculator.ts";
import { type Bounded, boundReplicas, memoryOf, type ScalingHistory } from "./scaling-behavior.ts";

const NAME = "horizontal-pod-autoscaler";
const PERIOD_MS = 15_000;
const TOLERANCE = 0.1;

interface HorizontalOptions extends ControllerTools {
  /** What a pod uses now; undefined when it is not known (yet). */
  reading(pod: Stored<Pod>): Promise<PodReading | undefined>;
  /** Milliseconds between two looks at the same object. */
  periodMs?: number;
}

export function createHorizontalAutoscaler(options: HorizontalOptions): ClusterPart {
  return controlLoop(NAME, options, ({ client, events }) => new HorizontalController(options, client, events));
}

interface Memory {
  proposals: { at: number; replicas: number }[];
  changes: { at: number; by: number }[];
}
type SetCondition = (type: string, is: boolean, reason: string, message: string) => void;
type Conditions = Map<string, Omit<HorizontalPodAutoscalerCondition, "type" | "lastTransitionTime">>;

class HorizontalController implements Controller {
  readonly name = NAME;
  readonly workers = 2;
  readonly informers;
  private readonly autoscalers;
  private readonly pods;
  private readonly memories = new Map<string, Memory>();

  constructor(
    private readonly options: HorizontalOptions,
    private readonly client: ClusterClient,
    private readonly events: EventRecorder,
  ) {
    this.autoscalers = client.informer(HORIZONTAL_POD_AUTOSCALERS);
    this.pods = client.informer(PODS);
    this.informers = [this.autoscalers, this.pods] as never;
  }

  watch(enqueue: Parameters<Controller["watch"]>[0]): (() => void)[] {
    return [
      this.autoscalers.subscribe({
        added: (one) => enqueue(one),
        updated: (before, after) => {
          if (!sameJson(before.spec, after.spec)) enqueue(after);
        },
        deleted: ({ metadata }) => this.memories.delete(metadata.uid),
      }),
    ];
  }

  async sync({ namespace, name }: { namespace: string | undefined; name: string }): Promise<number | undefined> {
    const autoscaler = this.autoscalers.get(namespace, name);
    if (autoscaler === undefined) return undefined;
    const conditions: Conditions = new Map();
    const status: HorizontalPodAutoscalerStatus = {
      ...(copyOf(autoscaler.status ?? {}) as Partial<HorizontalPodAutoscalerStatus>),
      desiredReplicas: autoscaler.status?.desiredReplicas ?? 0,
    };
    if (autoscaler.metadata.generation !== undefined) status.observedGeneration = autoscaler.metadata.generation;
    try {
      await this.scale(autoscaler, status, conditions);
    } finally {
      await this.writeStatus(autoscaler, status, conditions);
    }
    return this.options.periodMs ?? PERIOD_MS;
  }

  private async scale(
    autoscaler: Stored<HorizontalPodAutoscaler>,
    status: HorizontalPodAutoscalerStatus,
    conditions: Conditions,
  ): Promise<void> {
    const { scaleTargetRef, maxReplicas, minReplicas = 1, metrics = [], behavior } = autoscaler.spec!;
    const set: SetCondition = (type, is, reason, message) =>
      conditions.set(type, { status: is ? "True" : "False", reason, message });
    const type = this.client.typeOf(scaleTargetRef.apiVersion ?? "v1", scaleTargetRef.kind);
    const scale = await this.readScale(autoscaler, type, set);
    if (scale === undefined || type === undefined) return;
    set("AbleToScale", true, "SucceededGetScale", "the HPA controller was able to get the target's current scale");
    const current = scale.spec?.replicas ?? 0;
    status.currentReplicas = scale.status?.replicas ?? 0;
    if (current === 0 && minReplicas !== 0) {
      status.desiredReplicas = 0;
      set(
        "ScalingActive",
        false,
        "ScalingDisabled",
        "scaling is disabled since the replica count of the target is zero",
      );
      return;
    }
    const wanted = await this.wantedReplicas(autoscaler, metrics, current, scale.status?.selector ?? "", status, set);
    if (wanted === undefined) return;
    const now = this.options.now();
    const memory = this.remember(autoscaler, wanted, now);
    const bounded = boundReplicas(wanted, current, { min: minReplicas, max: maxReplicas }, behavior, memory, now);
    tellBounds(bounded, set);
    status.desiredReplicas = bounded.replicas;
    if (bounded.replicas === current) return;
    await this.client.resource(type).updateScale({ ...copyOf(scale), spec: { replicas: bounded.replicas } });
    memory.changes.push({ at: now, by: bounded.replicas - current });
    status.lastScaleTime = `${new Date(now).toISOString().slice(0, 19)}Z`;
    set(
      "AbleToScale",
      true,
      "SucceededRescale",
      `the HPA controller was able to update the target scale to ${bounded.replicas}`,
    );
    const reason = bounded.replicas > current ? "resource utilization above target" : "All metrics below target";
    this.tell(autoscaler, "Normal", "SuccessfulRescale", `New size: ${bounded.replicas}; reason: ${reason}`);
  }

  /** What the target's scale is now; undefined, with the reason told, when it cannot be read. */
  private async readScale(
    autoscaler: Stored<HorizontalPodAutoscaler>,
    type: ResourceType | undefined,
    set: SetCondition,
  ) {
    const { name, kind, apiVersion } = autoscaler.spec!.scaleTargetRef;
    try {
      if (type === undefined) throw new Error(`no matches for kind "${kind}" in version "${apiVersion}"`);
      return await this.client.resource(type).getScale(autoscaler.metadata.namespace, name);
    } catch (error) {
      const why = errorText(error);
      const message = `the HPA controller was unable to get the target's current scale: ${why}`;
      set("AbleToScale", false, "FailedGetScale", message);
      this.tell(autoscaler, "Warning", "FailedGetScale", why);
      return undefined;
    }
  }

  /** The most that any metric asks for; undefined when nothing can be said. */
  private async wantedReplicas(
    autoscaler: Stored<HorizontalPodAutoscaler>,
    metrics: readonly MetricSpec[],
    current: number,
    selector: string,
    status: HorizontalPodAutoscalerStatus,
    set: SetCondition,
  ): Promise<number | undefined> {
    const matches = parseLabelSelector(selector);
    const pods = this.pods
      .list(autoscaler.metadata.namespace)
      .filter((pod) => selector !== "" && matches(pod.metadata.labels))
      .filter(({ metadata, status: state }) => metadata.deletionTimestamp === undefined && state?.phase !== "Failed");
    const found: { metric: MetricSpec; proposal: Proposal }[] = [];
    const failures: { metric: MetricSpec; why: string }[] = [];
    for (const metric of metrics) {
      try {
        found.push({ metric, proposal: await this.propose(metric, pods, current, autoscaler) });
      } catch (error) {
        if (!(error instanceof MetricUnknown)) throw error;
        failures.push({ metric, why: error.message });
      }
    }
    status.currentMetrics = found.map(({ metric, proposal }) => metricStatus(metric, proposal));
    const best = found.toSorted((one, other) => other.proposal.replicas - one.proposal.replicas)[0];
    const [failure] = failures;
    // What is not known might ask for more: with a gap in the metrics nothing is scaled down.
    if (failure !== undefined && (best === undefined || best.proposal.replicas < current)) {
      const reason = `FailedGet${failure.metric.type}Metric`;
      set("ScalingActive", false, reason, `the HPA was unable to compute the replica count: ${failure.why}`);
      this.tell(autoscaler, "Warning", reason, failure.why);
      return undefined;
    }
    if (best === undefined) return undefined;
    const told = `the HPA was able to successfully calculate a replica count from ${describe(best.metric)}`;
    set("ScalingActive", true, "ValidMetricFound", told);
    return best.proposal.replicas;
  }

  private async propose(
    metric: MetricSpec,
    pods: readonly Stored<Pod>[],
    current: number,
    { spec }: HorizontalPodAutoscaler,
  ): Promise<Proposal> {
    const source = metric.resource ?? metric.containerResource;
    if (source === undefined) {
      throw new MetricUnknown(
        `unable to fetch metrics from custom metrics API: there is no server of ${metric.type} metrics in this cluster`,
      );
    }
    const now = this.options.now();
    const measured = await Promise.all(
      pods.map(async (pod) =>
        measurePod(pod, await this.options.reading(pod), source.name, metric.containerResource?.container, now),
      ),
    );
    const tolerance = {
      up: Number(spec?.behavior?.scaleUp?.tolerance ?? TOLERANCE),
      down: Number(spec?.behavior?.scaleDown?.tolerance ?? TOLERANCE),
    };
    return proposeReplicas(current, measured, targetOf(source.target, source.name), tolerance);
  }

  private remember(
    { metadata, spec }: Stored<HorizontalPodAutoscaler>,
    wanted: number,
    now: number,
  ): Memory & ScalingHistory {
    const memory = this.memories.get(metadata.uid) ?? { proposals: [], changes: [] };
    this.memories.set(metadata.uid, memory);
    const since = now - memoryOf(spec?.behavior);
    memory.proposals = [...memory.proposals.filter(({ at }) => at >= since), { at: now, replicas: wanted }];
    memory.changes = memory.changes.filter(({ at }) => at >= since);
    return memory;
  }

  private tell(
    autoscaler: Stored<HorizontalPodAutoscaler>,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
  ): void {
    this.events.record({ type: HORIZONTAL_POD_AUTOSCALERS, object: autoscaler }, type, reason, message);
  }

  private async writeStatus(
    autoscaler: Stored<HorizontalPodAutoscaler>,
    status: HorizontalPodAutoscalerStatus,
    conditions: Conditions,
  ): Promise<void> {
    const known = autoscaler.status?.conditions ?? [];
    const now = `${new Date(this.options.now()).toISOString().slice(0, 19)}Z`;
    const told = [...conditions].map(([type, condition]) => {
      const before = known.find((one) => one.type === type);
      const isSame = before?.status === condition.status && before.lastTransitionTime !== undefined;
      return { type, ...condition, lastTransitionTime: isSame ? before.lastTransitionTime! : now };
    });
    status.conditions = [...known.filter(({ type }) => !conditions.has(type)), ...told];
    if (sameJson(status, autoscaler.status ?? {})) return;
    await this.client.resource(HORIZONTAL_POD_AUTOSCALERS).updateStatus({ ...copyOf(autoscaler), status });
  }
}

function tellBounds({ limit, isStabilized }: Bounded, set: SetCondition): void {
  if (limit === undefined) {
    set("ScalingLimited", false, "DesiredWithinRange", "the desired count is within the acceptable range");
  } else set("ScalingLimited", true, limit.reason, limit.message);
  if (isStabilized) {
    const message = "recent recommendations were higher than current one, applying the highest recent recommendation";
    set("AbleToScale", true, "ScaleDownStabilized", message);
  } else set("AbleToScale", true, "ReadyForNewScale", "recommended size matches current size");
}

function describe({ resource, containerResource }: MetricSpec): string {
  const source = resource ?? containerResource;
  const kind =
    source?.target.averageUtilization === undefined ? "resource" : "resource utilization (percentage of request)";
  return `${source?.name} ${kind}`;
}

function metricStatus(metric: MetricSpec, { utilization, average }: Proposal): MetricStatus {
  const source = (metric.resource ?? metric.containerResource)!;
  const averageValue = source.name === "cpu" ? `${Math.round(average)}m` : String(Math.round(average));
  const current = { ...(utilization === undefined ? {} : { averageUtilization: utilization }), averageValue };
  if (metric.containerResource === undefined) return { type: metric.type, resource: { name: source.name, current } };
  const { container } = metric.containerResource;
  return { type: metric.type, containerResource: { name: source.name, container, current } };
}
