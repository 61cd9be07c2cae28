/** What the scheduler writes: bindings, conditions, events, victims. */

import type { PersistentVolumeClaim, Pod, PodCondition } from "../../model/kubernetes/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, PODS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import type { EventRecorder } from "../machinery/event-recorder.ts";

const NAME_OF_SCHEDULER = "default-scheduler";
const SELECTED_NODE = "volume.kubernetes.io/selected-node";

export class PodOutcomes {
  constructor(
    private readonly client: ClusterClient,
    private readonly events: EventRecorder,
  ) {}

  async bind(pod: Stored<Pod>, node: string): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    await this.client.resource(PODS).postSubresource(namespace, name, "binding", {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name, namespace, uid },
      target: { apiVersion: "v1", kind: "Node", name: node },
    });
    this.record(pod, "Normal", "Scheduled", `Successfully assigned ${namespace}/${name} to ${node}`);
  }

  async unschedulable(pod: Stored<Pod>, message: string, nominatedNode?: string): Promise<void> {
    this.record(pod, "Warning", "FailedScheduling", message);
    await this.tell(pod, "Unschedulable", message, nominatedNode);
  }

  async gated(pod: Stored<Pod>): Promise<void> {
    await this.tell(pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates");
  }

  /** Ends a pod to make room for a more important one. */
  async preempt(victim: Stored<Pod>, winner: Stored<Pod>): Promise<void> {
    if (victim.metadata.deletionTimestamp !== undefined) return;
    const { namespace, name } = victim.metadata;
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "PreemptionByScheduler",
      message: `${NAME_OF_SCHEDULER}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    };
    await this.patchConditions(victim, [condition]);
    await this.client.resource(PODS).delete(namespace, name);
    const note = `Preempted by pod ${winner.metadata.uid} on node ${victim.spec?.nodeName ?? ""}`;
    this.record(victim, "Normal", "Preempted", note);
  }

  /** A claim that waits for its first consumer is told where that consumer will run. */
  async chooseNodeFor(claim: Stored<PersistentVolumeClaim>, node: string): Promise<void> {
    if (claim.metadata.annotations?.[SELECTED_NODE] === node) return;
    const { namespace, name } = claim.metadata;
    const body = { metadata: { annotations: { [SELECTED_NODE]: node } } };
    await this.client.resource(PERSISTENT_VOLUME_CLAIMS).patch(namespace, name, "merge", body);
  }

  private record(pod: Stored<Pod>, type: "Normal" | "Warning", reason: string, message: string): void {
    this.events.record({ type: PODS, object: pod }, type, reason, message);
  }

  private async tell(pod: Stored<Pod>, reason: string, message: string, nominatedNode?: string): Promise<void> {
    const known = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    const isTold = known?.status === "False" && known.reason === reason && known.message === message;
    if (isTold && (nominatedNode === undefined || pod.status?.nominatedNodeName === nominatedNode)) return;
    const condition: PodCondition = {
      type: "PodScheduled",
      status: "False",
      reason,
      message,
      lastTransitionTime:
        known?.status === "False" && known.lastTransitionTime !== undefined
          ? known.lastTransitionTime
          : new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    };
    await this.patchConditions(pod, [condition], nominatedNode);
  }

  /** Nobody else writes a status while the pod has no node; that of a victim is read again just before. */
  private async patchConditions(pod: Stored<Pod>, news: PodCondition[], nominatedNode?: string): Promise<void> {
    const { namespace, name } = pod.metadata;
    const known = (this.client.informer(PODS).get(namespace, name) ?? pod).status?.conditions ?? [];
    const conditions = [...known.filter((old) => !news.some(({ type }) => type === old.type)), ...news];
    const status = { conditions, ...(nominatedNode === undefined ? {} : { nominatedNodeName: nominatedNode }) };
    await this.client.resource(PODS).patch(namespace, name, "merge", { status }, { subresource: "status" });
  }
}
