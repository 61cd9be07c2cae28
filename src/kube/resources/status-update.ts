/** The status subresource, as most kinds have it. */

import type { KubeObject } from "../../model/kubernetes/object.ts";
import type { PartialUpdate } from "../machinery/definition.ts";
import type { FieldError } from "../machinery/field-error.ts";

/**
 * Writes to the status leave everything else as it was, but for labels and annotations, which Kubernetes lets through here for
 * most kinds.
 */
export function statusUpdate<T extends KubeObject>(validate?: PartialUpdate<T>["validate"]): PartialUpdate<T> {
  return {
    prepare(object, before) {
      const target = object as unknown as Record<string, unknown>;
      const source = before as unknown as Record<string, unknown>;
      for (const name of Object.keys(target)) {
        if (name !== "metadata" && name !== "status" && !(name in source)) delete target[name];
      }
      for (const name of Object.keys(source)) {
        if (name !== "metadata" && name !== "status") target[name] = structuredClone(source[name]);
      }
      const { ownerReferences, finalizers } = before.metadata;
      delete object.metadata.ownerReferences;
      delete object.metadata.finalizers;
      if (ownerReferences !== undefined) object.metadata.ownerReferences = structuredClone(ownerReferences);
      if (finalizers !== undefined) object.metadata.finalizers = [...finalizers];
    },
    validate: validate ?? ((): FieldError[] => []),
  };
}
