/**
 * What the machinery asks of schemas and patches. Implemented in src/kube/schema/, handed to the machinery by the wiring.
 * None of these functions changes its inputs unless that is said: stored objects are frozen.
 */

import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { FieldError } from "../machinery/field-error.ts";

/** The schema of one version of one kind. */
export interface ObjectSchema {
  /**
   * Checks types and removes unknown fields from `object` (in place). Answers what was removed, in Kubernetes' words: `unknown field "spec.foo"`.
   * @throws StatusError BadRequest when a value has a wrong type (`… cannot unmarshal string into Go struct field …`); custom
   * resources answer Invalid from validate instead.
   */
  prune(object: KubeObject): readonly string[];
  /** Fills in the schema's own defaults (custom resources; builtin kinds have theirs in resources/). Changes `object`. */
  defaults?(object: KubeObject): void;
  /** The schema's own rules (custom resources). */
  validate?(object: KubeObject, before: KubeObject | undefined): readonly FieldError[];
}

/** Who writes, for managed fields. */
export interface FieldWriter {
  readonly manager: string;
  readonly subresource?: string;
  /** RFC 3339, for the entry's time. */
  readonly time: string;
}

export interface SchemaSet {
  /** Undefined: the kind has no schema here; its objects are taken as they are. */
  schemaOf(type: ResourceType): ObjectSchema | undefined;

  /** RFC 6902. @throws StatusError BadRequest (malformed) or Invalid (does not apply to this object). */
  jsonPatch(current: KubeObject, operations: unknown): KubeObject;
  /** RFC 7386. */
  mergePatch(current: KubeObject, patch: unknown): KubeObject;
  /** By the patch strategy and merge keys of the type's schema. @throws StatusError UnsupportedMediaType for custom resources. */
  strategicMergePatch(type: ResourceType, current: KubeObject, patch: unknown): KubeObject;
  /**
   * Server-side apply: `live` undefined creates. Answers the merged object with its managedFields.
   * @throws StatusError Conflict with a cause for each field that others own, unless forced.
   */
  apply(
    type: ResourceType,
    live: Stored<KubeObject> | undefined,
    applied: KubeObject,
    writer: FieldWriter,
    force: boolean,
  ): KubeObject;
  /**
   * Writes metadata.managedFields of `object` (in place) after a create (before undefined) or update that is not an apply: what it changed is owned
   * by the writer with operation Update. Leaves entries and their times alone when nothing changed.
   */
  trackUpdate(
    type: ResourceType,
    before: Stored<KubeObject> | undefined,
    object: KubeObject,
    writer: FieldWriter,
  ): void;
}
