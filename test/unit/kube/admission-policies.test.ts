/** ValidatingAdmissionPolicies: expressions decide about writes; bindings say where, with which parameters and how strictly. */

import { afterAll, afterEach, expect, test } from "bun:test";
import { validatingPolicies } from "../../../src/kube/admission/policies.ts";
import type { StatusError } from "../../../src/kube/status.ts";
import type {
  ValidatingAdmissionPolicyBindingSpec,
  ValidatingAdmissionPolicySpec,
} from "../../../src/model/kubernetes/admission.ts";
import type { ConfigMap } from "../../../src/model/kubernetes/core.ts";
import {
  CONFIG_MAPS,
  VALIDATING_ADMISSION_POLICIES,
  VALIDATING_ADMISSION_POLICY_BINDINGS,
} from "../../../src/model/kubernetes/names.ts";
import { createTestCluster } from "../../support/test-cluster.ts";

const cluster = await createTestCluster({ builtin: true });
const { client, core } = cluster;
core.admission.push(validatingPolicies(client));
const policies = client.resource(VALIDATING_ADMISSION_POLICIES);
const bindings = client.resource(VALIDATING_ADMISSION_POLICY_BINDINGS);
const maps = client.resource(CONFIG_MAPS);
afterEach(async () => {
  await bindings.deleteCollection({});
  await policies.deleteCollection({});
});
afterAll(() => cluster[Symbol.asyncDispose]());

const apiVersion = "admissionregistration.k8s.io/v1";
const CONFIG_MAP_WRITES = {
  resourceRules: [
    { operations: ["CREATE", "UPDATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] },
  ],
};
const policy = (spec: ValidatingAdmissionPolicySpec) =>
  policies.create(undefined, {
    apiVersion,
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "p" },
    spec: { matchConstraints: CONFIG_MAP_WRITES, ...spec },
  });
const bind = (spec: ValidatingAdmissionPolicyBindingSpec = {}) =>
  bindings.create(undefined, {
    apiVersion,
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: "b" },
    spec: { policyName: "p", validationActions: ["Deny"], ...spec },
  });
const map = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data,
});
async function failure(act: Promise<unknown>): Promise<StatusError> {
  return (await act.then(
    () => expect.unreachable("it did not fail"),
    (error) => error,
  )) as StatusError;
}

test("a policy counts once it is bound, and is told in Kubernetes' words", async () => {
  await policy({ validations: [{ expression: "int(object.data.n) <= 5" }] });
  await maps.create("default", map("unbound", { n: "9" }));
  await bind();
  await maps.create("default", map("fine", { n: "5" }));
  const refused = await failure(maps.create("default", map("much", { n: "6" })));
  expect([refused.code, refused.message]).toEqual([
    422,
    "configmaps \"much\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: int(object.data.n) <= 5",
  ]);
});

test("messages, reasons, variables, the old object and the namespace are there for expressions", async () => {
  await policy({
    variables: [
      { name: "before", expression: "oldObject == null ? 0 : int(oldObject.data.n)" },
      { name: "now", expression: "int(object.data.n)" },
    ],
    validations: [
      {
        expression: "variables.now >= variables.before",
        messageExpression: "'went from ' + string(variables.before) + ' to ' + string(variables.now)",
        reason: "Forbidden",
      },
      { expression: "namespaceObject.metadata.name == request.namespace", message: "never" },
    ],
  });
  await bind();
  const made = await maps.create("default", map("grows", { n: "3" }));
  const refused = await failure(maps.update({ ...structuredClone(made), data: { n: "2" } }));
  expect([refused.code, refused.message.split("request: ")[1]]).toEqual([403, "went from 3 to 2"]);
});

test("a binding chooses objects, hands parameters over and may only warn", async () => {
  await maps.create("default", map("limits", { most: "2" }));
  await policy({
    paramKind: { apiVersion: "v1", kind: "ConfigMap" },
    validations: [{ expression: "size(object.data) <= int(params.data.most)" }],
  });
  await bind({
    validationActions: ["Warn"],
    paramRef: { name: "limits", namespace: "default", parameterNotFoundAction: "Deny" },
    matchResources: { objectSelector: { matchLabels: { counted: "yes" } } },
  });
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const large = map("large", { a: "", b: "", c: "" });
  await maps.create("default", structuredClone(large), { warn });
  large.metadata = { name: "counted", labels: { counted: "yes" } };
  await maps.create("default", large, { warn });
  expect(warnings).toEqual([
    "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: size(object.data) <= int(params.data.most)",
  ]);
  await maps.delete("default", "limits");
  large.metadata.name = "another";
  expect((await failure(maps.create("default", large))).message).toContain("no params found");
});

test("what cannot be computed is refused, or let through when the policy says so", async () => {
  await policy({ validations: [{ expression: "object.data.missing == 'x'" }] });
  await bind();
  expect((await failure(maps.create("default", map("strict")))).message).toContain("no such key: missing");
  await policies.patch(undefined, "p", "merge", { spec: { failurePolicy: "Ignore" } });
  await maps.create("default", map("lenient"));
});

test("conditions and excluded rules narrow a policy", async () => {
  await policy({
    matchConstraints: {
      ...CONFIG_MAP_WRITES,
      excludeResourceRules: [{ ...CONFIG_MAP_WRITES.resourceRules[0]!, resourceNames: ["excluded"] }],
    },
    matchConditions: [{ name: "c", expression: "!object.metadata.name.startsWith('free-')" }],
    validations: [{ expression: "false" }],
  });
  await bind();
  await maps.create("default", map("excluded"));
  await maps.create("default", map("free-1"));
  expect((await failure(maps.create("default", map("bound")))).code).toBe(422);
});

test("policies with expressions that are none are refused with the place", async () => {
  const refused = await failure(
    policy({
      validations: [{ expression: "object.x ==" }, { expression: "unknown.x" }],
      variables: [{ name: "v", expression: "1 +" }],
    }),
  );
  expect(refused.details?.causes?.map((cause) => cause.field)).toEqual([
    "spec.variables[0].expression",
    "spec.validations[0].expression",
    "spec.validations[1].expression",
  ]);
  expect(refused.message).toContain("compilation failed: ERROR");
  expect((await failure(bind({ validationActions: ["Deny", "Warn"] }))).code).toBe(422);
});
