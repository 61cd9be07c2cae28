/** The roles and bindings that every cluster has (Kubernetes' documentation of RBAC, "default roles and role bindings"). */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role } from "../../model/kubernetes/rbac.ts";
import { COMPONENT_ROLE_BINDINGS, COMPONENT_ROLES } from "./component-roles.ts";
import {
  ALL_READ,
  AUTOUPDATE,
  BOOTSTRAPPING,
  binding,
  groupSubject,
  RBAC_GROUP,
  RBAC_VERSION,
  role,
  rule,
} from "./role-objects.ts";
import { ANONYMOUS, AUTHENTICATED } from "./user.ts";

const WRITE = ["create", "delete", "deletecollection", "patch", "update"];

const scaled = (names: readonly string[]) => names.flatMap((name) => [name, `${name}/scale`]);
const withStatus = (names: readonly string[]) => names.flatMap((name) => [name, `${name}/status`]);

const CORE = ["configmaps", "persistentvolumeclaims", "pods", "serviceaccounts", "services"];
const APPS = ["daemonsets", "deployments", "deployments/rollback", "replicasets", "statefulsets"];
const SCALED_APPS = ["deployments/scale", "replicasets/scale", "statefulsets/scale"];

/** What a reader of a namespace sees: everything but secrets, roles and their bindings. */
const VIEW_RULES: PolicyRule[] = [
  rule("", ["endpoints", ...CORE, ...scaled(["replicationcontrollers"])], ALL_READ),
  rule("", ["persistentvolumeclaims/status", "pods/log", "pods/status", "replicationcontrollers/status"], ALL_READ),
  rule("", ["bindings", "events", "limitranges", "namespaces", "namespaces/status", "services/status"], ALL_READ),
  rule("", ["resourcequotas", "resourcequotas/status"], ALL_READ),
  rule("discovery.k8s.io", ["endpointslices"], ALL_READ),
  rule("apps", ["controllerrevisions", ...withStatus(APPS), ...SCALED_APPS], ALL_READ),
  rule("autoscaling", withStatus(["horizontalpodautoscalers"]), ALL_READ),
  rule("batch", withStatus(["cronjobs", "jobs"]), ALL_READ),
  rule("policy", withStatus(["poddisruptionbudgets"]), ALL_READ),
  rule("networking.k8s.io", ["ingresses", "ingresses/status", "networkpolicies"], ALL_READ),
  rule("metrics.k8s.io", ["pods", "nodes"], ALL_READ),
];

