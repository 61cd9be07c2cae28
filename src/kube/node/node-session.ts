/** The node agent at work, from its start to its end: one worker a pod, woken by the API and by the engine. */

import { errorText } from "../../lib/errors.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import { CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, PODS, SECRETS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { type FoundPods, findPodContainers, removeUnstarted } from "./found-containers.ts";
import type { NodeContext } from "./node-context.ts";
import { podContainers, specOf } from "./pod-containers.ts";
import { POD_UID, readLabels } from "./pod-labels.ts";
import { PodWorker } from "./pod-worker.ts";
import { removePod } from "./stop-pod.ts";

export class NodeSession {
  readonly workers = new Map<string, PodWorker>();
  readonly #context: NodeContext;
  /** Pods that this node is done with and that the API still keeps (finalizers). */
  readonly #done = new Set<string>();
  readonly #leave: (() => void)[] = [];

  constructor(context: NodeContext) {
    this.#context = context;
  }

  /** Takes over what runs, then follows API and engine until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, engine } = this.#context;
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    // Before the look at what there is, so that nothing is missed between.
    const filters = new Map([
      ["type", ["container"]],
      ["label", [POD_UID]],
      ["event", ["die", "destroy"]],
    ]);
    const events = engine.system.events({ filters }, both);
    try {
      await Promise.all([PODS, CONFIG_MAPS, SECRETS].map((type) => client.informer<never>(type as never).synced));
      const found = await findPodContainers(engine);
      await removeUnstarted(engine, found);
      this.#followObjects(found);
      await this.#removeStrangers(found);
      await this.#followEngine(events);
      both.throwIfAborted();
      throw new Error("the engine's events were lost: beginning anew");
    } finally {
      ended.abort();
      for (const leave of this.#leave) leave();
      await Promise.all([...this.workers.values()].map((worker) => worker.release()));
    }
  }

  #followObjects(found: FoundPods): void {
    const { client, nodeName } = this.#context;
    const isOurs = (pod: Stored<Pod>) => pod.spec?.nodeName === nodeName;
    this.#leave.push(
      client.informer(PODS).subscribe({
        added: (pod) => isOurs(pod) && this.#meet(pod, found),
        updated: (before, pod) => isOurs(pod) && this.#changed(before, pod, found),
        deleted: (pod) => isOurs(pod) && this.#deleted(pod),
      }),
      client.informer(CONFIG_MAPS).subscribe(this.#shown("configmap")),
      client.informer(SECRETS).subscribe(this.#shown("secret")),
      client.informer(PERSISTENT_VOLUME_CLAIMS).subscribe({
        updated: (_, { metadata }) => this.#wakeNamespace(metadata.namespace),
      }),
    );
  }

  #meet(pod: Stored<Pod>, found: FoundPods): void {
    const { uid } = pod.metadata;
    if (this.workers.has(uid) || this.#done.has(uid)) return;
    const runs = found.get(uid);
    found.delete(uid);
    if (this.#isOver(pod) && runs === undefined && this.#context.engine.pods.find(uid) === undefined) {
      // Nothing of it is here; if it is to go, the API only waits for our word.
      if (pod.metadata.deletionTimestamp === undefined) return;
    }
    const worker = new PodWorker(this.#context, pod, () => this.#gone(worker));
    this.workers.set(uid, worker);
    worker.restore(runs ?? new Map());
    worker.wake();
  }

  #isOver({ status }: Stored<Pod>): boolean {
    return status?.phase === "Succeeded" || status?.phase === "Failed";
  }

  #changed(before: Stored<Pod>, pod: Stored<Pod>, found: FoundPods): void {
    const worker = this.workers.get(pod.metadata.uid);
    if (worker === undefined) this.#meet(pod, found);
    else worker.update(pod, before);
  }

  #deleted({ metadata: { uid } }: Stored<Pod>): void {
    this.#done.delete(uid);
    this.workers.get(uid)?.forget();
  }

  #gone(worker: PodWorker): void {
    const { uid } = worker.pod.metadata;
    const { client } = this.#context;
    const ids = [...worker.slots.values()].flatMap(({ containerIds }) => containerIds);
    const current = client.informer(PODS).get(worker.pod.metadata.namespace, worker.pod.metadata.name);
    if (current?.metadata.uid === uid) this.#done.add(uid);
    this.workers.delete(uid);
    removePod(this.#context, uid, ids).catch((error) =>
      this.#context.log.warn(`what pod ${worker.pod.metadata.name} left was not removed: ${errorText(error)}`),
    );
  }

  #shown(kind: "configmap" | "secret") {
    const tell = ({
      metadata: { namespace, name },
    }: Stored<{ apiVersion: string; kind: string; metadata: object }>) => {
      for (const worker of this.workers.values()) {
        if (worker.pod.metadata.namespace === namespace && worker.mayShow(kind, name)) worker.noteObject(kind, name);
      }
    };
    return { added: tell, updated: (_: unknown, object: Parameters<typeof tell>[0]) => tell(object), deleted: tell };
  }

  #wakeNamespace(namespace: string | undefined): void {
    for (const worker of this.workers.values()) if (worker.pod.metadata.namespace === namespace) worker.retryNow();
  }

  /** Containers and sandboxes of pods that the API does not know any more. */
  async #removeStrangers(found: FoundPods): Promise<void> {
    const { engine } = this.#context;
    const uids = new Set([...found.keys(), ...engine.pods.list().map(({ id }) => id)]);
    for (const uid of uids) {
      if (this.workers.has(uid)) continue;
      const ids = [...(found.get(uid)?.values() ?? [])].flat().map(({ containerId }) => containerId);
      found.delete(uid);
      await removePod(this.#context, uid, ids).catch((error) =>
        this.#context.log.warn(`what a lost pod left was not removed: ${errorText(error)}`),
      );
    }
  }

  async #followEngine(events: ReturnType<NodeContext["engine"]["system"]["events"]>): Promise<void> {
    for await (const { Action, Actor } of events) {
      const labels = readLabels(Actor.Attributes);
      const worker = labels && this.workers.get(labels.podUid);
      if (worker === undefined || labels === undefined) continue;
      const slot = worker.slots.get(labels.container);
      if (Action === "die") {
        void slot
          ?.noteEnd(Actor.ID)
          .catch((error) => this.#context.log.debug(`an end was not noted: ${errorText(error)}`));
      } else if (slot?.run?.containerId === Actor.ID) {
        slot.noteLoss();
      }
    }
  }

  /** How many containers of pods there are, for the log. */
  get containerCount(): number {
    return [...this.workers.values()].reduce((sum, { pod }) => sum + podContainers(specOf(pod)).length, 0);
  }
}
