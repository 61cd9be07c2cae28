/**
 * All objects of one kind in memory, as the store holds them: what reads, lists, watches and informers are answered from. It is
 * also the informer of this process, so there is no second copy.
 */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { Informer, InformerHandler } from "../contract.ts";
import { type Change, EventRing } from "./event-ring.ts";

type AnyStored = Stored<KubeObject>;
type ValuesOf = (object: AnyStored) => readonly string[];

/** Objects of one namespace ("" for kinds without) with their names in order, made when asked for. */
interface Names {
  readonly objects: Map<string, AnyStored>;
  sorted: readonly string[] | undefined;
}

interface Index {
  readonly valuesOf: ValuesOf;
  readonly filed: Map<string, Set<AnyStored>>;
}

export class KindCache implements Informer<KubeObject> {
  readonly synced: Promise<void> = Promise.resolve();
  readonly ring: EventRing;
  private readonly namespaces = new Map<string, Names>();
  private readonly indexes = new Map<string, Index>();
  private readonly handlers = new Set<InformerHandler<KubeObject>>();
  private readonly wakers = new Set<() => void>();
  private sortedNamespaces: readonly string[] | undefined;
  /** The revision of the last change of this kind. */
  changedAt: number;

  constructor(
    revision: number,
    private readonly onHandlerError: (error: unknown) => void,
  ) {
    this.changedAt = revision;
    this.ring = new EventRing(revision);
  }

  get(namespace: string | undefined, name: string): AnyStored | undefined {
    return this.namespaces.get(namespace ?? "")?.objects.get(name);
  }

  /** In the order of their keys in the store. */
  list(namespace?: string): readonly AnyStored[] {
    if (namespace !== undefined && namespace !== "") return this.ordered(namespace);
    this.sortedNamespaces ??= [...this.namespaces.keys()].sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1));
    if (this.sortedNamespaces.length === 1) return this.ordered(this.sortedNamespaces[0]!);
    return this.sortedNamespaces.flatMap((one) => this.ordered(one));
  }

  get size(): number {
    let size = 0;
    for (const { objects } of this.namespaces.values()) size += objects.size;
    return size;
  }

  /** An index of that name is made once; whoever asks for it again uses the first. */
  addIndex(name: string, valuesOf: ValuesOf): void {
    if (this.indexes.has(name)) return;
    const index: Index = { valuesOf, filed: new Map() };
    this.indexes.set(name, index);
    for (const object of this.list()) file(index, object);
  }

  byIndex(name: string, value: string): readonly AnyStored[] {
    const index = this.indexes.get(name);
    if (index === undefined) throw new Error(`no index ${name}: call addIndex first`);
    return [...(index.filed.get(value) ?? [])];
  }

  subscribe(handler: InformerHandler<KubeObject>): () => void {
    for (const object of this.list()) this.guard(() => handler.added?.(object));
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  /** Calls `wake` after every batch of changes and progress. Returns its end. */
  onProgress(wake: () => void): () => void {
    this.wakers.add(wake);
    return () => this.wakers.delete(wake);
  }

  wake(): void {
    for (const waker of this.wakers) waker();
  }

  /** The state that the cache begins with. */
  load(object: AnyStored): void {
    this.insert(object, undefined);
  }

  /** Takes over one change and tells the handlers. */
  apply(object: AnyStored, deleted: boolean, revision: number, now: number): void {
    const { namespace, name } = object.metadata;
    const previous = this.get(namespace, name);
    if (deleted) this.remove(object, previous);
    else this.insert(object, previous);
    this.changedAt = revision;
    const change: Change = { revision, deleted, object, previous };
    this.ring.add(change, now);
    for (const handler of this.handlers) this.guard(() => tell(handler, change));
  }

  private ordered(namespace: string): readonly AnyStored[] {
    const names = this.namespaces.get(namespace);
    if (names === undefined) return [];
    names.sorted ??= [...names.objects.keys()].sort();
    return names.sorted.map((name) => names.objects.get(name)!);
  }

  private insert(object: AnyStored, previous: AnyStored | undefined): void {
    const { namespace = "", name } = object.metadata;
    let names = this.namespaces.get(namespace);
    if (names === undefined) {
      names = { objects: new Map(), sorted: undefined };
      this.namespaces.set(namespace, names);
      this.sortedNamespaces = undefined;
    }
    names.objects.set(name, object);
    if (previous === undefined) names.sorted = undefined;
    for (const index of this.indexes.values()) {
      if (previous !== undefined) unfile(index, previous);
      file(index, object);
    }
  }

  private remove(object: AnyStored, previous: AnyStored | undefined): void {
    const { namespace = "", name } = object.metadata;
    const names = this.namespaces.get(namespace);
    if (names === undefined || !names.objects.delete(name)) return;
    names.sorted = undefined;
    if (names.objects.size === 0) {
      this.namespaces.delete(namespace);
      this.sortedNamespaces = undefined;
    }
    if (previous !== undefined) for (const index of this.indexes.values()) unfile(index, previous);
  }

  /** A handler that throws must stop neither the others nor the stream of changes. */
  private guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.onHandlerError(error);
    }
  }
}

function tell(handler: InformerHandler<KubeObject>, { object, deleted, previous }: Change): void {
  if (deleted) handler.deleted?.(object);
  else if (previous === undefined) handler.added?.(object);
  else handler.updated?.(previous, object);
}

function file(index: Index, object: AnyStored): void {
  for (const value of index.valuesOf(object)) {
    const filed = index.filed.get(value);
    if (filed === undefined) index.filed.set(value, new Set([object]));
    else filed.add(object);
  }
}

function unfile(index: Index, object: AnyStored): void {
  for (const value of index.valuesOf(object)) {
    const filed = index.filed.get(value);
    filed?.delete(object);
    if (filed?.size === 0) index.filed.delete(value);
  }
}
