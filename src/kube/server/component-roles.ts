/**
 * Roles of components that may run beside the cluster's own, which need none: another scheduler, another proxy, provisioners, what reads
 * nodes (Kubernetes' documentation of RBAC, "core component roles" and "other component roles").
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule } from "../../model/kubernetes/rbac.ts";
import { ALL_READ, accountSubject, binding, role, rule, userSubject } from "./role-objects.ts";

const FOLLOW = ["list", "watch"];
const KEEP = ["get", "list", "patch", "update", "watch"];
const tellEvents: PolicyRule[] = ["", "events.k8s.io"].map((group) =>
  rule(group, ["events"], ["create", "patch", "update"]),
);
const delegate: PolicyRule[] = [
  rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
  rule("authorization.k8s.io", ["subjectaccessreviews"], ["create"]),
];
/** A lease by its name, for the one of several that leads. */
const lead = (name: string): PolicyRule[] => [
  rule("coordination.k8s.io", ["leases"], ["create"]),
  { ...rule("coordination.k8s.io", ["leases"], ["get", "list", "update", "watch"]), resourceNames: [name] },
];

export const COMPONENT_ROLES: readonly ClusterRole[] = [
  role("system:kube-scheduler", [
    ...tellEvents,
    ...lead("kube-scheduler"),
    ...delegate,
    rule("", ["nodes", "namespaces", "replicationcontrollers", "services"], ALL_READ),
    rule("", ["persistentvolumeclaims", "persistentvolumes"], ALL_READ),
    rule("", ["pods"], ["delete", ...ALL_READ]),
    rule("", ["bindings", "pods/binding"], ["create"]),
    rule("", ["pods/status"], ["patch", "update"]),
    rule("apps", ["replicasets", "statefulsets"], ALL_READ),
    rule("policy", ["poddisruptionbudgets"], ALL_READ),
    rule("storage.k8s.io", ["csidrivers", "csinodes", "csistoragecapacities", "storageclasses"], ALL_READ),
  ]),
  role("system:volume-scheduler", [
    rule("", ["persistentvolumeclaims", "persistentvolumes"], KEEP),
    rule("storage.k8s.io", ["storageclasses"], ALL_READ),
  ]),
  role("system:kube-controller-manager", [
    ...tellEvents,
    ...lead("kube-controller-manager"),
    ...delegate,
    rule("", ["secrets", "serviceaccounts"], ["create", "get", "update"]),
    rule("", ["secrets"], ["delete"]),
    rule("", ["configmaps", "namespaces"], ["get"]),
    rule("", ["serviceaccounts/token"], ["create"]),
    rule("*", ["*"], FOLLOW),
  ]),
  role("system:node-proxier", [
    ...tellEvents,
    rule("", ["endpoints", "services"], FOLLOW),
    rule("", ["nodes"], ALL_READ),
    rule("discovery.k8s.io", ["endpointslices"], FOLLOW),
    rule("networking.k8s.io", ["servicecidrs"], FOLLOW),
  ]),
  role("system:kubelet-api-admin", [
    rule("", ["nodes"], [...ALL_READ, "proxy"]),
    rule(
      "",
      ["nodes/configz", "nodes/healthz", "nodes/log", "nodes/metrics", "nodes/pods", "nodes/proxy", "nodes/stats"],
      ["*"],
    ),
  ]),
  role("system:kube-aggregator", [rule("", ["endpoints", "services"], ALL_READ)]),
  role("system:kube-dns", [rule("", ["endpoints", "services"], FOLLOW)]),
  role("system:persistent-volume-provisioner", [
    ...tellEvents,
    rule("", ["events"], ["watch"]),
    rule("", ["persistentvolumes"], ["create", "delete", ...ALL_READ]),
    rule("", ["persistentvolumeclaims"], [...ALL_READ, "update"]),
    rule("storage.k8s.io", ["storageclasses"], ALL_READ),
  ]),
  role("system:node-problem-detector", [
    ...tellEvents,
    rule("", ["nodes"], ["get"]),
    rule("", ["nodes/status"], ["patch"]),
  ]),
];

export const COMPONENT_ROLE_BINDINGS: readonly ClusterRoleBinding[] = [
  binding("system:kube-scheduler", [userSubject("system:kube-scheduler")]),
  binding("system:volume-scheduler", [userSubject("system:kube-scheduler")]),
  binding("system:kube-controller-manager", [userSubject("system:kube-controller-manager")]),
  binding("system:node-proxier", [userSubject("system:kube-proxy")]),
  binding("system:kube-dns", [accountSubject("kube-system", "kube-dns")]),
];
