/** The scheduler: gives each pod without a node the best one, and makes room for important ones. */

import type { Node, Pod } from "../../model/kubernetes/core.ts";
import {
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  STORAGE_CLASSES,
} from "../../model/kubernetes/names.ts";
import type { ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart } from "../contract.ts";
import { createEventRecorder } from "../machinery/event-recorder.ts";
import { isStatus } from "../status.ts";
import { ClusterView, type PodView, viewPod } from "./cluster-view.ts";
import { NODE_FILTERS } from "./node-filters.ts";
import { type Placement, placePod, refusalMessage } from "./place-pod.ts";
import { POD_FILTERS } from "./pod-filters.ts";
import { PodOutcomes } from "./pod-outcomes.ts";
import { findSacrifice } from "./preemption.ts";
import { SchedulingQueue, type WaitingPod } from "./scheduling-queue.ts";
import { claimsToProvision, type VolumeLookup, volumeFilter } from "./volume-filter.ts";

const NAME = "default-scheduler";
/** Bindings under way at once: more would only wait in the store's queue. */
const BINDINGS = 64;
/** Choosing nodes never holds the event loop longer than this, milliseconds. */
const SLICE_MS = 4;
const AFFINITY = ["InterPodAffinity", "InterPodAntiAffinity", "ExistingAntiAffinity", "PodTopologySpread"];
const FREED = [...AFFINITY, "NodeResourcesFit", "NodePorts"];

interface SchedulerOptions {
  client: ClusterClient;
  /** Told of failures that are nobody's fault: they are tried again. */
  log(message: string): void;
}

export function createScheduler(options: SchedulerOptions): ClusterPart {
  return { name: NAME, run: (signal) => new Scheduler(options).run(signal) };
}

class Scheduler {
  private readonly client: ClusterClient;
  private readonly view: ClusterView;
  private readonly queue: SchedulingQueue;
  private readonly outcomes: PodOutcomes;
  private readonly lookup: VolumeLookup;
  private readonly filters;
  /** Pods that a node was promised to, until they are bound or given up. */
  private readonly nominated = new Map<string, { node: string; view: PodView }>();
  /** Pods whose binding is under way. */
  private readonly binding = new Set<string>();
  private nextNode = 0;
  private awaken = () => {};
  private isAwake = false;
  private readonly inFlight = new Set<Promise<void>>();

  constructor(private readonly options: SchedulerOptions) {
    this.client = options.client.as(NAME);
    const namespaces = this.client.informer(NAMESPACES);
    this.view = new ClusterView((name) => namespaces.get(undefined, name)?.metadata.labels ?? {});
    this.queue = new SchedulingQueue(() => {
      this.isAwake = true;
      this.awaken();
    });
    this.outcomes = new PodOutcomes(this.client, createEventRecorder(this.client, NAME));
    const claims = this.client.informer(PERSISTENT_VOLUME_CLAIMS);
    const volumes = this.client.informer(PERSISTENT_VOLUMES);
    const classes = this.client.informer(STORAGE_CLASSES);
    this.lookup = {
      claim: (namespace, name) => claims.get(namespace, name),
      volume: (name) => volumes.get(undefined, name),
      storageClass: (name) => classes.get(undefined, name),
    };
    this.filters = [...NODE_FILTERS, volumeFilter(this.lookup), ...POD_FILTERS];
  }

  async run(signal: AbortSignal): Promise<void> {
    const looked: ResourceType[] = [
      NODES,
      NAMESPACES,
      PERSISTENT_VOLUME_CLAIMS,
      PERSISTENT_VOLUMES,
      STORAGE_CLASSES,
      POD_DISRUPTION_BUDGETS,
    ];
    await Promise.all(looked.map((type) => this.client.informer(type).synced));
    const ends = this.subscribe();
    try {
      while (!signal.aborted) {
        await this.scheduleWaiting(signal);
        await this.untilAwake(signal);
      }
    } finally {
      for (const end of ends) end();
      this.queue.close();
      await Promise.all(this.inFlight);
    }
  }

