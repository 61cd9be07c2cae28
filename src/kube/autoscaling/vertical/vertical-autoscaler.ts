/**
 * Recommends what pods should ask for, from what they used, and changes it: in place where the node can, by eviction only where it cannot
 * (autoscaling.k8s.io/v1 VerticalPodAutoscaler).
 */

import { errorText } from "../../../lib/errors.ts";
import type { CustomResourceDefinition } from "../../../model/kubernetes/apiextensions.ts";
import type { Container, Pod } from "../../../model/kubernetes/core.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, PODS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../../model/kubernetes/object.ts";
import { milliValue } from "../../../model/kubernetes/quantity.ts";
import type { ClusterClient, ClusterPart } from "../../contract.ts";
import type { AdmissionStep } from "../../machinery/admission.ts";
import { copyOf, sameJson } from "../../machinery/copy.ts";
import { createEventRecorder, type EventRecorder } from "../../machinery/event-recorder.ts";
import { parseLabelSelector } from "../../machinery/selectors.ts";
import { isStatus } from "../../status.ts";
import type { PodReading } from "../pod-measures.ts";
import { CHECKPOINT_CRD, CHECKPOINT_KIND, type VerticalPodAutoscalerCheckpoint } from "./checkpoint-kind.ts";
import { Checkpoints } from "./checkpoints.ts";
import { ContainerHistory } from "./container-history.ts";
import { adjusted, isOutside, policyOf, recommend } from "./vertical-recommendation.ts";
import {
  type ContainerRecommendation,
  type UpdateMode,
  VERTICAL_API_VERSION,
  VERTICAL_CRD,
  VERTICAL_KIND,
  type VerticalPodAutoscaler,
} from "./vertical-types.ts";

const NAME = "vertical-pod-autoscaler";
const PERIOD_MS = 60_000;
/** A resize that the node has not carried out after this is taken for one that it cannot. */
const RESIZE_MS = 5 * 60_000;

interface VerticalOptions {
  client: ClusterClient;
  now(): number;
  log(message: string): void;
  /** What a pod uses now; undefined when it is not known (yet). */
  reading(pod: Stored<Pod>): Promise<PodReading | undefined>;
  /** Milliseconds between two samples. */
  periodMs?: number;
}
type Autoscaler = Stored<VerticalPodAutoscaler>;
type Type = ResourceType<VerticalPodAutoscaler>;

interface VerticalAutoscaler extends ClusterPart {
  /** Gives new pods what is recommended for them. */
  readonly admission: AdmissionStep;
}

export function createVerticalAutoscaler(options: VerticalOptions): VerticalAutoscaler {
  const client = options.client.as(NAME);
  const loop = new VerticalLoop(options, client, createEventRecorder(client, NAME));
  return {
    name: NAME,
    run: (signal) => loop.run(signal),
    admission: { name: "VerticalPodAutoscaler", admit: (request) => loop.admit(request) },
  };
}

class VerticalLoop {
  /** By uid of the autoscaler, then by container. */
  private readonly histories = new Map<string, Map<string, ContainerHistory>>();
  /** When a pod was resized in place, by uid. */
  private readonly resizedAt = new Map<string, number>();
  private type: Type | undefined;
  private checkpoints: Checkpoints | undefined;

  constructor(
    private readonly options: VerticalOptions,
    private readonly client: ClusterClient,
    private readonly events: EventRecorder,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    this.type = await this.ensureKind<VerticalPodAutoscaler>(VERTICAL_CRD, VERTICAL_KIND, signal);
    const kept = await this.ensureKind<VerticalPodAutoscalerCheckpoint>(CHECKPOINT_CRD, CHECKPOINT_KIND, signal);
    if (this.type === undefined || kept === undefined) return;
    this.checkpoints = new Checkpoints(this.client, kept, this.options.now);
    const autoscalers = this.client.informer(this.type);
    await autoscalers.synced;
    let wake = () => {};
    const end = autoscalers.subscribe({
      added: () => wake(),
      deleted: ({ metadata }) => this.histories.delete(metadata.uid),
    });
    try {
      while (!signal.aborted) {
        // Without an autoscaler nothing is measured.
        for (const autoscaler of autoscalers.list()) await this.attempt(autoscaler);
        await new Promise<void>((resolve) => {
          const timer =
            autoscalers.list().length > 0 ? setTimeout(done, this.options.periodMs ?? PERIOD_MS) : undefined;
          function done() {
            clearTimeout(timer);
            signal.removeEventListener("abort", done);
            resolve();
          }
          wake = done;
          signal.addEventListener("abort", done, { once: true });
          if (signal.aborted) done();
        });
      }
    } finally {
      end();
    }
  }

