/** ValidatingAdmissionPolicies: rules about writes as expressions, put to use by bindings (admissionregistration.k8s.io/v1). */

import { errorText } from "../../lib/errors.ts";
import type {
  MatchResources,
  NamedRuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  Validation,
} from "../../model/kubernetes/admission.ts";
import {
  NAMESPACES,
  VALIDATING_ADMISSION_POLICIES,
  VALIDATING_ADMISSION_POLICY_BINDINGS,
} from "../../model/kubernetes/names.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { fromJson, type Value } from "../expressions/values.ts";
import type { AdmissionRequest, AdmissionStep } from "../machinery/admission.ts";
import { labelSelectorMatcher } from "../machinery/selectors.ts";
import { StatusError, type StatusReason } from "../status.ts";
import { conditionsHold, POLICY_NAMES, programOf, requestValues } from "./admission-expressions.ts";
import { forbidden } from "./forbidden.ts";
import { matchesWrite, wantedType } from "./webhooks/webhook-rules.ts";

export function validatingPolicies(client: ClusterClient): AdmissionStep {
  const bindings = client.informer(VALIDATING_ADMISSION_POLICY_BINDINGS);
  const policies = client.informer(VALIDATING_ADMISSION_POLICIES);
  return {
    name: "ValidatingAdmissionPolicy",
    check(request) {
      for (const binding of bindings.list()) {
        const policy = policies.get(undefined, binding.spec?.policyName ?? "");
        if (policy === undefined || !concerns(policy, binding, request, client)) continue;
        for (const params of paramsFor(policy, binding, request, client))
          judge(policy, binding, request, params, client);
      }
    },
  };
}

function concerns(
  policy: ValidatingAdmissionPolicy,
  binding: ValidatingAdmissionPolicyBinding,
  request: AdmissionRequest,
  client: ClusterClient,
): boolean {
  const { matchConstraints } = policy.spec ?? {};
  const { matchResources } = binding.spec ?? {};
  if (matchConstraints === undefined || !matchesResources(matchConstraints, request, client)) return false;
  return matchResources === undefined || matchesResources(matchResources, request, client);
}

function matchesResources(match: MatchResources, request: AdmissionRequest, client: ClusterClient): boolean {
  const named = ({ resourceNames = [] }: NamedRuleWithOperations) =>
    resourceNames.length === 0 || resourceNames.includes(request.name);
  if ((match.excludeResourceRules ?? []).some((rule) => named(rule) && matchesWrite(rule, request))) return false;
  const everything = [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] }];
  // A binding without rules takes all that its policy takes.
  const rules = (match.resourceRules ?? []).length > 0 ? match.resourceRules!.filter(named) : everything;
  return wantedType({ ...match, rules } as unknown as ValidatingWebhook, request, client) !== undefined;
}

/** The objects that the binding hands to the policy, one judgement each; null: the policy takes none. */
function paramsFor(
  { spec: policy }: ValidatingAdmissionPolicy,
  { spec: binding, metadata }: ValidatingAdmissionPolicyBinding,
  request: AdmissionRequest,
  client: ClusterClient,
): (KubeObject | null)[] {
  if (policy?.paramKind === undefined || binding?.paramRef === undefined) return [null];
  const { name, selector, parameterNotFoundAction } = binding.paramRef;
  const type = client.typeOf(policy.paramKind.apiVersion ?? "", policy.paramKind.kind ?? "");
  const namespace = type?.namespaced ? (binding.paramRef.namespace ?? request.namespace) : undefined;
  const matches = labelSelectorMatcher(selector);
  const found =
    type === undefined
      ? []
      : client
          .informer(type)
          .list(namespace)
          .filter((one) => (name === undefined ? matches(one.metadata.labels) : one.metadata.name === name));
  if (found.length > 0 || parameterNotFoundAction === "Allow") return [...found];
  if (policy.failurePolicy === "Ignore") return [];
  throw forbidden(
    request,
    `failed to configure binding: no params found for policy binding with \`Deny\` parameterNotFoundAction (${metadata.name})`,
  );
}

function judge(
  policy: ValidatingAdmissionPolicy,
  binding: ValidatingAdmissionPolicyBinding,
  request: AdmissionRequest,
  params: KubeObject | null,
  client: ClusterClient,
): void {
  const { matchConditions = [], validations = [], failurePolicy } = policy.spec ?? {};
  const values = valuesFor(policy, request, params, client);
  try {
    if (!conditionsHold(matchConditions, values, POLICY_NAMES)) return;
  } catch (error) {
    if (failurePolicy === "Ignore") return;
    throw forbidden(request, errorText(error));
  }
  for (const validation of validations) {
    const fault = faultOf(validation, values, failurePolicy === "Ignore");
    if (fault !== undefined) act(policy, binding, request, validation, fault);
  }
}

function valuesFor(
  policy: ValidatingAdmissionPolicy,
  request: AdmissionRequest,
  params: KubeObject | null,
  client: ClusterClient,
): Record<string, Value> {
  const namespace = client.informer(NAMESPACES).get(undefined, request.namespace ?? "");
  const variables = new Map<Value, Value>();
  const values: Record<string, Value> = {
    ...requestValues(request),
    params: fromJson(params),
    namespaceObject: fromJson(namespace ?? null),
    variables,
  };
  for (const { name, expression } of policy.spec?.variables ?? []) {
    try {
      variables.set(name, programOf(expression, POLICY_NAMES).evaluate(values));
    } catch {
      // Whoever uses it fails with "no such key"; whoever does not is not concerned.
    }
  }
  return values;
}

/** Undefined: it holds, or cannot be computed and that is to be ignored. */
function faultOf(validation: Validation, values: Record<string, Value>, ignoresErrors: boolean): string | undefined {
  try {
    if (programOf(validation.expression, POLICY_NAMES).evaluate(values) === true) return undefined;
  } catch (error) {
    const why = `expression '${validation.expression}' resulted in error: ${errorText(error)}`;
    return ignoresErrors ? undefined : why;
  }
  return messageOf(validation, values) ?? (validation.message || `failed expression: ${validation.expression.trim()}`);
}

function messageOf({ messageExpression }: Validation, values: Record<string, Value>): string | undefined {
  if (!messageExpression) return undefined;
  try {
    const message = programOf(messageExpression, POLICY_NAMES).evaluate(values);
    return typeof message === "string" && message.trim() !== "" ? message : undefined;
  } catch {
    return undefined;
  }
}

function act(
  policy: ValidatingAdmissionPolicy,
  binding: ValidatingAdmissionPolicyBinding,
  request: AdmissionRequest,
  { reason }: Validation,
  fault: string,
): void {
  const actions = binding.spec?.validationActions ?? [];
  const of = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  if (actions.includes("Warn")) request.warn(`Validation failed for ${of}: ${fault}`);
  if (!actions.includes("Deny")) return;
  const { message, details } = forbidden(request, `${of} denied request: ${fault}`);
  throw new StatusError((reason as StatusReason | undefined) ?? "Invalid", message, {
    ...details,
    causes: [{ message: fault }],
  });
}