  /** Until the queue has something, or had something since it was last empty. */
  private async untilAwake(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.isAwake) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        signal.removeEventListener("abort", done);
        this.awaken = () => {};
        resolve();
      };
      this.awaken = done;
      signal.addEventListener("abort", done);
    });
  }

  private subscribe(): (() => void)[] {
    const volumesChanged = () => this.queue.stir(["VolumeBinding"]);
    const onVolumes = { added: volumesChanged, updated: volumesChanged, deleted: volumesChanged };
    return [
      this.client.informer(NODES).subscribe({
        added: (node) => this.nodeChanged(undefined, node),
        updated: (before, node) => this.nodeChanged(before, node),
        deleted: (node) => this.view.removeNode(node.metadata.name),
      }),
      this.client.informer(PODS).subscribe({
        added: (pod) => this.podChanged(undefined, pod),
        updated: (before, pod) => this.podChanged(before, pod),
        deleted: (pod) => this.podGone(pod),
      }),
      this.client.informer(NAMESPACES).subscribe({ updated: () => this.queue.stir(AFFINITY) }),
      this.client.informer(PERSISTENT_VOLUME_CLAIMS).subscribe(onVolumes),
      this.client.informer(PERSISTENT_VOLUMES).subscribe(onVolumes),
      this.client.informer(STORAGE_CLASSES).subscribe(onVolumes),
    ];
  }

  private nodeChanged(before: Stored<Node> | undefined, node: Stored<Node>): void {
    if (before !== undefined && sameForScheduling(before, node)) return;
    this.view.putNode(node);
    this.queue.stir();
  }

  private podChanged(before: Stored<Pod> | undefined, pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    const nodeName = pod.spec?.nodeName ?? "";
    const hasEnded = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
    if (hasEnded) {
      this.podGone(pod);
      return;
    }
    if (nodeName !== "") {
      this.binding.delete(uid);
      this.nominated.delete(uid);
      this.queue.remove(uid);
      if (before !== undefined && (before.spec?.nodeName ?? "") !== "" && countsTheSame(before, pod)) return;
      this.view.putPod(viewPod(pod), nodeName);
      // A new neighbour may be what others wait for; one that asks for less leaves room.
      this.queue.stir(before?.spec?.nodeName === nodeName ? FREED : AFFINITY);
      return;
    }
    if ((pod.spec?.schedulerName ?? NAME) !== NAME || this.binding.has(uid)) return;
    if (pod.metadata.deletionTimestamp !== undefined) this.podGone(pod);
    else this.pendingPod(before, pod);
  }

  private pendingPod(before: Stored<Pod> | undefined, pod: Stored<Pod>): void {
    const view = viewPod(pod);
    if ((pod.spec?.schedulingGates ?? []).length > 0) {
      this.queue.remove(pod.metadata.uid);
      void this.attempt(pod, () => this.outcomes.gated(pod));
      return;
    }
    if (before !== undefined && before.metadata.generation === pod.metadata.generation && sameWishes(before, pod))
      this.queue.refresh(view);
    else this.queue.put(view);
  }

  private podGone(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    this.queue.remove(uid);
    this.binding.delete(uid);
    const wasNominated = this.nominated.delete(uid);
    if (this.view.removePod(uid) || wasNominated) this.queue.stir(FREED);
  }

  private async scheduleWaiting(signal: AbortSignal): Promise<void> {
    this.isAwake = false;
    let sliceStart = performance.now();
    for (let entry = this.queue.pop(); entry !== undefined && !signal.aborted; entry = this.queue.pop()) {
      const work: Promise<void> = this.schedule(entry).finally(() => this.inFlight.delete(work));
      this.inFlight.add(work);
      if (this.inFlight.size >= BINDINGS) await Promise.race(this.inFlight);
      if (performance.now() - sliceStart > SLICE_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        sliceStart = performance.now();
      }
    }
  }

  /** The choice is made before this first waits, so that the next pod sees it. */
  private async schedule(entry: WaitingPod): Promise<void> {
    const { view } = entry;
    const placement = this.place(view);
    if (placement.node === undefined) return this.refused(entry, placement.refusals);
    const node = placement.node.name;
    const { uid } = view.pod.metadata;
    this.binding.add(uid);
    this.view.putPod(view, node);
    try {
      for (const claim of claimsToProvision(view, this.lookup)) await this.outcomes.chooseNodeFor(claim, node);
      if (claimsToProvision(view, this.lookup).length > 0) {
        // Its volumes are being made for this node; the claim's change brings the pod back.
        this.binding.delete(uid);
        this.view.removePod(uid);
        this.nominated.set(uid, { node, view });
        this.queue.sleep(entry, new Set(["VolumeBinding"]));
        if (claimsToProvision(view, this.lookup).length === 0) this.queue.stir(["VolumeBinding"]);
        return;
      }
      await this.outcomes.bind(view.pod, node);
    } catch (error) {
      this.binding.delete(uid);
      this.view.removePod(uid);
      if (isStatus(error, "NotFound", "Conflict")) return;
      this.options.log(`pod ${view.namespace}/${view.pod.metadata.name} is not bound to ${node}: ${error}`);
      this.queue.sleep(entry, new Set(["Bind"]));
      this.queue.stir(["Bind"]);
    }
  }

  private place(view: PodView): Placement {
    const reserved = (node: string) =>
      [...this.nominated.values()]
        .filter((other) => other.node === node && other.view.priority >= view.priority)
        .filter((other) => other.view.pod.metadata.uid !== view.pod.metadata.uid)
        .map((other) => other.view);
    const from = this.nextNode;
    this.nextNode = this.view.nodes.length === 0 ? 0 : (from + 1) % this.view.nodes.length;
    return placePod(view, this.view, this.filters, this.nominated.size === 0 ? { from } : { from, reserved });
  }

  private async refused(
    entry: WaitingPod,
    refusals: Extract<Placement, { node: undefined }>["refusals"],
  ): Promise<void> {
    const { view } = entry;
    const nodeCount = this.view.nodes.length;
    const refusedBy = new Set([...refusals.values()].map(({ filter }) => filter));
    // No node at all: any new one helps, and that stirs everybody.
    this.queue.sleep(entry, refusedBy);
    const message = refusalMessage(nodeCount, refusals);
    await this.attempt(view.pod, async () => {
      if (nodeCount === 0) return this.outcomes.unschedulable(view.pod, message);
      const budgets = this.client.informer(POD_DISRUPTION_BUDGETS).list();
      // A pod that was promised a node waits until the victims there have gone.
      const promised = this.nominated.get(view.pod.metadata.uid);
      if (promised !== undefined && this.isBeingFreed(promised.node)) return;
      const { sacrifice, message: why } = findSacrifice(view, this.view, this.filters, refusals, budgets);
      if (sacrifice === undefined) return this.outcomes.unschedulable(view.pod, `${message} ${why}`);
      this.nominated.set(view.pod.metadata.uid, { node: sacrifice.node.name, view });
      await this.outcomes.unschedulable(view.pod, message, sacrifice.node.name);
      await Promise.all(sacrifice.victims.map((victim) => this.outcomes.preempt(victim.pod, view.pod)));
    });
  }

  private isBeingFreed(nodeName: string): boolean {
    const pods = this.view.node(nodeName)?.pods.values() ?? [];
    return [...pods].some(({ pod }) => pod.metadata.deletionTimestamp !== undefined);
  }

  /** The pod may go at any time: then there is nobody to tell. */
  private async attempt(pod: Stored<Pod>, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isStatus(error, "NotFound", "Conflict")) return;
      this.options.log(`scheduling ${pod.metadata.namespace}/${pod.metadata.name}: ${error}`);
    }
  }
}

/** What a node reports every few seconds must not wake every waiting pod. */
function sameForScheduling(before: Stored<Node>, after: Stored<Node>): boolean {
  const facts = ({ metadata, spec, status }: Stored<Node>) =>
    JSON.stringify([metadata.labels, spec, status?.allocatable, status?.images]);
  return facts(before) === facts(after);
}

function countsTheSame(before: Stored<Pod>, after: Stored<Pod>): boolean {
  return (
    before.spec?.nodeName === after.spec?.nodeName &&
    before.metadata.labels === after.metadata.labels &&
    before.metadata.deletionTimestamp === after.metadata.deletionTimestamp &&
    before.metadata.generation === after.metadata.generation
  );
}

/** Changes of status and annotations do not make a pod fit. */
function sameWishes(before: Stored<Pod>, after: Stored<Pod>): boolean {
  return (
    JSON.stringify(before.spec) === JSON.stringify(after.spec) &&
    JSON.stringify(before.metadata.labels) === JSON.stringify(after.metadata.labels)
  );
}
