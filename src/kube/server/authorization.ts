/** Role-based access control: who may do what, from the roles and bindings as they are now. */

import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES } from "../../model/kubernetes/names.ts";
import type { ClusterRoleBinding, PolicyRule, RoleBinding, RoleRef, Subject } from "../../model/kubernetes/rbac.ts";
import type { ClusterClient } from "../contract.ts";
import { type StatusDetails, StatusError } from "../status.ts";
import type { RequestAttributes } from "./request-attributes.ts";
import type { User } from "./user.ts";

/** Members may do everything, also when no role can be read. */
const MASTERS = "system:masters";
const BY_SUBJECT = "rbac-subject";

export type Access = Pick<
  RequestAttributes,
  "isResource" | "path" | "verb" | "group" | "namespace" | "resource" | "subresource" | "name"
>;

interface Decision {
  isAllowed: boolean;
  /** Which binding allows it, as SubjectAccessReview tells. */
  reason: string;
}

/** A rule that holds for a user, and where it came from. */
interface HeldRule {
  rule: PolicyRule;
  source: string;
}

export class Authorization {
  constructor(private readonly client: ClusterClient) {
    client.informer(CLUSTER_ROLE_BINDINGS).addIndex(BY_SUBJECT, (binding) => subjectKeys(binding));
    client.informer(ROLE_BINDINGS).addIndex(BY_SUBJECT, (binding) => subjectKeys(binding));
  }

  /** Resolves when roles and bindings have been read. */
  async ready(): Promise<void> {
    const types = [CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES];
    await Promise.all(types.map((type) => this.client.informer<never>(type as never).synced));
  }

  decide(user: User, access: Access): Decision {
    if (user.groups.includes(MASTERS)) return { isAllowed: true, reason: "" };
    for (const { rule, source } of this.#rulesOf(user, access.namespace)) {
      if (ruleAllows(rule, access)) return { isAllowed: true, reason: `RBAC: allowed by ${source}` };
    }
    return { isAllowed: false, reason: "" };
  }

  /** @throws StatusError Forbidden in Kubernetes' words */
  check(user: User, access: Access): void {
    if (!this.decide(user, access).isAllowed) throw forbidden(user, access);
  }

  /** All rules that a user has in a namespace, for SelfSubjectRulesReview. */
  rulesOf(user: User, namespace: string): PolicyRule[] {
    const rules = [...this.#rulesOf(user, namespace)].map(({ rule }) => rule);
    if (!user.groups.includes(MASTERS)) return rules;
    return [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }, { nonResourceURLs: ["*"], verbs: ["*"] }, ...rules];
  }

  *#rulesOf(user: User, namespace: string): Generator<HeldRule> {
    const seen = new Set<unknown>();
    for (const key of userKeys(user)) {
      for (const binding of this.client.informer(CLUSTER_ROLE_BINDINGS).byIndex(BY_SUBJECT, key)) {
        if (!seen.has(binding)) yield* this.#rulesBy(binding, "ClusterRoleBinding", binding.metadata.name);
        seen.add(binding);
      }
      if (namespace === "") continue;
      for (const binding of this.client.informer(ROLE_BINDINGS).byIndex(BY_SUBJECT, key)) {
        if (binding.metadata.namespace !== namespace || seen.has(binding)) continue;
        seen.add(binding);
        yield* this.#rulesBy(binding, "RoleBinding", `${binding.metadata.name}/${namespace}`);
      }
    }
  }

  *#rulesBy(binding: RoleBinding | ClusterRoleBinding, kind: string, shown: string): Generator<HeldRule> {
    const { roleRef } = binding;
    const source = `${kind} "${shown}" of ${roleRef.kind} "${roleRef.name}"`;
    for (const rule of this.#rulesOfRole(roleRef, binding.metadata.namespace)) yield { rule, source };
  }

  #rulesOfRole({ kind, name }: RoleRef, namespace: string | undefined): readonly PolicyRule[] {
    if (kind === "ClusterRole") return this.client.informer(CLUSTER_ROLES).get(undefined, name)?.rules ?? [];
    return this.client.informer(ROLES).get(namespace, name)?.rules ?? [];
  }

  /** The rules that a binding to `roleRef` would give. */
  rulesOfRole(roleRef: RoleRef, namespace: string | undefined): readonly PolicyRule[] {
    return this.#rulesOfRole(roleRef, namespace);
  }
}

/** `pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"` */
export function forbidden(user: User, access: Access): StatusError {
  const { verb, group, namespace, resource, subresource, name } = access;
  if (!access.isResource) {
    const message = `forbidden: User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(access.path)}`;
    return new StatusError("Forbidden", message, {});
  }
  const qualified = group === "" ? resource : `${resource}.${group}`;
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  const what = name === "" ? qualified : `${qualified} ${JSON.stringify(name)}`;
  const details: StatusDetails = {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    kind: resource,
  };
  return new StatusError(
    "Forbidden",
    `${what} is forbidden: User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(whole)} ` +
      `in API group ${JSON.stringify(group)} ${where}`,
    details,
  );
}

/** As Kubernetes reads a rule: every part must match, "*" matches all, "STAR/scale" the subresource of all. */
export function ruleAllows(rule: PolicyRule, access: Access): boolean {
  if (!matches(rule.verbs, access.verb)) return false;
  if (!access.isResource) return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, access.path));
  const { resource, subresource, name } = access;
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  const resources = rule.resources ?? [];
  const names = rule.resourceNames ?? [];
  return (
    matches(rule.apiGroups ?? [], access.group) &&
    (matches(resources, whole) || (subresource !== "" && resources.includes(`*/${subresource}`))) &&
    (names.length === 0 || names.includes(name))
  );
}

function matches(list: readonly string[], value: string): boolean {
  return list.includes("*") || list.includes(value);
}

function pathMatches(pattern: string, path: string): boolean {
  if (pattern === "*" || pattern === path) return true;
  return pattern.endsWith("*") && path.startsWith(pattern.slice(0, -1));
}

function userKeys({ name, groups }: User): string[] {
  return [`User ${name}`, ...groups.map((group) => `Group ${group}`)];
}

function subjectKeys(binding: { metadata: { namespace?: string }; subjects?: Subject[] }): string[] {
  return (binding.subjects ?? []).map(({ kind, name, namespace }) =>
    kind === "ServiceAccount"
      ? `User system:serviceaccount:${namespace ?? binding.metadata.namespace ?? ""}:${name}`
      : `${kind} ${name}`,
  );
}