const EDIT_RULES: PolicyRule[] = [
  rule("", ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"], ALL_READ),
  rule("", ["serviceaccounts"], ["impersonate"]),
  rule("", ["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"], WRITE),
  rule("", ["pods/eviction"], ["create"]),
  rule("", ["configmaps", "events", "persistentvolumeclaims", "secrets", "serviceaccounts", "services"], WRITE),
  rule("", ["services/proxy", ...scaled(["replicationcontrollers"])], WRITE),
  rule("", ["serviceaccounts/token"], ["create"]),
  rule("apps", [...APPS, ...SCALED_APPS], WRITE),
  rule("autoscaling", ["horizontalpodautoscalers"], WRITE),
  rule("batch", ["cronjobs", "jobs"], WRITE),
  rule("policy", ["poddisruptionbudgets"], WRITE),
  rule("networking.k8s.io", ["ingresses", "networkpolicies"], WRITE),
  rule("coordination.k8s.io", ["leases"], [...ALL_READ, ...WRITE]),
];

const ADMIN_RULES: PolicyRule[] = [
  rule("authorization.k8s.io", ["localsubjectaccessreviews"], ["create"]),
  rule(RBAC_GROUP, ["rolebindings", "roles"], [...ALL_READ, ...WRITE]),
];

const PUBLIC_PATHS = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
const DISCOVERY_PATHS = ["/api", "/api/*", "/apis", "/apis/*", ...PUBLIC_PATHS, "/openapi", "/openapi/*"];
const MONITORING_PATHS = ["/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/readyz", "/readyz/*"];
const ISSUER_PATHS = [
  "/.well-known/openid-configuration",
  "/.well-known/openid-configuration/",
  "/openid/v1/jwks",
  "/openid/v1/jwks/",
];

const paths = (nonResourceURLs: string[]): PolicyRule[] => [{ nonResourceURLs, verbs: ["get"] }];

/** Roles of the namespace kube-system. */
export const DEFAULT_ROLES: readonly Role[] = [
  {
    apiVersion: RBAC_VERSION,
    kind: "Role",
    metadata: {
      name: "extension-apiserver-authentication-reader",
      labels: BOOTSTRAPPING,
      annotations: AUTOUPDATE,
    },
    rules: [{ ...rule("", ["configmaps"], ALL_READ), resourceNames: ["extension-apiserver-authentication"] }],
  },
];

export const DEFAULT_CLUSTER_ROLES: readonly ClusterRole[] = [
  role("cluster-admin", [
    { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
    { nonResourceURLs: ["*"], verbs: ["*"] },
  ]),
  role("system:discovery", paths(DISCOVERY_PATHS)),
  role("system:public-info-viewer", paths(PUBLIC_PATHS)),
  role("system:monitoring", paths(MONITORING_PATHS)),
  role("system:service-account-issuer-discovery", paths(ISSUER_PATHS)),
  role("system:basic-user", [
    rule("authorization.k8s.io", ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
    rule("authentication.k8s.io", ["selfsubjectreviews"], ["create"]),
  ]),
  role("system:certificates.k8s.io:certificatesigningrequests:nodeclient", [
    rule("certificates.k8s.io", ["certificatesigningrequests/nodeclient"], ["create"]),
  ]),
  role("system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", [
    rule("certificates.k8s.io", ["certificatesigningrequests/selfnodeclient"], ["create"]),
  ]),
  ...["kube-apiserver-client", "kube-apiserver-client-kubelet", "kubelet-serving"].map((signer) =>
    role(`system:certificates.k8s.io:${signer}-approver`, [
      { ...rule("certificates.k8s.io", ["signers"], ["approve"]), resourceNames: [`kubernetes.io/${signer}`] },
    ]),
  ),
  role("system:node-bootstrapper", [
    rule("certificates.k8s.io", ["certificatesigningrequests"], ["create", "get", "list", "watch"]),
  ]),
  role("system:auth-delegator", [
    rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
    rule("authorization.k8s.io", ["subjectaccessreviews"], ["create"]),
  ]),
  role("system:aggregate-to-view", VIEW_RULES, { aggregatesTo: "view" }),
  role("system:aggregate-to-edit", EDIT_RULES, { aggregatesTo: "edit" }),
  role("system:aggregate-to-admin", ADMIN_RULES, { aggregatesTo: "admin" }),
  role("view", VIEW_RULES, { aggregatesTo: "edit", from: ["view"] }),
  role("edit", [...EDIT_RULES, ...VIEW_RULES], { aggregatesTo: "admin", from: ["edit"] }),
  role("admin", [...ADMIN_RULES, ...EDIT_RULES, ...VIEW_RULES], { from: ["admin"] }),
  ...COMPONENT_ROLES,
];

export const DEFAULT_CLUSTER_ROLE_BINDINGS: readonly ClusterRoleBinding[] = [
  binding("cluster-admin", ["system:masters"].map(groupSubject)),
  binding("system:monitoring", ["system:monitoring"].map(groupSubject)),
  binding("system:discovery", [AUTHENTICATED].map(groupSubject)),
  binding("system:basic-user", [AUTHENTICATED].map(groupSubject)),
  binding("system:public-info-viewer", [AUTHENTICATED, ...ANONYMOUS.groups].map(groupSubject)),
  binding("system:service-account-issuer-discovery", ["system:serviceaccounts"].map(groupSubject)),
  ...COMPONENT_ROLE_BINDINGS,
];
