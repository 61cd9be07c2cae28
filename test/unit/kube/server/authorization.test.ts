import { afterAll, beforeAll, expect, test } from "bun:test";
import { Authorization, forbidden, ruleAllows } from "../../../../src/kube/server/authorization.ts";
import { requestAttributes } from "../../../../src/kube/server/request-attributes.ts";
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES } from "../../../../src/model/kubernetes/names.ts";
import { createTestCluster, type TestCluster } from "../../../support/test-cluster.ts";

const access = (method: string, path: string) => requestAttributes(method, path, new URLSearchParams());

test.each([
  [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }, "GET", "/api/v1/namespaces/a/pods/p", true],
  [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }, "GET", "/api/v1/namespaces/a/pods", false],
  [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }, "GET", "/api/v1/namespaces/a/pods/p/log", false],
  [{ apiGroups: [""], resources: ["pods/log"], verbs: ["get"] }, "GET", "/api/v1/namespaces/a/pods/p/log", true],
  [
    { apiGroups: ["*"], resources: ["*/scale"], verbs: ["*"] },
    "PUT",
    "/apis/apps/v1/namespaces/a/deployments/d/scale",
    true,
  ],
  [
    { apiGroups: ["*"], resources: ["*/scale"], verbs: ["*"] },
    "PUT",
    "/apis/apps/v1/namespaces/a/deployments/d",
    false,
  ],
  [{ apiGroups: ["apps"], resources: ["*"], verbs: ["*"] }, "GET", "/api/v1/pods", false],
  [
    { apiGroups: [""], resources: ["secrets"], resourceNames: ["s"], verbs: ["get"] },
    "GET",
    "/api/v1/namespaces/a/secrets/s",
    true,
  ],
  [
    { apiGroups: [""], resources: ["secrets"], resourceNames: ["s"], verbs: ["get"] },
    "GET",
    "/api/v1/namespaces/a/secrets/t",
    false,
  ],
  [{ nonResourceURLs: ["/healthz/*"], verbs: ["get"] }, "GET", "/healthz/ping", true],
  [{ nonResourceURLs: ["/healthz"], verbs: ["get"] }, "GET", "/healthz/ping", false],
  [{ nonResourceURLs: ["*"], verbs: ["*"] }, "GET", "/api/v1/pods", false],
])("%j and %s %s: %p", (rule, method, path, allowed) => {
  expect(ruleAllows(rule, access(method, path))).toBe(allowed);
});

test("a refusal is told in Kubernetes' words", () => {
  const jane = { name: "jane", groups: [] };
  expect(forbidden(jane, access("GET", "/apis/apps/v1/namespaces/a/deployments/d")).message).toBe(
    'deployments.apps "d" is forbidden: User "jane" cannot get resource "deployments" in API group "apps" in the namespace "a"',
  );
  expect(forbidden(jane, access("GET", "/api/v1/nodes")).message).toBe(
    'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
  );
  expect(forbidden(jane, access("GET", "/metrics")).message).toBe('forbidden: User "jane" cannot get path "/metrics"');
});

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

test("bindings give roles to users, groups and accounts, where they stand", async () => {
  const authorization = new Authorization(cluster.client);
  await authorization.ready();
  const API = "rbac.authorization.k8s.io/v1";
  const reads = [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }];
  const roleRef = (kind: string, name: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name });
  const { client } = cluster;
  const inDefault = { namespace: "default" };
  await client
    .resource(CLUSTER_ROLES)
    .create(undefined, { apiVersion: API, kind: "ClusterRole", metadata: { name: "reads" }, rules: reads });
  await client
    .resource(ROLES)
    .create("default", { apiVersion: API, kind: "Role", metadata: { name: "here", ...inDefault }, rules: reads });
  await client.resource(CLUSTER_ROLE_BINDINGS).create(undefined, {
    apiVersion: API,
    kind: "ClusterRoleBinding",
    metadata: { name: "all" },
    roleRef: roleRef("ClusterRole", "reads"),
    subjects: [{ kind: "Group", name: "team" }],
  });
  await client.resource(ROLE_BINDINGS).create("default", {
    apiVersion: API,
    kind: "RoleBinding",
    metadata: { name: "some", ...inDefault },
    roleRef: roleRef("Role", "here"),
    subjects: [
      { kind: "User", name: "jane" },
      { kind: "ServiceAccount", name: "robot", namespace: "default" },
    ],
  });
  const may = (name: string, groups: string[], path: string) =>
    authorization.decide({ name, groups }, access("GET", path)).isAllowed;
  expect(may("x", ["team"], "/api/v1/pods")).toBe(true);
  expect(may("x", [], "/api/v1/pods")).toBe(false);
  expect(may("jane", [], "/api/v1/namespaces/default/pods")).toBe(true);
  expect(may("jane", [], "/api/v1/namespaces/kube-system/pods")).toBe(false);
  expect(may("jane", [], "/api/v1/pods")).toBe(false);
  expect(may("system:serviceaccount:default:robot", [], "/api/v1/namespaces/default/pods")).toBe(true);
  expect(may("robot", [], "/api/v1/namespaces/default/pods")).toBe(false);
  expect(may("x", ["system:masters"], "/metrics")).toBe(true);
  await client.resource(ROLE_BINDINGS).delete("default", "some");
  expect(may("jane", [], "/api/v1/namespaces/default/pods")).toBe(false);
});
