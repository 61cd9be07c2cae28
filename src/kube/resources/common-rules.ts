/** Rules that specs of many kinds share: labels, annotations, selectors, choices, numbers, fields that never change. */

import type { LabelSelector } from "../../model/kubernetes/meta.ts";
import { type FieldError, forbidden, invalid, notSupported, required, tooLong } from "../machinery/field-error.ts";
import { labelValueFaults, qualifiedNameFaults } from "../name-rules.ts";

/** Bytes of all annotations together. */
const ANNOTATIONS_LIMIT = 256 * 1024;

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
