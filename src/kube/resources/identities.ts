/** Who may do what: service accounts, roles and their bindings. */

import type { ServiceAccount } from "../../model/kubernetes/core.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  ROLE_BINDINGS,
  ROLES,
  SERVICE_ACCOUNTS,
} from "../../model/kubernetes/names.ts";
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from "../../model/kubernetes/rbac.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, invalid, notSupported, required } from "../machinery/field-error.ts";
import { pathSegmentFaults } from "../name-rules.ts";
import { selectorFaults } from "./common-rules.ts";

const GROUP = "rbac.authorization.k8s.io";

export const serviceAccounts: ResourceDefinition<ServiceAccount> = {
  type: SERVICE_ACCOUNTS,
  singular: "serviceaccount",
  shortNames: ["sa"],
  subresources: [
    { name: "token", group: "authentication.k8s.io", version: "v1", kind: "TokenRequest", verbs: ["create"] },
  ],
};

function ruleFaults(rules: readonly PolicyRule[] | undefined, namespaced: boolean): FieldError[] {
  return (rules ?? []).flatMap((rule, index) => {
    const at = `rules[${index}]`;
    const faults: FieldError[] = [];
    if ((rule.verbs ?? []).length === 0) faults.push(required(`${at}.verbs`, "verbs must contain at least one value"));
    if ((rule.nonResourceURLs ?? []).length > 0) {
      if (namespaced) {
        const why = "namespaced rules cannot apply to non-resource URLs";
        faults.push(invalid(`${at}.nonResourceURLs`, rule.nonResourceURLs, why));
      }
      if ([rule.apiGroups, rule.resources, rule.resourceNames].some((list) => (list ?? []).length > 0)) {
        const why = "rules cannot apply to both regular resources and non-resource URLs";
        faults.push(invalid(`${at}.nonResourceURLs`, rule.nonResourceURLs, why));
      }
      return faults;
    }
    if ((rule.apiGroups ?? []).length === 0) {
      faults.push(required(`${at}.apiGroups`, "resource rules must supply at least one api group"));
    }
    if ((rule.resources ?? []).length === 0) {
      faults.push(required(`${at}.resources`, "resource rules must supply at least one resource"));
    }
    return faults;
  });
}

export const roles: ResourceDefinition<Role> = {
  type: ROLES,
  singular: "role",
  nameFaults: pathSegmentFaults,
  validate: (role) => ruleFaults(role.rules, true),
};

export const clusterRoles: ResourceDefinition<ClusterRole> = {
  type: CLUSTER_ROLES,
  singular: "clusterrole",
  nameFaults: pathSegmentFaults,
  validate(role) {
    const faults = ruleFaults(role.rules, false);
    if (role.aggregationRule === undefined) return faults;
    const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
    const at = "aggregationRule.clusterRoleSelectors";
    if (selectors.length === 0)
      faults.push(required(at, "at least one clusterRoleSelector required if aggregationRule is non-nil"));
    return [...faults, ...selectors.flatMap((selector, index) => selectorFaults(`${at}[${index}]`, selector))];
  },
};

function fillBinding(binding: RoleBinding | ClusterRoleBinding): void {
  if (binding.roleRef !== undefined) binding.roleRef.apiGroup ||= GROUP;
  for (const subject of binding.subjects ?? []) {
    if (subject.kind === "User" || subject.kind === "Group") subject.apiGroup ||= GROUP;
  }
}

function bindingFaults(
  roleRef: RoleRef | undefined,
  subjects: readonly Subject[] | undefined,
  kinds: readonly string[],
): FieldError[] {
  const faults: FieldError[] = [];
  if (roleRef?.apiGroup !== GROUP) faults.push(notSupported("roleRef.apiGroup", roleRef?.apiGroup ?? "", [GROUP]));
  if (!kinds.includes(roleRef?.kind ?? "")) faults.push(notSupported("roleRef.kind", roleRef?.kind ?? "", kinds));
  if (!roleRef?.name) faults.push(required("roleRef.name"));
  else faults.push(...pathSegmentFaults(roleRef.name).map((why) => invalid("roleRef.name", roleRef.name, why)));
  for (const [index, subject] of (subjects ?? []).entries()) {
    const at = `subjects[${index}]`;
    if (!subject.name) faults.push(required(`${at}.name`));
    if (subject.kind === "ServiceAccount") {
      if (subject.apiGroup) faults.push(notSupported(`${at}.apiGroup`, subject.apiGroup, [""]));
      if (!subject.namespace) faults.push(required(`${at}.namespace`));
    } else if (subject.kind === "User" || subject.kind === "Group") {
      if (subject.apiGroup !== GROUP) faults.push(notSupported(`${at}.apiGroup`, subject.apiGroup, [GROUP]));
    } else faults.push(notSupported(`${at}.kind`, subject.kind ?? "", ["Group", "ServiceAccount", "User"]));
  }
  return faults;
}

function roleRefFaults(now: RoleRef, before: RoleRef): FieldError[] {
  return Bun.deepEquals(now, before) ? [] : [invalid("roleRef", now, "cannot change roleRef")];
}

export const roleBindings: ResourceDefinition<RoleBinding> = {
  type: ROLE_BINDINGS,
  singular: "rolebinding",
  nameFaults: pathSegmentFaults,
  defaults(binding) {
    fillBinding(binding);
    for (const subject of binding.subjects ?? []) {
      if (subject.kind === "ServiceAccount" && binding.metadata.namespace)
        subject.namespace ||= binding.metadata.namespace;
    }
  },
  validate: (binding) => bindingFaults(binding.roleRef, binding.subjects, ["ClusterRole", "Role"]),
  validateUpdate: (now, before) => roleRefFaults(now.roleRef, before.roleRef),
};

export const clusterRoleBindings: ResourceDefinition<ClusterRoleBinding> = {
  type: CLUSTER_ROLE_BINDINGS,
  singular: "clusterrolebinding",
  nameFaults: pathSegmentFaults,
  defaults: fillBinding,
  validate: (binding) => bindingFaults(binding.roleRef, binding.subjects, ["ClusterRole"]),
  validateUpdate: (now, before) => roleRefFaults(now.roleRef, before.roleRef),
};
