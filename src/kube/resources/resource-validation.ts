/** Rules for requests and limits. */

import type { ResourceRequirements } from "../../model/kubernetes/core.ts";
import { compareQuantities, parseQuantity } from "../../model/kubernetes/quantity.ts";
import { type FieldError, invalid, required } from "../machinery/field-error.ts";
import { qualifiedNameFaults } from "../name-rules.ts";

const STANDARD = ["cpu", "memory", "ephemeral-storage"];

/** hugepages-… and vendors' resources are never lent: what is limited is requested. */
const canBeOvercommitted = (name: string) => STANDARD.includes(name);

export function resourceFaults(field: string, resources: ResourceRequirements | undefined): FieldError[] {
  const faults: FieldError[] = [];
  for (const [name, limit] of Object.entries(resources?.limits ?? {})) {
    faults.push(
      ...resourceNameFaults(`${field}.limits`, name),
      ...amountFaults(`${field}.limits[${name}]`, name, limit),
    );
  }
  for (const [name, request] of Object.entries(resources?.requests ?? {})) {
    faults.push(
      ...resourceNameFaults(`${field}.requests`, name),
      ...amountFaults(`${field}.requests[${name}]`, name, request),
    );
    const limit = resources?.limits?.[name];
    if (limit === undefined) {
      if (!canBeOvercommitted(name)) {
        faults.push(required(`${field}.limits`, "Limit must be set for non overcommitable resources"));
      }
      continue;
    }
    const asked = parseQuantity(request);
    const most = parseQuantity(limit);
    if (asked === undefined || most === undefined) continue;
    const order = compareQuantities(asked, most);
    if (order !== 0 && !canBeOvercommitted(name)) {
      faults.push(invalid(`${field}.requests`, request, `must be equal to ${name} limit of ${limit}`));
    } else if (order > 0) {
      faults.push(invalid(`${field}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`));
    }
  }
  return faults;
}

function resourceNameFaults(field: string, name: string): FieldError[] {
  const faults = qualifiedNameFaults(name).map((why) => invalid(field, name, why));
  if (faults.length === 0 && !name.includes("/") && !STANDARD.includes(name) && !name.startsWith("hugepages-")) {
    faults.push(invalid(field, name, "must be a standard resource type or fully qualified"));
    faults.push(invalid(field, name, "must be a standard resource for containers"));
  }
  return faults;
}

/** Faults of an amount of something. */
export function amountFaults(field: string, name: string, amount: string): FieldError[] {
  const quantity = parseQuantity(amount);
  if (quantity === undefined) return [];
  if (quantity.nano < 0n) return [invalid(field, amount, "must be greater than or equal to 0")];
  return name.includes("/") && quantity.nano % 1_000_000_000n !== 0n
    ? [invalid(field, amount, "must be an integer")]
    : [];
}
