/** Which flow schema a request belongs to, and to which flow of that schema. */

import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from "../../model/kubernetes/flowcontrol.ts";
import type { User } from "../machinery/admission.ts";

/** What of a request decides its flow; RequestAttributes of the API server have it. */
export interface FlowRequest {
  readonly isResource: boolean;
  readonly path: string;
  readonly verb: string;
  readonly group: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
}

/** Flow schemas in the order in which they are asked: the lowest precedence first, names decide between equal ones. */
export function inMatchingOrder<T extends FlowSchema>(schemas: readonly T[]): T[] {
  const precedence = ({ spec }: FlowSchema) => spec?.matchingPrecedence ?? 1000;
  const name = ({ metadata }: FlowSchema) => metadata.name ?? "";
  return [...schemas].sort((a, b) => precedence(a) - precedence(b) || (name(a) < name(b) ? -1 : 1));
}

/** True when one of the schema's rules speaks of this request. */
export function schemaMatches({ spec }: FlowSchema, user: User, request: FlowRequest): boolean {
  return (spec?.rules ?? []).some((rule) => ruleMatches(rule, user, request));
}

/** What tells the schema's flows from each other; "" when it has one alone. */
export function distinguisherOf({ spec }: FlowSchema, user: User, request: FlowRequest): string {
  switch (spec?.distinguisherMethod?.type) {
    case "ByUser":
      return user.name;
    case "ByNamespace":
      return request.namespace;
    default:
      return "";
  }
}

function ruleMatches(rule: PolicyRulesWithSubjects, user: User, request: FlowRequest): boolean {
  if (!rule.subjects.some((subject) => subjectMatches(subject, user))) return false;
  return request.isResource
    ? (rule.resourceRules ?? []).some((one) => resourceMatches(one, request))
    : (rule.nonResourceRules ?? []).some((one) => pathMatches(one, request));
}

function subjectMatches(subject: Subject, { name, groups }: User): boolean {
  switch (subject.kind) {
    case "User":
      return subject.user?.name === "*" || subject.user?.name === name;
    case "Group":
      return subject.group?.name === "*" || groups.includes(subject.group?.name ?? "");
    default: {
      const { serviceAccount } = subject;
      if (serviceAccount === undefined) return false;
      const ofNamespace = `system:serviceaccount:${serviceAccount.namespace}:`;
      return serviceAccount.name === "*" ? name.startsWith(ofNamespace) : name === ofNamespace + serviceAccount.name;
    }
  }
}

const includes = (list: readonly string[], value: string) => list.includes("*") || list.includes(value);

function resourceMatches(rule: ResourcePolicyRule, request: FlowRequest): boolean {
  const { verb, group, resource, subresource, namespace } = request;
  if (!includes(rule.verbs, verb) || !includes(rule.apiGroups, group)) return false;
  if (!includes(rule.resources, subresource === "" ? resource : `${resource}/${subresource}`)) return false;
  return namespace === "" ? rule.clusterScope === true : includes(rule.namespaces ?? [], namespace);
}

function pathMatches({ verbs, nonResourceURLs }: NonResourcePolicyRule, { verb, path }: FlowRequest): boolean {
  if (!includes(verbs, verb)) return false;
  return nonResourceURLs.some(
    (url) => url === "*" || url === path || (url.endsWith("*") && path.startsWith(url.slice(0, -1))),
  );
}