  private async ensureKind<T extends KubeObject>(
    definition: CustomResourceDefinition,
    kind: string,
    signal: AbortSignal,
  ): Promise<ResourceType<T> | undefined> {
    try {
      await this.client.resource(CUSTOM_RESOURCE_DEFINITIONS).create(undefined, definition);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw error;
    }
    const find = () => this.client.typeOf(VERTICAL_API_VERSION, kind) as ResourceType<T> | undefined;
    if (find() !== undefined) return find();
    await new Promise<void>((resolve) => {
      const look = () => {
        if (find() === undefined && !signal.aborted) return;
        end();
        resolve();
      };
      const end = this.client.onTypesChanged(look);
      signal.addEventListener("abort", look, { once: true });
      look();
    });
    return find();
  }

  private async attempt(autoscaler: Autoscaler): Promise<void> {
    try {
      await this.look(autoscaler);
    } catch (error) {
      if (isStatus(error, "NotFound", "Conflict")) return;
      this.options.log(`${autoscaler.metadata.namespace}/${autoscaler.metadata.name}: ${errorText(error)}`);
    }
  }

  private async look(autoscaler: Autoscaler): Promise<void> {
    const pods = await this.podsOf(autoscaler);
    await this.sample(autoscaler, pods);
    const recommendations = this.recommendations(autoscaler, pods);
    await this.writeStatus(autoscaler, recommendations, pods.length > 0);
    if (["InPlaceOrRecreate", "Auto", "Recreate"].includes(modeOf(autoscaler))) {
      for (const pod of pods) await this.update(autoscaler, pod, recommendations, pods.length);
    }
  }

  private async podsOf({ metadata, spec }: Autoscaler): Promise<Stored<Pod>[]> {
    const target = spec?.targetRef;
    if (target === undefined) return [];
    const type = this.client.typeOf(target.apiVersion ?? "v1", target.kind);
    if (type === undefined) return [];
    const selector =
      (await this.client.resource(type).getScale(metadata.namespace, target.name)).status?.selector ?? "";
    if (selector === "") return [];
    const matches = parseLabelSelector(selector);
    return this.client
      .informer(PODS)
      .list(metadata.namespace)
      .filter((pod) => matches(pod.metadata.labels) && pod.metadata.deletionTimestamp === undefined)
      .filter(({ status }) => status?.phase === "Running");
  }

  private async sample(autoscaler: Autoscaler, pods: readonly Stored<Pod>[]): Promise<void> {
    const { uid } = autoscaler.metadata;
    const histories = this.histories.get(uid) ?? this.checkpoints?.restore(autoscaler) ?? new Map();
    this.histories.set(uid, histories);
    for (const pod of pods) {
      const reading = await this.options.reading(pod);
      if (reading === undefined) continue;
      for (const { name, resources } of pod.spec?.containers ?? []) {
        const cores = reading.cores.get(name);
        const bytes = reading.bytes.get(name);
        if (cores === undefined || bytes === undefined) continue;
        const history = histories.get(name) ?? new ContainerHistory();
        histories.set(name, history);
        history.add(cores * 1000, bytes, milliValue(resources?.requests?.cpu), this.options.now());
      }
    }
    await this.checkpoints?.keep(autoscaler, histories);
  }

  private recommendations({ metadata, spec }: Autoscaler, pods: readonly Stored<Pod>[]): ContainerRecommendation[] {
    const histories = this.histories.get(metadata.uid);
    const names = new Set(pods.flatMap((pod) => (pod.spec?.containers ?? []).map(({ name }) => name)));
    return [...names].flatMap((name) => {
      const policy = policyOf(spec?.resourcePolicy?.containerPolicies, name);
      return recommend(name, histories?.get(name), policy) ?? [];
    });
  }

  private async writeStatus(
    autoscaler: Autoscaler,
    recommendations: readonly ContainerRecommendation[],
    hasPods: boolean,
  ): Promise<void> {
    const isProvided = recommendations.length > 0;
    const status = isProvided ? "True" : "False";
    const known = autoscaler.status?.conditions?.find(({ type }) => type === "RecommendationProvided");
    const now = `${new Date(this.options.now()).toISOString().slice(0, 19)}Z`;
    const why = hasPods ? {} : { reason: "NoPodsMatched", message: "No pods match this VPA object" };
    const condition = {
      type: "RecommendationProvided",
      status,
      lastTransitionTime: known?.status === status ? known.lastTransitionTime : now,
      ...(isProvided ? {} : why),
    };
    const next: NonNullable<VerticalPodAutoscaler["status"]> = {
      conditions: [condition],
      // What was recommended holds while no pod runs.
      ...(isProvided
        ? { recommendation: { containerRecommendations: [...recommendations] } }
        : pickRecommendation(autoscaler)),
    };
    if (sameJson(next, autoscaler.status ?? {})) return;
    await this.client.resource(this.type!).updateStatus({ ...copyOf(autoscaler), status: next });
  }

