/**
 * What a kind is, declared. The machinery does with it everything that kinds have in common (storage, versions, watches,
 * deletion, subresources, tables); a new kind is one ResourceDefinition and no code elsewhere. Builtin kinds are declared in
 * src/kube/resources/, those of CRDs are made from the CRD.
 *
 * Objects handed to hooks that "may change it" are copies of the request; `before` is always shared and frozen.
 */

import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { FieldError } from "./field-error.ts";

/** What a write knows beside its objects. */
export interface WriteContext {
  /** Unix milliseconds. */
  readonly now: number;
  /** Who writes, for fields such as a certificate request's spec.username. */
  readonly user: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  /** Tells the client of something that is allowed but unwise. */
  warn(message: string): void;
}

/**
 * A write that may change a part of the object only: "status", "resize", "ephemeralcontainers", "finalize", "approval" …
 */
export interface PartialUpdate<T extends KubeObject = KubeObject> {
  /** Puts everything back to `before` that this subresource may not change. May change `object`. */
  prepare(object: T, before: Stored<T>, context: WriteContext): void;
  validate?(object: T, before: Stored<T>): readonly FieldError[];
}

/** Where the scale subresource finds its numbers: dotted paths without a leading dot, "spec.replicas". */
export interface ScalePaths {
  readonly replicas: string;
  readonly statusReplicas: string;
  /** A LabelSelector object or a string; absent: the scale has no selector. */
  readonly selector?: string;
}

/** A subresource that is an act or a view: binding, eviction, token, log, exec … For discovery and for postSubresource. */
export interface SubresourceDefinition {
  readonly name: string;
  /** Group, version and kind of what is sent and answered, when not the resource's own ("autoscaling/v1 Scale"). */
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  /** "get", "create", "update", "patch". */
  readonly verbs: readonly string[];
}

/** One column of the server-side table. */
export interface TableColumn<T extends KubeObject = KubeObject> {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description?: string;
  /** 0: always shown; 1: with -o wide. */
  readonly priority: number;
  /** `now` in Unix milliseconds, for ages. */
  cell(object: Stored<T>, now: number): string | number | boolean | null;
}

/** Another version (or group) under which the same objects are served. Both directions answer a new object. */
export interface ServedVersion<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  fromStorage(object: Stored<T>): KubeObject;
  toStorage(object: KubeObject): T;
  /**
   * In place of the two, when somebody outside has to be asked: objects in the version `to`, in their order.
   * @throws StatusError InternalError
   */
  convert?(objects: readonly KubeObject[], to: ResourceType): Promise<readonly KubeObject[]>;
  /** Where this version has the numbers of its scale, when not where the stored one has them. */
  readonly scale?: ScalePaths;
  /** Told to clients as a warning when they use it. */
  readonly deprecation?: string;
  readonly columns?: readonly TableColumn<T>[];
  /** Fields of this version that field selectors may name, when not those of the stored one. */
  readonly selectableFields?: Readonly<Record<string, (object: KubeObject) => string>>;
}

export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  /** The version that is stored and preferred. */
  readonly type: ResourceType<T>;
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** "PodList" when absent: kind + "List". */
  readonly listKind?: string;
  readonly versions?: readonly ServedVersion<T>[];
  /** False: this group and version of the kind is stored but not served (a CRD's storage version may be so). */
  readonly served?: boolean;
  /** All of create, delete, deletecollection, get, list, patch, update, watch when absent. */
  readonly verbs?: readonly string[];

  /** metadata.generation counts changes of everything but metadata and status. */
  readonly generation?: boolean;
  /** Subresources that change a part. With "status" here, creates and updates of the object itself leave status alone … */
  readonly partialUpdates?: Readonly<Record<string, PartialUpdate<T>>>;
  /** … unless its creator tells the status too. */
  readonly isCreatedWithStatus?: boolean;
  readonly scale?: ScalePaths;
  readonly subresources?: readonly SubresourceDefinition[];

  /**
   * Sets what clients may not choose, drops what they may not send. May change `object`. Status is already emptied (kinds
   * with a status subresource that are not created with one) and metadata filled in.
   */
  prepareCreate?(object: T, context: WriteContext): void;
  /** The same for an update; status is already that of `before`. */
  prepareUpdate?(object: T, before: Stored<T>, context: WriteContext): void;
  /** Fills in defaults. May change `object`; running it twice changes nothing. */
  defaults?(object: T): void;
  validate?(object: T): readonly FieldError[];
  validateUpdate?(object: T, before: Stored<T>): readonly FieldError[];
  /** What is wrong with a name, in words; a DNS subdomain is asked for when absent. */
  nameFaults?(name: string): readonly string[];
  /** An update without resourceVersion is refused (custom resources, leases …). */
  readonly resourceVersionRequired?: boolean;
  /** PUT to a name that does not exist creates it (leases, events, endpoints …). */
  readonly createOnUpdate?: boolean;

  /** Seconds between the wish to delete and the end, for kinds that end gracefully (pods); 0: at once. */
  graceSeconds?(object: Stored<T>, asked: number | undefined): number;
  /** Changes with the first wish to delete (a namespace's phase). May change `object`. */
  prepareDelete?(object: T, context: WriteContext): void;
  /** Finalizers that are not in metadata (spec.finalizers of namespaces): the object stays while there are some. */
  moreFinalizers?(object: T): readonly string[];
  /** When the client does not say; "Background" when absent. */
  readonly defaultPropagation?: "Orphan" | "Background";
  /** Objects are forgotten so long after their last write (events). */
  readonly lifetimeSeconds?: number;

  /** Fields that field selectors may name, beside metadata.name and metadata.namespace. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  /** NAME and AGE when absent. */
  readonly columns?: readonly TableColumn<T>[];
}

/** "pods", "deployments.apps" as Kubernetes names a resource in its messages. */
export function qualifiedResource(type: ResourceType): string {
  return type.group === "" ? type.resource : `${type.resource}.${type.group}`;
}

/** "v1", "apps/v1". */
export function apiVersionOf(type: { readonly group: string; readonly version: string }): string {
  return type.group === "" ? type.version : `${type.group}/${type.version}`;
}
