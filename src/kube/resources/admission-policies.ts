/** Policies of admission and what they are bound to (admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy). */

import type {
  MatchCondition,
  MatchResources,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "../../model/kubernetes/admission.ts";
import { VALIDATING_ADMISSION_POLICIES, VALIDATING_ADMISSION_POLICY_BINDINGS } from "../../model/kubernetes/names.ts";
import { expressionFaults, POLICY_NAMES } from "../admission/admission-expressions.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { duplicate, type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import { qualifiedNameFaults } from "../name-rules.ts";
import { oneOf, selectorFaults } from "./common-rules.ts";
import { statusUpdate } from "./status-update.ts";

const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const REASONS = ["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"];

export const validatingAdmissionPolicies: ResourceDefinition<ValidatingAdmissionPolicy> = {
  type: VALIDATING_ADMISSION_POLICIES,
  singular: "validatingadmissionpolicy",
  categories: ["api-extensions"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  prepareCreate(policy) {
    // Its expressions are compiled while it is taken in: nothing is left to be checked later.
    policy.status = { observedGeneration: 1, typeChecking: {} };
  },
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.failurePolicy ||= "Fail";
    if (spec.matchConstraints !== undefined) fillMatch(spec.matchConstraints);
  },
  validate({ spec }) {
    const faults = oneOf("spec.failurePolicy", spec?.failurePolicy, ["Fail", "Ignore"]);
    if (spec?.matchConstraints === undefined) faults.push(required("spec.matchConstraints"));
    else {
      faults.push(...matchFaults("spec.matchConstraints", spec.matchConstraints));
      if ((spec.matchConstraints.resourceRules ?? []).length === 0) {
        faults.push(required("spec.matchConstraints.resourceRules"));
      }
    }
    if ((spec?.auditAnnotations ?? []).length > 0) {
      faults.push(forbidden("spec.auditAnnotations", "this server writes no audit log: leave them out"));
    }
    if ((spec?.validations ?? []).length === 0) {
      faults.push(required("spec.validations", "validations or auditAnnotations must contain at least one item"));
    }
    faults.push(...conditionFaults(spec?.matchConditions, "spec.matchConditions"));
    for (const [index, { name, expression }] of (spec?.variables ?? []).entries()) {
      const at = `spec.variables[${index}]`;
      if (!/^[A-Za-z_]\w*$/.test(name ?? ""))
        faults.push(invalid(`${at}.name`, name ?? "", "name is not a valid CEL identifier"));
      faults.push(...expressionFaults(`${at}.expression`, expression, POLICY_NAMES));
    }
    for (const [index, validation] of (spec?.validations ?? []).entries()) {
      const at = `spec.validations[${index}]`;
      faults.push(...expressionFaults(`${at}.expression`, validation.expression, POLICY_NAMES));
      if (validation.messageExpression !== undefined) {
        faults.push(...expressionFaults(`${at}.messageExpression`, validation.messageExpression, POLICY_NAMES));
      }
      faults.push(...oneOf(`${at}.reason`, validation.reason, REASONS));
    }
    return faults;
  },
};

export const validatingAdmissionPolicyBindings: ResourceDefinition<ValidatingAdmissionPolicyBinding> = {
  type: VALIDATING_ADMISSION_POLICY_BINDINGS,
  singular: "validatingadmissionpolicybinding",
  categories: ["api-extensions"],
  generation: true,
  defaults({ spec }) {
    if (spec?.matchResources !== undefined) fillMatch(spec.matchResources);
  },
  validate({ spec }) {
    const faults: FieldError[] = spec?.policyName ? [] : [required("spec.policyName")];
    const actions = spec?.validationActions ?? [];
    if (actions.length === 0)
      faults.push(required("spec.validationActions", "at least one validation action is required"));
    for (const action of actions) faults.push(...oneOf("spec.validationActions", action, ["Audit", "Deny", "Warn"]));
    if (actions.includes("Audit")) {
      faults.push(forbidden("spec.validationActions", "this server writes no audit log: use Deny or Warn"));
    }
    if (actions.includes("Deny") && actions.includes("Warn")) {
      faults.push(
        invalid(
          "spec.validationActions",
          actions,
          "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)",
        ),
      );
    }
    const reference = spec?.paramRef;
    if (reference !== undefined) {
      if ((reference.name === undefined) === (reference.selector === undefined)) {
        faults.push(required("spec.paramRef.name", "one of name or selector must be specified"));
      }
      if (!reference.parameterNotFoundAction) faults.push(required("spec.paramRef.parameterNotFoundAction"));
      faults.push(
        ...oneOf("spec.paramRef.parameterNotFoundAction", reference.parameterNotFoundAction, ["Allow", "Deny"]),
      );
    }
    if (spec?.matchResources !== undefined) faults.push(...matchFaults("spec.matchResources", spec.matchResources));
    return faults;
  },
};

function fillMatch(resources: MatchResources): void {
  resources.matchPolicy ||= "Equivalent";
  resources.namespaceSelector ??= {};
  resources.objectSelector ??= {};
  for (const rule of [...(resources.resourceRules ?? []), ...(resources.excludeResourceRules ?? [])])
    rule.scope ||= "*";
}

function matchFaults(field: string, resources: MatchResources): FieldError[] {
  const faults = oneOf(`${field}.matchPolicy`, resources.matchPolicy, ["Equivalent", "Exact"]);
  faults.push(...selectorFaults(`${field}.namespaceSelector`, resources.namespaceSelector));
  faults.push(...selectorFaults(`${field}.objectSelector`, resources.objectSelector));
  for (const list of ["resourceRules", "excludeResourceRules"] as const) {
    for (const [index, rule] of (resources[list] ?? []).entries()) {
      const at = `${field}.${list}[${index}]`;
      for (const part of ["operations", "apiGroups", "apiVersions", "resources"] as const) {
        if ((rule[part] ?? []).length === 0) faults.push(required(`${at}.${part}`));
      }
      for (const one of rule.operations ?? []) faults.push(...oneOf(`${at}.operations`, one, OPERATIONS));
    }
  }
  return faults;
}

/** Faults of the conditions under which a policy is asked at all. */
function conditionFaults(conditions: readonly MatchCondition[] | undefined, field: string): FieldError[] {
  const names = new Set<string>();
  return (conditions ?? []).flatMap(({ name, expression }, index) => {
    const at = `${field}[${index}]`;
    const faults: FieldError[] = name
      ? qualifiedNameFaults(name).map((why) => invalid(`${at}.name`, name, why))
      : [required(`${at}.name`)];
    if (names.has(name)) faults.push(duplicate(`${at}.name`, name));
    names.add(name);
    return [...faults, ...expressionFaults(`${at}.expression`, expression, POLICY_NAMES)];
  });
}
