/** Which webhooks are asked before writes are stored (admissionregistration.k8s.io/v1). */

import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from "../../model/kubernetes/admission.ts";
import { MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_WEBHOOK_CONFIGURATIONS } from "../../model/kubernetes/names.ts";
import { CONDITION_NAMES, expressionFaults } from "../admission/admission-expressions.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { duplicate, type FieldError, invalid, notSupported, required } from "../machinery/field-error.ts";
import { oneOf } from "./common-rules.ts";
import { webhookPlaceFaults } from "./webhook-place.ts";

type Webhook = ValidatingWebhook & Partial<MutatingWebhook>;
type Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration;

const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const LONGEST_SECONDS = 30;

export const validatingWebhookConfigurations: ResourceDefinition<ValidatingWebhookConfiguration> = {
  type: VALIDATING_WEBHOOK_CONFIGURATIONS,
  singular: "validatingwebhookconfiguration",
  categories: ["api-extensions"],
  generation: true,
  defaults: (configuration) => fillAll(configuration, false),
  validate: (configuration) => faultsOf(configuration, false),
};

export const mutatingWebhookConfigurations: ResourceDefinition<MutatingWebhookConfiguration> = {
  type: MUTATING_WEBHOOK_CONFIGURATIONS,
  singular: "mutatingwebhookconfiguration",
  categories: ["api-extensions"],
  generation: true,
  defaults: (configuration) => fillAll(configuration, true),
  validate: (configuration) => faultsOf(configuration, true),
};

function fillAll({ webhooks }: Configuration, mutating: boolean): void {
  for (const webhook of (webhooks ?? []) as Webhook[]) {
    webhook.failurePolicy ||= "Fail";
    webhook.matchPolicy ||= "Equivalent";
    webhook.namespaceSelector ??= {};
    webhook.objectSelector ??= {};
    webhook.timeoutSeconds ??= 10;
    if (mutating) webhook.reinvocationPolicy ||= "Never";
    for (const rule of webhook.rules ?? []) rule.scope ||= "*";
    const { service } = webhook.clientConfig ?? {};
    if (service !== undefined) service.port ??= 443;
  }
}

function faultsOf({ webhooks = [] }: Configuration, mutating: boolean): FieldError[] {
  const names = new Set<string>();
  return (webhooks as Webhook[]).flatMap((webhook, index) => {
    const at = `webhooks[${index}]`;
    const repeated = names.has(webhook.name) ? [duplicate(`${at}.name`, webhook.name)] : [];
    names.add(webhook.name);
    return [...repeated, ...webhookFaults(webhook, at, mutating)];
  });
}

function webhookFaults(webhook: Webhook, at: string, mutating: boolean): FieldError[] {
  const faults: FieldError[] = [];
  if (!webhook.name) faults.push(required(`${at}.name`));
  else if (webhook.name.split(".").length < 3) {
    faults.push(
      invalid(`${at}.name`, webhook.name, "should be a domain with at least three segments separated by dots"),
    );
  }
  if (!webhook.sideEffects) faults.push(required(`${at}.sideEffects`, "must specify one of None, NoneOnDryRun"));
  else if (!["None", "NoneOnDryRun"].includes(webhook.sideEffects)) {
    faults.push(notSupported(`${at}.sideEffects`, webhook.sideEffects, ["None", "NoneOnDryRun"]));
  }
  const versions = webhook.admissionReviewVersions ?? [];
  if (versions.length === 0) faults.push(required(`${at}.admissionReviewVersions`, "must specify one of v1, v1beta1"));
  else if (!versions.includes("v1")) {
    faults.push(invalid(`${at}.admissionReviewVersions`, versions, "must include at least one of v1"));
  }
  faults.push(...oneOf(`${at}.failurePolicy`, webhook.failurePolicy, ["Fail", "Ignore"]));
  faults.push(...oneOf(`${at}.matchPolicy`, webhook.matchPolicy, ["Equivalent", "Exact"]));
  if (mutating) faults.push(...oneOf(`${at}.reinvocationPolicy`, webhook.reinvocationPolicy, ["IfNeeded", "Never"]));
  const seconds = webhook.timeoutSeconds ?? 10;
  if (seconds < 1 || seconds > LONGEST_SECONDS) {
    faults.push(invalid(`${at}.timeoutSeconds`, seconds, "the timeout value must be between 1 and 30 seconds"));
  }
  for (const [index, { name, expression }] of (webhook.matchConditions ?? []).entries()) {
    const where = `${at}.matchConditions[${index}]`;
    if (!name) faults.push(required(`${where}.name`));
    faults.push(...expressionFaults(`${where}.expression`, expression, CONDITION_NAMES));
  }
  faults.push(...webhookPlaceFaults(webhook.clientConfig, `${at}.clientConfig`));
  return [...faults, ...(webhook.rules ?? []).flatMap((rule, index) => ruleFaults(rule, `${at}.rules[${index}]`))];
}

function ruleFaults(rule: RuleWithOperations, at: string): FieldError[] {
  const faults: FieldError[] = [];
  for (const part of ["operations", "apiGroups", "apiVersions", "resources"] as const) {
    if ((rule[part] ?? []).length === 0) faults.push(required(`${at}.${part}`));
  }
  for (const [index, operation] of (rule.operations ?? []).entries()) {
    if (!OPERATIONS.includes(operation)) faults.push(notSupported(`${at}.operations[${index}]`, operation, OPERATIONS));
  }
  return [...faults, ...oneOf(`${at}.scope`, rule.scope, ["*", "Cluster", "Namespaced"])];
}
