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

const POLICY_FIELDS = ["apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"];
const LISTS = ["users", "userGroups", "verbs", "namespaces", "nonResourceURLs"] as const;
const RULE_FIELDS = ["level", ...LISTS, "resources", "omitStages", "omitManagedFields"];
const RESOURCE_FIELDS = ["group", "resources", "resourceNames"];
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

const isText = (value: unknown) => typeof value === "string";
const isList = (value: unknown) => value === undefined || (Array.isArray(value) && value.every(isText));
const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Fields that are none: a word that is written wrongly must not go unseen. */
function fieldFaults(at: string, object: object, known: readonly string[]): string[] {
  const unknown = Object.keys(object).filter((field) => !known.includes(field));
  return unknown.map((field) => `${at === "" ? "" : `${at}.`}${field} is no field here`);
}

function policyFaults(policy: Policy): string[] {
  if (!isObject(policy)) return ["it is no object"];
  const faults = fieldFaults("", policy, POLICY_FIELDS);
  if (policy.apiVersion !== "audit.k8s.io/v1" || policy.kind !== "Policy") {
    faults.push("apiVersion must be audit.k8s.io/v1 and kind Policy");
  }
  faults.push(...omissionFaults("", policy));
  if (!Array.isArray(policy.rules) || policy.rules.length === 0)
    return [...faults, "rules must hold at least one rule"];
  for (const [index, rule] of policy.rules.entries()) faults.push(...ruleFaults(`rules[${index}]`, rule));
  return faults;
}

function ruleFaults(at: string, rule: Rule): string[] {
  if (!isObject(rule)) return [`${at} is no object`];
  const faults = fieldFaults(at, rule, RULE_FIELDS);
  if (!LEVELS.includes(rule.level)) faults.push(`${at}.level must be one of ${LEVELS.join(", ")}`);
  for (const field of LISTS) if (!isList(rule[field])) faults.push(`${at}.${field} must be a list of texts`);
  faults.push(...resourceFaults(`${at}.resources`, rule.resources), ...omissionFaults(`${at}.`, rule));
  if (rule.nonResourceURLs !== undefined && (rule.resources !== undefined || rule.namespaces !== undefined)) {
    faults.push(`${at} cannot be about both resources and nonResourceURLs`);
  }
  if (faults.length > 0) return faults;
  const isPath = (url: string) => url === "*" || /^\/[^*]*\*?$/.test(url);
  return (rule.nonResourceURLs ?? [])
    .filter((url) => !isPath(url))
    .map((url) => `${at}.nonResourceURLs: ${JSON.stringify(url)} must begin with "/" and have "*" at its end alone`);
}

function resourceFaults(at: string, resources: Rule["resources"]): string[] {
  if (resources === undefined) return [];
  if (!Array.isArray(resources)) return [`${at} must be a list`];
  return resources.flatMap((one, index) => {
    const where = `${at}[${index}]`;
    if (!isObject(one)) return [`${where} is no object`];
    const faults = fieldFaults(where, one, RESOURCE_FIELDS);
    if (one.group !== undefined && !isText(one.group)) faults.push(`${where}.group must be a text`);
    for (const field of ["resources", "resourceNames"] as const)
      if (!isList(one[field])) faults.push(`${where}.${field} must be a list of texts`);
    if (one.resourceNames?.length && !one.resources?.length)
      faults.push(`${where}.resourceNames needs the resources whose names they are`);
    return faults;
  });
}

/** What both the policy and a rule say of what is left out. */
function omissionFaults(at: string, { omitStages, omitManagedFields }: Policy | Rule): string[] {
  const faults: string[] = [];
  if (omitManagedFields !== undefined && typeof omitManagedFields !== "boolean")
    faults.push(`${at}omitManagedFields must be true or false`);
  if (!isList(omitStages)) return [...faults, `${at}omitStages must be a list of texts`];
  const wrong = (omitStages ?? []).filter((stage) => !STAGES.includes(stage));
  return [
    ...faults,
    ...wrong.map((stage) => `${at}omitStages: ${JSON.stringify(stage)} is none of ${STAGES.join(", ")}`),
  ];
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
