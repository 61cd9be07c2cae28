/** Which requests are written into the audit log, and how much of them (audit.k8s.io/v1 Policy). */

import { parse } from "yaml";
import { errorText, NaruError } from "../../lib/errors.ts";
import type { User } from "../machinery/admission.ts";

/** In growing order of what is told. */
const LEVELS = ["None", "Metadata", "Request", "RequestResponse"] as const;
type AuditLevel = (typeof LEVELS)[number];
const STAGES = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] as const;
export type AuditStage = (typeof STAGES)[number];

/** What of a request decides what is told of it; RequestAttributes of the API server have it. */
export interface AuditedRequest {
  readonly isResource: boolean;
  readonly path: string;
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
}

export interface AuditDecision {
  readonly level: AuditLevel;
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean;
}

interface Rule {
  level: AuditLevel;
  users?: string[];
  userGroups?: string[];
  verbs?: string[];
  namespaces?: string[];
  resources?: { group?: string; resources?: string[]; resourceNames?: string[] }[];
  nonResourceURLs?: string[];
  omitStages?: AuditStage[];
  omitManagedFields?: boolean;
}

interface Policy {
  apiVersion?: string;
  kind?: string;
  rules?: Rule[];
  omitStages?: AuditStage[];
  omitManagedFields?: boolean;
}

const RULE_FIELDS = new Set([
  "level",
  "users",
  "userGroups",
  "verbs",
  "namespaces",
  "resources",
  "nonResourceURLs",
  "omitStages",
  "omitManagedFields",
]);
const NOTHING: AuditDecision = { level: "None", omitStages: [], omitManagedFields: false };

export class AuditPolicy {
  private constructor(private readonly policy: Policy) {}

  /** @param text YAML or JSON @throws {NaruError} invalid, with what is wrong */
  static parse(text: string): AuditPolicy {
    let policy: Policy;
    try {
      policy = parse(text) as Policy;
    } catch (error) {
      throw new NaruError("invalid", `the audit policy is no YAML: ${errorText(error)}`);
    }
    const faults = policyFaults(policy);
    if (faults.length > 0) throw new NaruError("invalid", `the audit policy cannot be used: ${faults.join("; ")}`);
    return new AuditPolicy(policy);
  }

  /** By the first rule that speaks of the request; without one nothing is told. */
  decide(user: User, request: AuditedRequest): AuditDecision {
    const rule = this.policy.rules?.find((one) => matches(one, user, request));
    if (rule === undefined) return NOTHING;
    return {
      level: rule.level,
      omitStages: [...(this.policy.omitStages ?? []), ...(rule.omitStages ?? [])],
      omitManagedFields: rule.omitManagedFields ?? this.policy.omitManagedFields ?? false,
    };
  }
}

function policyFaults(policy: Policy): string[] {
  if (typeof policy !== "object" || policy === null) return ["it is no object"];
  const faults: string[] = [];
  if (policy.apiVersion !== "audit.k8s.io/v1" || policy.kind !== "Policy") {
    faults.push("apiVersion must be audit.k8s.io/v1 and kind Policy");
  }
  if (!Array.isArray(policy.rules) || policy.rules.length === 0)
    return [...faults, "rules must hold at least one rule"];
  faults.push(...stageFaults("omitStages", policy.omitStages));
  for (const [index, rule] of policy.rules.entries()) faults.push(...ruleFaults(`rules[${index}]`, rule));
  return faults;
}

function ruleFaults(at: string, rule: Rule): string[] {
  const faults = Object.keys(rule)
    .filter((field) => !RULE_FIELDS.has(field))
    .map((field) => `${at}.${field} is no field of a rule`);
  if (!LEVELS.includes(rule.level)) faults.push(`${at}.level must be one of ${LEVELS.join(", ")}`);
  if (rule.nonResourceURLs !== undefined && (rule.resources !== undefined || rule.namespaces !== undefined)) {
    faults.push(`${at} cannot be about both resources and nonResourceURLs`);
  }
  for (const url of rule.nonResourceURLs ?? []) {
    const star = url.indexOf("*");
    if ((url !== "*" && !url.startsWith("/")) || (star !== -1 && star !== url.length - 1)) {
      faults.push(`${at}.nonResourceURLs: ${JSON.stringify(url)} must begin with "/" and have "*" at its end alone`);
    }
  }
  return [...faults, ...stageFaults(`${at}.omitStages`, rule.omitStages)];
}

function stageFaults(at: string, stages: readonly AuditStage[] | undefined): string[] {
  const wrong = (stages ?? []).filter((stage) => !STAGES.includes(stage));
  return wrong.map((stage) => `${at}: ${JSON.stringify(stage)} is none of ${STAGES.join(", ")}`);
}

const allows = (list: readonly string[] | undefined, value: string) =>
  list === undefined || list.length === 0 || list.includes(value);

function matches(rule: Rule, user: User, request: AuditedRequest): boolean {
  const { userGroups = [] } = rule;
  if (!allows(rule.users, user.name) || !allows(rule.verbs, request.verb)) return false;
  if (userGroups.length > 0 && !userGroups.some((group) => user.groups.includes(group))) return false;
  const { namespaces = [], resources = [], nonResourceURLs = [] } = rule;
  if (namespaces.length > 0 || resources.length > 0) return request.isResource && matchesResource(rule, request);
  if (nonResourceURLs.length === 0) return true;
  const isOf = (url: string) => (url.endsWith("*") ? request.path.startsWith(url.slice(0, -1)) : url === request.path);
  return !request.isResource && nonResourceURLs.some(isOf);
}

function matchesResource({ namespaces, resources = [] }: Rule, request: AuditedRequest): boolean {
  if (!allows(namespaces, request.namespace)) return false;
  if (resources.length === 0) return true;
  return resources.some(({ group = "", resources: names = [], resourceNames = [] }) => {
    if (group !== request.group || !allows(resourceNames, request.name)) return false;
    return names.length === 0 || names.some((pattern) => isNamed(pattern, request));
  });
}

/** "pods", "pods/log", "pods/STAR" (its subresources), "STAR/scale" (of all), "STAR" (everything). */
function isNamed(pattern: string, { resource, subresource }: AuditedRequest): boolean {
  if (pattern === "*") return true;
  const [wanted, part] = pattern.split("/");
  if (part === undefined) return subresource === "" && wanted === resource;
  return subresource !== "" && (wanted === "*" || wanted === resource) && (part === "*" || part === subresource);
}
