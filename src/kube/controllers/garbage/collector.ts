/**
 * The garbage collector: objects whose owners are all gone are deleted, owners in foreground deletion wait for their dependents,
 * orphaned dependents lose the reference. It watches every kind that is served, also those of CRDs.
 */

import { errorText } from "../../../lib/errors.ts";
import type { OwnerReference } from "../../../model/kubernetes/meta.ts";
import type { KubeObject, ResourceType, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import { WorkQueue } from "../../machinery/work-queue.ts";
import { isStatus } from "../../status.ts";
import type { ControllerTools } from "../control-loop.ts";
import { Dependents, type Item, itemOf } from "./dependents.ts";
import {
  blockingDependents,
  decideDependent,
  FOREGROUND,
  hasFinalizer,
  isWaitingForDependents,
  ORPHAN,
  type OwnerState,
  unblocked,
  withoutFinalizer,
  withoutOwners,
} from "./owner-decision.ts";

const NAME = "generic-garbage-collector";
const WORKERS = 20;

export function garbageCollector(tools: ControllerTools): ClusterPart {
  return {
    name: NAME,
    async run(signal) {
      const collector = new Collector(tools.client.as(NAME), tools.log);
      await collector.run(signal);
    },
  };
}

/** Events own nothing and nobody owns them; there are many. */
function isCollected(type: ResourceType): boolean {
  return type.resource !== "events";
}

class Collector {
  readonly #queue = new WorkQueue();
  readonly #items = new Map<string, Item>();
  readonly #dependents = new Dependents();
  readonly #watched = new Map<Informer<KubeObject>, () => void>();

  constructor(
    private readonly client: ClusterClient,
    private readonly log: (message: string) => void,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const end = this.client.onTypesChanged(() => this.#watchTypes());
    this.#watchTypes();
    await Promise.race([stopped, Promise.all([...this.#watched.keys()].map((informer) => informer.synced))]);
    const workers = Array.from({ length: WORKERS }, () => this.#work());
    await stopped;
    end();
    this.#queue.close();
    for (const unsubscribe of this.#watched.values()) unsubscribe();
    await Promise.all(workers);
  }

  /** Begins to watch kinds that have come, ends with those that have gone. */
  #watchTypes(): void {
    const served = new Map(
      this.client
        .types()
        .filter(isCollected)
        .map((type) => [this.client.informer(type), type]),
    );
    for (const [informer, unsubscribe] of this.#watched) {
      if (served.has(informer)) continue;
      unsubscribe();
      this.#watched.delete(informer);
    }
    for (const [informer, type] of served) {
      if (this.#watched.has(informer)) continue;
      const unsubscribe = informer.subscribe({
        added: (object) => this.#added(type, object),
        updated: (before, after) => this.#updated(type, before, after),
        deleted: (object) => this.#deleted(object),
      });
      this.#watched.set(informer, unsubscribe);
    }
  }

  #added(type: ResourceType, object: Stored<KubeObject>): void {
    this.#dependents.add(type, object);
    const references = object.metadata.ownerReferences ?? [];
    const isSuspect = references.some((reference) => this.#knownOwner(object, reference) !== "solid");
    if (isSuspect || object.metadata.deletionTimestamp !== undefined) this.#enqueue(itemOf(type, object));
  }

  #updated(type: ResourceType, before: Stored<KubeObject>, after: Stored<KubeObject>): void {
    const isSame = sameJson(before.metadata.ownerReferences, after.metadata.ownerReferences);
    if (!isSame) {
      this.#dependents.remove(before);
      this.#dependents.add(type, after);
      this.#tellOwners(before);
    }
    const isLeaving = after.metadata.deletionTimestamp !== undefined;
    if (!isSame || isLeaving) this.#enqueue(itemOf(type, after));
  }

  #deleted(object: Stored<KubeObject>): void {
    this.#dependents.remove(object);
    for (const item of this.#dependents.of(object.metadata.uid)) this.#enqueue(item);
    this.#tellOwners(object);
  }

  /** Owners that wait for this dependent. */
  #tellOwners(object: Stored<KubeObject>): void {
    for (const reference of object.metadata.ownerReferences ?? []) {
      const found = this.#findOwner(object, reference);
      if (found?.owner !== undefined && isWaitingForDependents(found.owner)) {
        this.#enqueue(itemOf(found.type, found.owner));
      }
    }
  }

  #enqueue(item: Item): void {
    const key = item.uid;
    this.#items.set(key, item);
    this.#queue.add(key);
  }

  async #work(): Promise<void> {
    for (let uid = await this.#queue.take(); uid !== undefined; uid = await this.#queue.take()) {
      const item = this.#items.get(uid);
      this.#items.delete(uid);
      try {
        if (item !== undefined) await this.#look(item);
        this.#queue.forget(uid);
      } catch (error) {
        if (!isStatus(error, "NotFound", "Conflict"))
          this.log(`${NAME}: ${item?.type.resource} ${item?.name}: ${errorText(error)}`);
        if (item !== undefined && !this.#items.has(uid)) this.#items.set(uid, item);
        this.#queue.addAfterFailure(uid);
      } finally {
        this.#queue.done(uid);
      }
    }
  }

  #find({ type, namespace, name, uid }: Item): Stored<KubeObject> | undefined {
    const object = this.client.informer(type).get(namespace, name);
    return object?.metadata.uid === uid ? object : undefined;
  }

  async #look(item: Item): Promise<void> {
    const object = this.#find(item);
    if (object === undefined) return;
    if (object.metadata.deletionTimestamp !== undefined) {
      if (hasFinalizer(object, ORPHAN)) await this.#orphanDependents(item, object);
      else if (hasFinalizer(object, FOREGROUND)) await this.#awaitDependents(item, object);
      return;
    }
    const states = new Map<string, OwnerState>();
    for (const reference of object.metadata.ownerReferences ?? []) {
      states.set(reference.uid, await this.#ownerState(object, reference));
    }
    const dependents = this.#dependentObjects(object);
    const decision = decideDependent(object, ({ uid }) => states.get(uid) ?? "unknown", dependents);
    const resource = this.client.resource(item.type);
    const { namespace, name } = item;
    if (decision.action === "drop-references") {
      await resource.patch(namespace, name, "merge", withoutOwners(object, decision.uids));
    } else if (decision.action === "delete") {
      const now = decision.unblock ? await resource.patch(namespace, name, "merge", unblocked(object)) : object;
      const { uid, resourceVersion } = now.metadata;
      const preconditions = { uid, resourceVersion };
      await resource.delete(namespace, name, { preconditions, propagationPolicy: decision.propagation });
    }
  }

  #dependentObjects(object: Stored<KubeObject>): Stored<KubeObject>[] {
    return this.#dependents
      .of(object.metadata.uid)
      .map((item) => this.#find(item))
      .filter((found) => found !== undefined);
  }

  async #orphanDependents(item: Item, object: Stored<KubeObject>): Promise<void> {
    for (const dependent of this.#dependents.of(item.uid)) {
      const found = this.#find(dependent);
      if (found === undefined) continue;
      const resource = this.client.resource(dependent.type);
      await resource.patch(dependent.namespace, dependent.name, "merge", withoutOwners(found, [item.uid]));
    }
    await this.client.resource(item.type).patch(item.namespace, item.name, "merge", withoutFinalizer(object, ORPHAN));
  }

  async #awaitDependents(item: Item, object: Stored<KubeObject>): Promise<void> {
    const dependents = this.#dependentObjects(object);
    if (blockingDependents(object, dependents).length === 0) {
      const patch = withoutFinalizer(object, FOREGROUND);
      await this.client.resource(item.type).patch(item.namespace, item.name, "merge", patch);
    }
    for (const dependent of this.#dependents.of(item.uid)) {
      if (this.#find(dependent)?.metadata.deletionTimestamp === undefined) this.#enqueue(dependent);
    }
  }

  /** What the informers know; no question to the API. */
  #knownOwner(object: Stored<KubeObject>, reference: OwnerReference): OwnerState {
    const found = this.#findOwner(object, reference);
    if (found === undefined) return "unknown";
    if (found.owner === undefined) return "absent";
    return isWaitingForDependents(found.owner) ? "waiting" : "solid";
  }

  /** Undefined: there is no such kind, or such an owner cannot be. */
  #findOwner(
    object: Stored<KubeObject>,
    reference: OwnerReference,
  ): { type: ResourceType; owner: Stored<KubeObject> | undefined } | undefined {
    const type = this.client.typeOf(reference.apiVersion, reference.kind);
    const { namespace } = object.metadata;
    if (type === undefined || (type.namespaced && namespace === undefined)) return undefined;
    const owner = this.client.informer(type).get(type.namespaced ? namespace : undefined, reference.name);
    return { type, owner: owner?.metadata.uid === reference.uid ? owner : undefined };
  }

  /** An owner that the informers do not know is asked for: it may be newer than what they have told. */
  async #ownerState(object: Stored<KubeObject>, reference: OwnerReference): Promise<OwnerState> {
    const known = this.#knownOwner(object, reference);
    if (known !== "absent") return known;
    const type = this.client.typeOf(reference.apiVersion, reference.kind)!;
    try {
      const owner = await this.client
        .resource(type)
        .get(type.namespaced ? object.metadata.namespace : undefined, reference.name);
      if (owner.metadata.uid !== reference.uid) return "absent";
      return isWaitingForDependents(owner) ? "waiting" : "solid";
    } catch (error) {
      if (isStatus(error, "NotFound")) return "absent";
      throw error;
    }
  }
}
