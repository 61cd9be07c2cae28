/** Does a webhook want to see this write? */

import type { RuleWithOperations, ValidatingWebhook } from "../../../model/kubernetes/admission.ts";
import { NAMESPACES } from "../../../model/kubernetes/names.ts";
import type { ResourceType } from "../../../model/kubernetes/object.ts";
import type { ClusterClient } from "../../contract.ts";
import type { AdmissionRequest } from "../../machinery/admission.ts";
import { labelSelectorMatcher } from "../../machinery/selectors.ts";

/** What a webhook or a policy says of the writes that it is about. */
export type Matching = Pick<ValidatingWebhook, "rules" | "matchPolicy" | "namespaceSelector" | "objectSelector">;

/** The version of the kind in which the webhook wants to see it; undefined: it does not. */
export function wantedType(
  webhook: Matching,
  request: AdmissionRequest,
  client: ClusterClient,
): ResourceType | undefined {
  // Nobody may lock the door to the locks.
  if (request.type.group === "admissionregistration.k8s.io") return undefined;
  const rules = (webhook.rules ?? []).filter((rule) => matchesWrite(rule, request));
  const type = versionFor(rules, webhook.matchPolicy !== "Exact", request.type, client);
  if (type === undefined || !inNamespaces(webhook, request, client)) return undefined;
  const matches = labelSelectorMatcher(webhook.objectSelector ?? {});
  const labels = [request.object?.metadata?.labels, request.before?.metadata.labels];
  const hasObject = request.object !== undefined || request.before !== undefined;
  return !hasObject || labels.some((one, index) => isThere(request, index) && matches(one)) ? type : undefined;
}

const isThere = ({ object, before }: AdmissionRequest, index: number) => (index === 0 ? object : before) !== undefined;
const includes = (list: readonly string[] | undefined, value: string) =>
  list?.some((one) => one === "*" || one === value);

/** True for a rule about this kind of write, whatever its version. */
export function matchesWrite(rule: RuleWithOperations, { operation, type, subresource }: AdmissionRequest): boolean {
  if (!includes(rule.operations, operation)) return false;
  if (rule.scope === "Cluster" && type.namespaced) return false;
  if (rule.scope === "Namespaced" && !type.namespaced) return false;
  return (rule.resources ?? []).some((pattern) => {
    const [resource, sub] = pattern.split("/");
    if (resource !== "*" && resource !== type.resource) return false;
    if (pattern === "*/*") return true;
    return subresource === undefined ? sub === undefined : sub === "*" || sub === subresource;
  });
}

function versionFor(
  rules: readonly RuleWithOperations[],
  equivalent: boolean,
  type: ResourceType,
  client: ClusterClient,
): ResourceType | undefined {
  const fits = (one: ResourceType) =>
    rules.some((rule) => includes(rule.apiGroups, one.group) && includes(rule.apiVersions, one.version));
  if (fits(type)) return type;
  if (!equivalent) return undefined;
  const stored = client.informer(type);
  return client.types().find((one) => one.kind === type.kind && client.informer(one) === stored && fits(one));
}

function inNamespaces(webhook: Matching, { type, namespace, object }: AdmissionRequest, client: ClusterClient) {
  const matches = labelSelectorMatcher(webhook.namespaceSelector ?? {});
  if (type.group === NAMESPACES.group && type.resource === NAMESPACES.resource) return matches(object?.metadata.labels);
  if (namespace === undefined) return true;
  return matches(client.informer(NAMESPACES).get(undefined, namespace)?.metadata.labels);
}