  private async update(
    autoscaler: Autoscaler,
    pod: Stored<Pod>,
    recommendations: readonly ContainerRecommendation[],
    podCount: number,
  ): Promise<void> {
    const { uid, namespace, name } = pod.metadata;
    const since = this.resizedAt.get(uid);
    const isRefused = pod.status?.conditions?.some(
      ({ type, reason }) => type === "PodResizePending" && reason === "Infeasible",
    );
    const isStuck = since !== undefined && isPending(pod) && this.options.now() - since > RESIZE_MS;
    const wanted = changedContainers(autoscaler, pod, recommendations);
    if (wanted.length === 0 && !isRefused && !isStuck) return;
    if (since !== undefined && isPending(pod) && !isRefused && !isStuck) return;
    if (modeOf(autoscaler) !== "Recreate" && !isRefused && !isStuck) {
      try {
        const body = { spec: { containers: wanted } };
        await this.client.resource(PODS).patch(namespace, name, "strategic", body, { subresource: "resize" });
        this.resizedAt.set(uid, this.options.now());
        this.tell(pod, "InPlaceResizedByVPA", "Pod was resized in place by VPA.");
        return;
      } catch (error) {
        if (!isStatus(error, "Invalid", "Forbidden")) throw error;
      }
    }
    const least = autoscaler.spec?.updatePolicy?.minReplicas ?? 2;
    // The last pod of a target is not taken away for better numbers.
    if (podCount < least) return;
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } };
    try {
      await this.client.resource(PODS).postSubresource(namespace, name, "eviction", eviction);
      this.tell(pod, "EvictedByVPA", "Pod was evicted by VPA Updater to apply resource recommendation.");
    } catch (error) {
      // A disruption budget says not now.
      if (!isStatus(error, "TooManyRequests")) throw error;
    }
  }

  private tell(pod: Stored<Pod>, reason: string, message: string): void {
    this.events.record({ type: PODS, object: pod }, "Normal", reason, message);
  }

  /** New pods begin with what is recommended. */
  admit({ type, operation, subresource, namespace, object }: Parameters<NonNullable<AdmissionStep["admit"]>>[0]): void {
    if (this.type === undefined || operation !== "CREATE" || subresource !== undefined) return;
    if (type.group !== "" || type.resource !== "pods") return;
    const pod = object as Pod;
    for (const autoscaler of this.client.informer(this.type).list(namespace)) {
      if (modeOf(autoscaler) === "Off" || !this.isTarget(autoscaler, pod)) continue;
      for (const container of pod.spec?.containers ?? []) {
        const found = autoscaler.status?.recommendation?.containerRecommendations?.find(
          ({ containerName }) => containerName === container.name,
        );
        if (found === undefined) continue;
        const policy = policyOf(autoscaler.spec?.resourcePolicy?.containerPolicies, container.name);
        if (policy.mode !== "Off") container.resources = adjusted(container.resources, found.target, policy);
      }
      pod.metadata.annotations = { ...pod.metadata.annotations, vpaObservedContainers: containerNames(pod) };
      return;
    }
  }

  /** The pod's controller is the target, or (for deployments) belongs to it. */
  private isTarget({ spec }: Autoscaler, { metadata }: Pod): boolean {
    const target = spec?.targetRef;
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (target === undefined || owner === undefined) return false;
    if (owner.kind === target.kind && owner.name === target.name) return true;
    const type = this.client.typeOf(owner.apiVersion, owner.kind);
    const above = type === undefined ? undefined : this.client.informer(type).get(metadata.namespace, owner.name);
    return (
      above?.metadata.ownerReferences?.some(
        ({ kind, name, controller }) => controller === true && kind === target.kind && name === target.name,
      ) ?? false
    );
  }
}

const modeOf = ({ spec }: VerticalPodAutoscaler): UpdateMode => spec?.updatePolicy?.updateMode ?? "Auto";
const containerNames = (pod: Pod): string => (pod.spec?.containers ?? []).map(({ name }) => name).join(", ");
const isPending = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => /^PodResize/.test(type) && is === "True") ?? false;

function pickRecommendation({ status }: VerticalPodAutoscaler) {
  return status?.recommendation === undefined ? {} : { recommendation: copyOf(status.recommendation) };
}

/** Containers that ask for less or more than is recommended, with what they should ask for. */
function changedContainers(
  { spec }: VerticalPodAutoscaler,
  pod: Pod,
  recommendations: readonly ContainerRecommendation[],
): Pick<Container, "name" | "resources">[] {
  return (pod.spec?.containers ?? []).flatMap(({ name, resources }) => {
    const found = recommendations.find(({ containerName }) => containerName === name);
    if (found === undefined || !isOutside(resources?.requests ?? {}, found)) return [];
    return [
      { name, resources: adjusted(resources, found.target, policyOf(spec?.resourcePolicy?.containerPolicies, name)) },
    ];
  });
}
