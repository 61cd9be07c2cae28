/** Roles and bindings of the cluster's own, as objects. Pure. */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Subject } from "../../model/kubernetes/rbac.ts";

export const RBAC_GROUP = "rbac.authorization.k8s.io";
export const RBAC_VERSION = `${RBAC_GROUP}/v1`;
export const BOOTSTRAPPING = { "kubernetes.io/bootstrapping": "rbac-defaults" };
export const AUTOUPDATE = { "rbac.authorization.kubernetes.io/autoupdate": "true" };
const AGGREGATE = `${RBAC_GROUP}/aggregate-to-`;

export const ALL_READ = ["get", "list", "watch"];

/** What may be done (`verbs`) with these resources of one group. */
export function rule(apiGroup: string, resources: readonly string[], verbs: readonly string[]): PolicyRule {
  return { apiGroups: [apiGroup], resources: [...resources], verbs: [...verbs] };
}

/** @param more `aggregatesTo`: the role that it is a part of; `from`: the roles that it is made of */
export function role(
  name: string,
  rules: PolicyRule[],
  more: { aggregatesTo?: string; from?: readonly string[] } = {},
): ClusterRole {
  const labels = more.aggregatesTo === undefined ? {} : { [`${AGGREGATE}${more.aggregatesTo}`]: "true" };
  const selectors = more.from?.map((wanted) => ({ matchLabels: { [`${AGGREGATE}${wanted}`]: "true" } }));
  return {
    apiVersion: RBAC_VERSION,
    kind: "ClusterRole",
    metadata: { name, labels: { ...BOOTSTRAPPING, ...labels }, annotations: AUTOUPDATE },
    ...(selectors === undefined ? {} : { aggregationRule: { clusterRoleSelectors: selectors } }),
    rules,
  };
}

/** Of the role with the same name. */
export function binding(name: string, subjects: Subject[]): ClusterRoleBinding {
  return {
    apiVersion: RBAC_VERSION,
    kind: "ClusterRoleBinding",
    metadata: { name, labels: BOOTSTRAPPING, annotations: AUTOUPDATE },
    roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name },
    subjects,
  };
}

export const groupSubject = (name: string): Subject => ({ apiGroup: RBAC_GROUP, kind: "Group", name });
export const userSubject = (name: string): Subject => ({ apiGroup: RBAC_GROUP, kind: "User", name });
export const accountSubject = (namespace: string, name: string): Subject => ({
  kind: "ServiceAccount",
  name,
  namespace,
});
