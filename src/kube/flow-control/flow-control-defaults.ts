/**
 * The flow schemas and priority levels that every cluster has: the mandatory ones, without which no request could be placed, and those
 * that Kubernetes suggests (names and numbers: its documentation, "API Priority and Fairness", defaults).
 */

import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  ResourcePolicyRule,
  Subject,
} from "../../model/kubernetes/flowcontrol.ts";

const API_VERSION = "flowcontrol.apiserver.k8s.io/v1";
/** "true": the object follows the defaults of newer versions. */
export const AUTO_UPDATE = "apf.kubernetes.io/autoupdate-spec";
export const EXEMPT = "exempt";
const CATCH_ALL = "catch-all";

const EVERYBODY = [group("system:unauthenticated"), group("system:authenticated")];
const MANAGER = user("system:kube-controller-manager");
const SCHEDULER = user("system:kube-scheduler");
const ALL_RESOURCES = resources({ clusterScope: true, namespaces: ["*"] });
const ALL_PATHS = { verbs: ["*"], nonResourceURLs: ["*"] };
const LEASES: Partial<ResourcePolicyRule> = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
const ELECTION_VERBS = ["get", "create", "update"];

export const DEFAULT_PRIORITY_LEVELS: readonly PriorityLevelConfiguration[] = [
  level(EXEMPT, { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
  level(CATCH_ALL, {
    type: "Limited",
    limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: "Reject" } },
  }),
  queued("system", 30, 33, 64),
  queued("node-high", 40, 25, 64),
  queued("leader-election", 10, 0, 16, 4),
  queued("workload-high", 40, 50, 128),
  queued("workload-low", 100, 90, 128),
  queued("global-default", 20, 50, 128),
];

export const DEFAULT_FLOW_SCHEMAS: readonly FlowSchema[] = [
  schema(EXEMPT, 1, EXEMPT, undefined, [{ subjects: [group("system:masters")], ...everything() }]),
  schema(CATCH_ALL, 10_000, CATCH_ALL, "ByUser", [{ subjects: EVERYBODY, ...everything() }]),
  schema("probes", 2, EXEMPT, undefined, [
    {
      subjects: EVERYBODY,
      nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }],
    },
  ]),
  schema("system-leader-election", 100, "leader-election", "ByUser", [
    {
      subjects: [MANAGER, SCHEDULER, account("*", "kube-system")],
      resourceRules: [resources({ ...LEASES, verbs: ELECTION_VERBS, namespaces: ["*"] })],
    },
  ]),
  schema("endpoint-controller", 150, "workload-high", "ByUser", [
    {
      subjects: [
        MANAGER,
        account("endpoint-controller", "kube-system"),
        account("endpointslicemirroring-controller", "kube-system"),
      ],
      resourceRules: [
        resources({ verbs: ELECTION_VERBS, apiGroups: [""], resources: ["endpoints"], namespaces: ["*"] }),
      ],
    },
  ]),
  schema("workload-leader-election", 200, "leader-election", "ByUser", [
    {
      subjects: [account("*", "kube-system")],
      resourceRules: [
        resources({
          verbs: ELECTION_VERBS,
          apiGroups: [""],
          resources: ["endpoints", "configmaps"],
          namespaces: ["*"],
        }),
        resources({ ...LEASES, verbs: ELECTION_VERBS, namespaces: ["*"] }),
      ],
    },
  ]),
  schema("system-node-high", 400, "node-high", "ByUser", [
    {
      subjects: [group("system:nodes")],
      resourceRules: [
        resources({ apiGroups: [""], resources: ["nodes", "nodes/status"], clusterScope: true, namespaces: ["*"] }),
        resources({ ...LEASES, namespaces: ["*"] }),
      ],
    },
  ]),
  schema("system-nodes", 500, "system", "ByUser", [{ subjects: [group("system:nodes")], ...everything() }]),
  schema("kube-controller-manager", 800, "workload-high", "ByNamespace", [{ subjects: [MANAGER], ...everything() }]),
  schema("kube-scheduler", 800, "workload-high", "ByNamespace", [{ subjects: [SCHEDULER], ...everything() }]),
  schema("kube-system-service-accounts", 900, "workload-high", "ByNamespace", [
    { subjects: [account("*", "kube-system")], ...everything() },
  ]),
  schema("service-accounts", 9000, "workload-low", "ByUser", [
    { subjects: [group("system:serviceaccounts")], ...everything() },
  ]),
  schema("global-default", 9900, "global-default", "ByUser", [{ subjects: EVERYBODY, ...everything() }]),
];

/** True for the objects without which no request could be placed. */
export function isMandatory(name: string | undefined): boolean {
  return name === EXEMPT || name === CATCH_ALL;
}

function everything(): Partial<PolicyRulesWithSubjects> {
  return { resourceRules: [ALL_RESOURCES], nonResourceRules: [ALL_PATHS] };
}

function resources(rule: Partial<ResourcePolicyRule>): ResourcePolicyRule {
  return { verbs: ["*"], apiGroups: ["*"], resources: ["*"], ...rule };
}

function group(name: string): Subject {
  return { kind: "Group", group: { name } };
}

function user(name: string): Subject {
  return { kind: "User", user: { name } };
}

function account(name: string, namespace: string): Subject {
  return { kind: "ServiceAccount", serviceAccount: { name, namespace } };
}

function annotated(name: string) {
  return { name, annotations: { [AUTO_UPDATE]: "true" } };
}

function level(name: string, spec: PriorityLevelConfigurationSpec): PriorityLevelConfiguration {
  return { apiVersion: API_VERSION, kind: "PriorityLevelConfiguration", metadata: annotated(name), spec };
}

function queued(name: string, shares: number, lendablePercent: number, queues: number, handSize = 6) {
  return level(name, {
    type: "Limited",
    limited: {
      nominalConcurrencyShares: shares,
      lendablePercent,
      limitResponse: { type: "Queue", queuing: { queues, handSize, queueLengthLimit: 50 } },
    },
  });
}

function schema(
  name: string,
  matchingPrecedence: number,
  priorityLevel: string,
  distinguisher: string | undefined,
  rules: PolicyRulesWithSubjects[],
): FlowSchema {
  return {
    apiVersion: API_VERSION,
    kind: "FlowSchema",
    metadata: annotated(name),
    spec: {
      matchingPrecedence,
      priorityLevelConfiguration: { name: priorityLevel },
      ...(distinguisher === undefined ? {} : { distinguisherMethod: { type: distinguisher } }),
      rules,
    },
  };
}
