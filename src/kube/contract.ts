/**
 * What the parts of the cluster know of each other. Controllers, scheduler, node agent, proxies and autoscalers see only a
 * ClusterClient and informers: the same rules (validation, versions, events) hold for them as for kubectl.
 */

import type { Scale } from "../model/kubernetes/autoscaling-v1.ts";
import type { KubeObject, ResourceType, Stored } from "../model/kubernetes/object.ts";

export interface Selection {
  /** Undefined: all namespaces. */
  namespace?: string;
  /** As in kubectl -l: "app=x,tier!=db,env in (a,b)". */
  labelSelector?: string;
  /** As in kubectl --field-selector: "spec.nodeName=n1". */
  fieldSelector?: string;
}
export interface ListOptions extends Selection {
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  resourceVersionMatch?: "Exact" | "NotOlderThan";
}
export interface ObjectList<T extends KubeObject> {
  items: readonly Stored<T>[];
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

export interface WatchOptions extends Selection {
  /** Events after this version; undefined or "0": begin with the state as ADDED events. */
  resourceVersion?: string;
  sendInitialEvents?: boolean;
  allowBookmarks?: boolean;
  timeoutSeconds?: number;
}
export interface WatchEvent<T extends KubeObject> {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  object: Stored<T>;
}

export type PatchType = "json" | "merge" | "strategic" | "apply";
export interface WriteOptions {
  /** Validate and answer, store nothing. */
  dryRun?: boolean;
  /** Who owns the fields that this write sets; the client's own name when absent. */
  fieldManager?: string;
  /** What to do with fields that the schema does not know; in-process clients: "Strict". */
  fieldValidation?: "Strict" | "Warn" | "Ignore";
  /** Paths of fields that the client's text gave twice: treated as unknown ones are. */
  duplicateFields?: readonly string[];
  /** Told of warnings for the client (unknown fields, deprecated versions). */
  warn?(message: string): void;
}
export interface UpdateOptions extends WriteOptions {
  /** "status", "resize", "ephemeralcontainers" …: changes that part alone; absent: the object itself. */
  subresource?: string;
}
export interface PatchOptions extends UpdateOptions {
  /** Apply only: take over fields that others own. */
  force?: boolean;
}
export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: "Orphan" | "Background" | "Foreground";
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun?: boolean;
}

/** All methods throw StatusError (status.ts): 404, 409, 422 … as the API answers them. */
export interface ResourceClient<T extends KubeObject> {
  get(namespace: string | undefined, name: string): Promise<Stored<T>>;
  list(options?: ListOptions): Promise<ObjectList<T>>;
  create(namespace: string | undefined, object: T, options?: WriteOptions): Promise<Stored<T>>;
  /** With metadata.resourceVersion: 409 when somebody else wrote in between. */
  update(object: T, options?: UpdateOptions): Promise<Stored<T>>;
  /** Changes status alone. */
  updateStatus(object: T, options?: WriteOptions): Promise<Stored<T>>;
  patch(
    namespace: string | undefined,
    name: string,
    type: PatchType,
    body: unknown,
    options?: PatchOptions,
  ): Promise<Stored<T>>;
  /** The object as it is now (waiting for its finalizers), or as it was when it is gone at once. */
  delete(namespace: string | undefined, name: string, options?: DeleteOptions): Promise<Stored<T>>;
  deleteCollection(selection: Selection, options?: DeleteOptions): Promise<ObjectList<T>>;
  watch(options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
  /**
   * POST to a subresource: "binding", "eviction", "token" … The answer is the subresource's own object.
   */
  postSubresource(
    namespace: string | undefined,
    name: string,
    subresource: string,
    body: unknown,
    options?: WriteOptions,
  ): Promise<unknown>;
  /** The scale subresource: autoscaling/v1 Scale, whatever the kind. Patches of it: patch() with subresource "scale". */
  getScale(namespace: string | undefined, name: string): Promise<Stored<Scale>>;
  updateScale(scale: Scale, options?: WriteOptions): Promise<Stored<Scale>>;
}

export interface InformerHandler<T extends KubeObject> {
  added?(object: Stored<T>): void;
  updated?(before: Stored<T>, after: Stored<T>): void;
  deleted?(object: Stored<T>): void;
}

/** A live view of all objects of a kind. In the server's own process it is the server's watch cache itself: no second copy. */
export interface Informer<T extends KubeObject> {
  /** Resolves when the first whole state is there. */
  readonly synced: Promise<void>;
  get(namespace: string | undefined, name: string): Stored<T> | undefined;
  list(namespace?: string): readonly Stored<T>[];
  /** Objects filed under `value` by an index that addIndex made. */
  byIndex(index: string, value: string): readonly Stored<T>[];
  addIndex(index: string, valuesOf: (object: Stored<T>) => readonly string[]): void;
  /** The handler is told of everything that is there first (added), then of changes, in order. Returns its end. */
  subscribe(handler: InformerHandler<T>): () => void;
}

export interface ClusterClient {
  /** The same client under another name (field manager, event source, audit). */
  as(name: string): ClusterClient;
  resource<T extends KubeObject>(type: ResourceType<T>): ResourceClient<T>;
  /** One informer a kind, shared by all who ask. */
  informer<T extends KubeObject>(type: ResourceType<T>): Informer<T>;
  /** By group and kind, for owners and CRDs; undefined when the API has no such kind (yet). */
  typeOf(apiVersion: string, kind: string): ResourceType | undefined;
  /** Every kind that is served now, also from CRDs; told again when that changes. */
  types(): readonly ResourceType[];
  onTypesChanged(listener: () => void): () => void;
}

/** A part that runs as long as the cluster does. */
export interface ClusterPart {
  readonly name: string;
  /** Runs until the signal; a part that throws is told in the log and started again with back-off. */
  run(signal: AbortSignal): Promise<void>;
}
