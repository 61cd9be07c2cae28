/** Rules for metadata: names, labels, annotations, owners, finalizers; the same for every kind. */

import type { LabelSelector, ObjectMeta } from "../../model/kubernetes/meta.ts";
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from "../machinery/field-error.ts";
import { dnsLabelFaults, dnsSubdomainFaults, labelValueFaults, qualifiedNameFaults } from "../name-rules.ts";

/** Bytes of all annotations together. */
const ANNOTATIONS_LIMIT = 256 * 1024;

/** Faults of metadata of a new or changed object. `nameFaults` is the kind's own rule for names. */
export function objectMetaFaults(
  meta: ObjectMeta,
  namespaced: boolean,
  nameFaults: (name: string) => readonly string[] = dnsSubdomainFaults,
): FieldError[] {
  const faults: FieldError[] = [];
  // What the API completes may be cut off in the middle: a trailing dash is no fault of a prefix.
  const prefix = meta.generateName?.replace(/-$/, "a");
  if (prefix) faults.push(...nameFaults(prefix).map((why) => invalid("metadata.generateName", meta.generateName, why)));
  if (!meta.name) faults.push(required("metadata.name", "name or generateName is required"));
  else faults.push(...nameFaults(meta.name).map((why) => invalid("metadata.name", meta.name, why)));
  if (namespaced && !meta.namespace) faults.push(required("metadata.namespace"));
  else if (namespaced && meta.namespace) {
    faults.push(...dnsLabelFaults(meta.namespace).map((why) => invalid("metadata.namespace", meta.namespace, why)));
  } else if (meta.namespace) faults.push(forbidden("metadata.namespace", "not allowed on this type"));
  faults.push(...labelFaults("metadata.labels", meta.labels));
  faults.push(...annotationFaults("metadata.annotations", meta.annotations));
  faults.push(...ownerFaults(meta), ...finalizerFaults(meta));
  return faults;
}

export function labelFaults(field: string, labels: Record<string, string> | undefined): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...qualifiedNameFaults(key).map((why) => invalid(field, key, why)),
    ...labelValueFaults(value).map((why) => invalid(field, value, why)),
  ]);
}

export function annotationFaults(field: string, annotations: Record<string, string> | undefined): FieldError[] {
  let size = 0;
  const faults: FieldError[] = [];
  for (const [key, value] of Object.entries(annotations ?? {})) {
    faults.push(...qualifiedNameFaults(key.toLowerCase()).map((why) => invalid(field, key, why)));
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (size > ANNOTATIONS_LIMIT) faults.push(tooLong(field, ANNOTATIONS_LIMIT));
  return faults;
}

function ownerFaults(meta: ObjectMeta): FieldError[] {
  const faults: FieldError[] = [];
  let controller: string | undefined;
  for (const [index, owner] of (meta.ownerReferences ?? []).entries()) {
    const at = `metadata.ownerReferences[${index}]`;
    if (!owner.apiVersion)
      faults.push(invalid(`${at}.apiVersion`, owner.apiVersion ?? "", "version must not be empty"));
    if (!owner.kind) faults.push(invalid(`${at}.kind`, owner.kind ?? "", "must not be empty"));
    if (!owner.name) faults.push(invalid(`${at}.name`, owner.name ?? "", "must not be empty"));
    if (!owner.uid) faults.push(invalid(`${at}.uid`, owner.uid ?? "", "must not be empty"));
    if (owner.controller !== true) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller !== undefined) {
      const why = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`;
      faults.push(invalid("metadata.ownerReferences", owner, why));
    }
    controller = name;
  }
  return faults;
}

function finalizerFaults(meta: ObjectMeta): FieldError[] {
  const faults: FieldError[] = [];
  const finalizers = meta.finalizers ?? [];
  for (const [index, name] of finalizers.entries()) {
    faults.push(...qualifiedNameFaults(name).map((why) => invalid("metadata.finalizers", name, why)));
    if (finalizers.indexOf(name) !== index) faults.push(duplicate(`metadata.finalizers[${index}]`, name));
  }
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    faults.push(
      invalid("metadata.finalizers", finalizers, "finalizer orphan and foregroundDeletion cannot be both set"),
    );
  }
  return faults;
}

/** Faults of a label selector; `emptyAllowed` where an empty one selects everything on purpose. */
export function selectorFaults(field: string, selector: LabelSelector | undefined): FieldError[] {
  const faults = labelFaults(`${field}.matchLabels`, selector?.matchLabels);
  for (const [index, requirement] of (selector?.matchExpressions ?? []).entries()) {
    const at = `${field}.matchExpressions[${index}]`;
    const values = requirement.values ?? [];
    if (requirement.operator === "In" || requirement.operator === "NotIn") {
      if (values.length === 0) {
        faults.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
    } else if (requirement.operator === "Exists" || requirement.operator === "DoesNotExist") {
      if (values.length > 0) {
        faults.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
    } else faults.push(invalid(`${at}.operator`, requirement.operator, "not a valid selector operator"));
    faults.push(...qualifiedNameFaults(requirement.key).map((why) => invalid(`${at}.key`, requirement.key, why)));
    for (const [place, value] of values.entries()) {
      faults.push(...labelValueFaults(value).map((why) => invalid(`${at}.values[${place}]`, value, why)));
    }
  }
  return faults;
}

/** True when a selector chooses everything (or nothing was said). */
export function selectsEverything(selector: LabelSelector | undefined): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector?.matchExpressions ?? []).length === 0;
}

/** A fault when the value is set and not one of those. */
export function oneOf(field: string, value: string | undefined, values: readonly string[]): FieldError[] {
  return value === undefined || values.includes(value) ? [] : [notSupported(field, value, values)];
}

/** A fault when the value is set and below zero. */
export function nonNegative(field: string, value: number | undefined): FieldError[] {
  return value === undefined || value >= 0 ? [] : [invalid(field, value, "must be greater than or equal to 0")];
}

/** A fault when the value changed, as for every field that stays as it was made. */
export function immutable(field: string, now: unknown, before: unknown): FieldError[] {
  return Bun.deepEquals(now, before) ? [] : [invalid(field, now, "field is immutable")];
}
