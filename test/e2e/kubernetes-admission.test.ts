/** Admission webhooks and policies through the API, beside the conformance requirements. The webhooks are answered by this test itself. */

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { PATIENCE } from "../support/patience.ts";
import { makeAuthority } from "../support/test-authority.ts";

const PATIENCE_MS = 30_000 * PATIENCE;
const MERGE = "application/merge-patch+json";
const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1";
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const webhookTest = (words: string) =>
  conformance(`[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] ${words} [Conformance]`);

interface Asked {
  uid: string;
  operation: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever object is shown
  object: any;
  // biome-ignore lint/suspicious/noExplicitAny: whatever object is shown
  oldObject: any;
}
const patch = (...operations: object[]) => ({
  allowed: true,
  patchType: "JSONPatch",
  patch: Buffer.from(JSON.stringify(operations)).toString("base64"),
});
const addData = (key: string, value: string) => ({ op: "add", path: `/data/${key}`, value });
const denied = (message: string) => ({ allowed: false, status: { message, reason: "Forbidden", code: 403 } });
const bad = ({ object, oldObject }: Asked) => (object ?? oldObject)?.data?.quality === "bad";
/** What each path answers. */
const ANSWERS: Record<string, (asked: Asked) => object | Promise<object>> = {
  "/deny-bad": (asked) => (bad(asked) ? denied("the object contains unwanted data") : { allowed: true }),
  "/deny-pods": ({ object }) => {
    if (object.metadata.name.startsWith("hang")) return new Promise(() => {});
    return object.metadata.labels?.quality === "bad" ? denied("the pod has an unwanted label") : { allowed: true };
  },
  "/deny": () => denied("always denied"),
  "/wait": () => Bun.sleep(5000).then(() => ({ allowed: true })),
  "/first": ({ object }) => (object.data?.start === "yes" ? patch(addData("first", "yes")) : { allowed: true }),
  "/second": ({ object }) => (object.data?.first === "yes" ? patch(addData("second", "yes")) : { allowed: true }),
  "/init": () => patch({ op: "add", path: "/spec/initContainers", value: [{ name: "added", image: "init" }] }),
  "/label": () => patch({ op: "add", path: "/metadata/labels", value: { mutated: "yes" } }),
};

const root = await mkdtemp(join(tmpdir(), "naru-webhooks-"));
let cluster: TestClusterDaemon;
let caBundle = "";
let server: ReturnType<typeof Bun.serve>;
beforeAll(async () => {
  const authority = await makeAuthority(join(root, "authority"));
  caBundle = Buffer.from(await Bun.file(authority.caPath).text()).toString("base64");
  server = Bun.serve({
    port: 0,
    tls: { cert: Bun.file(authority.server.certPath), key: Bun.file(authority.server.keyPath) },
    async fetch(http) {
      const { request } = (await http.json()) as { request: Asked };
      const response = { uid: request.uid, ...(await ANSWERS[new URL(http.url).pathname]!(request)) };
      return Response.json({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response });
    },
  });
  cluster = await startCluster();
});
afterEach(async () => {
  for (const kind of KINDS) await cluster.api("DELETE", `${CONFIGURATIONS}/${kind}`);
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await server?.stop(true);
  await rm(root, { recursive: true, force: true });
});

const MUTATING = "mutatingwebhookconfigurations";
const VALIDATING = "validatingwebhookconfigurations";
const KINDS = [MUTATING, VALIDATING] as const;

const ask: TestClusterDaemon["ask"] = (...asked) => cluster.ask(...asked);
async function refusal(method: string, path: string, body?: unknown, type?: string): Promise<string> {
  const answer = await cluster.api(method, path, body, type);
  expect(answer.status).toBeGreaterThanOrEqual(400);
  return answer.body.message;
}

const rule = (resources: string, operations: string[], group = "") => ({
  operations,
  apiGroups: [group],
  apiVersions: ["*"],
  resources: [resources],
});
/** One that asks `path` of this test's server. */
function hook(path: string, rules: object[], more: object = {}) {
  return {
    name: `${path.slice(1)}.test.example`,
    rules,
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    clientConfig: { url: `https://localhost:${server.port}${path}`, caBundle },
    ...more,
  };
}
const register = (kind: (typeof KINDS)[number], name: string, ...webhooks: object[]) =>
  ask("POST", `${CONFIGURATIONS}/${kind}`, { metadata: { name, labels: { e2e: "yes" } }, webhooks });

let spaces = 0;
async function space(labels: Record<string, string> = {}): Promise<string> {
  const name = `hooks-${spaces++}`;
  await ask("POST", "/api/v1/namespaces", { metadata: { name, labels } });
  return `/api/v1/namespaces/${name}`;
}
const map = (name: string, data: Record<string, string>) => ({ metadata: { name }, data });
const pod = (name: string, labels: Record<string, string> = {}) => ({
  metadata: { name, labels },
  spec: { schedulingGates: [{ name: "test.example/held" }], containers: [{ name: "c", image: "i" }] },
});
const CREATE = ["CREATE"];

test(webhookTest("should include webhook resources in discovery documents"), async () => {
  const { groups } = await ask("GET", "/apis");
  const group = groups.find((one: { name: string }) => one.name === "admissionregistration.k8s.io");
  expect(group.versions).toContainEqual({ groupVersion: "admissionregistration.k8s.io/v1", version: "v1" });
  const { resources } = await ask("GET", CONFIGURATIONS);
  expect(resources.map((one: { name: string }) => one.name)).toEqual(expect.arrayContaining([...KINDS]));
});

test(webhookTest("should be able to deny pod and configmap creation"), async () => {
  const core = await space();
  const exempt = await space({ exempt: "yes" });
  const namespaceSelector = { matchExpressions: [{ key: "exempt", operator: "NotIn", values: ["yes"] }] };
  await register(
    VALIDATING,
    "deny",
    hook("/deny-bad", [rule("configmaps", ["CREATE", "UPDATE"])], { namespaceSelector }),
    hook("/deny-pods", [rule("pods", ["CREATE", "UPDATE"])], { timeoutSeconds: 1 }),
  );
  await ask("POST", `${core}/pods`, pod("good"));
  const label = { metadata: { labels: { quality: "bad" } } };
  expect(await refusal("PATCH", `${core}/pods/good`, label, MERGE)).toContain("the pod has an unwanted label");
  expect(await refusal("POST", `${core}/pods`, pod("bad", { quality: "bad" }))).toContain(
    "the pod has an unwanted label",
  );
  expect(await refusal("POST", `${core}/pods`, pod("hang"))).toMatch(/failed calling webhook.*time/i);
  expect((await cluster.api("GET", `${core}/pods/hang`)).status).toBe(404);
  expect(await refusal("POST", `${core}/configmaps`, map("bad", { quality: "bad" }))).toContain(
    "the object contains unwanted data",
  );
  const good = await ask("POST", `${core}/configmaps`, map("good", { quality: "good" }));
  expect(await refusal("PUT", `${core}/configmaps/good`, { ...good, data: { quality: "bad" } })).toContain(
    "unwanted data",
  );
  expect(await refusal("PATCH", `${core}/configmaps/good`, { data: { quality: "bad" } }, MERGE)).toContain(
    "unwanted data",
  );
  await ask("POST", `${exempt}/configmaps`, map("bad", { quality: "bad" }));
});

test(webhookTest("should be able to deny attaching pod"), async () => {
  const core = await space();
  await ask("POST", `${core}/pods`, pod("attached"));
  await register(VALIDATING, "attach", hook("/deny", [rule("pods/attach", ["CONNECT"])]));
  const attached = await cluster.kubectl(["attach", "attached", "-n", core.split("/").at(-1)!]);
  expect([attached.code === 0, attached.stderr.includes("always denied")]).toEqual([false, true]);
});

async function makeDefinition(plural: string, kind: string, data?: object) {
  const properties = { data: data ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const schema = { openAPIV3Schema: { type: "object", properties } };
  const version = (name: string, storage: boolean) => ({ name, served: true, storage, schema });
  const name = `${plural}.hooks.example`;
  await ask("POST", DEFINITIONS, {
    metadata: { name },
    spec: {
      group: "hooks.example",
      scope: "Namespaced",
      names: { plural, kind },
      versions: [version("v1", true), version("v2", false)],
    },
  });
  for (const end = Date.now() + PATIENCE_MS; ; await Bun.sleep(10)) {
    const { status } = await ask("GET", `${DEFINITIONS}/${name}`);
    if (
      status?.conditions?.some(
        (one: { type: string; status: string }) => one.type === "Established" && one.status === "True",
      )
    )
      return;
    if (Date.now() > end) throw new Error(`${name} is not established`);
  }
}
const customPath = (core: string, plural: string, version = "v1") =>
  `${core.replace("/api/v1", `/apis/hooks.example/${version}`)}/${plural}`;

test(webhookTest("should be able to deny custom resource creation, update and deletion"), async () => {
  const core = await space();
  await makeDefinition("denials", "Denial");
  const place = customPath(core, "denials");
  const object = (quality: string) => ({
    apiVersion: "hooks.example/v1",
    kind: "Denial",
    metadata: { name: "one" },
    data: { quality },
  });
  await register(
    VALIDATING,
    "custom",
    hook("/deny-bad", [rule("denials", ["CREATE", "UPDATE", "DELETE"], "hooks.example")]),
  );
  expect(await refusal("POST", place, object("bad"))).toContain("unwanted data");
  await ask("POST", place, object("good"));
  expect(await refusal("PATCH", `${place}/one`, { data: { quality: "bad" } }, MERGE)).toContain("unwanted data");
  await ask("DELETE", `${CONFIGURATIONS}/${VALIDATING}/custom`);
  await ask("PATCH", `${place}/one`, { data: { quality: "bad" } }, MERGE);
  await register(VALIDATING, "custom", hook("/deny-bad", [rule("denials", ["DELETE"], "hooks.example")]));
  expect(await refusal("DELETE", `${place}/one`)).toContain("unwanted data");
});

test(webhookTest("should unconditionally reject operations on fail closed webhook"), async () => {
  const core = await space();
  const clientConfig = { url: `https://localhost:${server.port}/deny-bad` };
  await register(
    VALIDATING,
    "closed",
    hook("/deny-bad", [rule("configmaps", CREATE)], { clientConfig, failurePolicy: "Fail" }),
  );
  expect(await refusal("POST", `${core}/configmaps`, map("fine", {}))).toContain("failed calling webhook");
});

test(webhookTest("should mutate configmap"), async () => {
  const core = await space();
  const configMaps = [rule("configmaps", CREATE)];
  await register(MUTATING, "ordered", hook("/first", configMaps), hook("/second", configMaps));
  const made = await ask("POST", `${core}/configmaps`, map("mutated", { start: "yes" }));
  expect(made.data).toEqual({ start: "yes", first: "yes", second: "yes" });
});

test(webhookTest("should mutate pod and apply defaults after mutation"), async () => {
  const core = await space();
  await register(MUTATING, "pods", hook("/init", [rule("pods", CREATE)]));
  const { spec } = await ask("POST", `${core}/pods`, pod("mutated"));
  expect(spec.initContainers).toMatchObject([{ name: "added", terminationMessagePolicy: "File" }]);
});

test(webhookTest("should not be able to mutate or prevent deletion of webhook configuration objects"), async () => {
  const group = "admissionregistration.k8s.io";
  await register(VALIDATING, "a-deny", hook("/deny", [rule("*", ["DELETE"], group)]));
  await register(MUTATING, "a-mutate", hook("/label", [rule("*", CREATE, group)]));
  for (const kind of KINDS) {
    const made = await register(kind, "dummy", hook("/deny", [rule("nothing", CREATE)]));
    expect(made.metadata.labels).toEqual({ e2e: "yes" });
    await ask("DELETE", `${CONFIGURATIONS}/${kind}/dummy`);
    expect((await cluster.api("GET", `${CONFIGURATIONS}/${kind}/dummy`)).status).toBe(404);
  }
});

test(webhookTest("should mutate custom resource"), async () => {
  const core = await space();
  await makeDefinition("changes", "Change");
  const custom = [rule("changes", CREATE, "hooks.example")];
  await register(MUTATING, "custom", hook("/first", custom), hook("/second", custom));
  const object = { apiVersion: "hooks.example/v1", kind: "Change", metadata: { name: "one" }, data: { start: "yes" } };
  const made = await ask("POST", customPath(core, "changes"), object);
  expect(made.data).toEqual({ start: "yes", first: "yes", second: "yes" });
});

test(webhookTest("should mutate custom resource with pruning"), async () => {
  const core = await space();
  await makeDefinition("prunings", "Pruning", {
    type: "object",
    properties: { start: { type: "string" }, first: { type: "string" } },
  });
  const custom = [rule("prunings", CREATE, "hooks.example")];
  await register(MUTATING, "custom", hook("/first", custom), hook("/second", custom));
  const object = { apiVersion: "hooks.example/v1", kind: "Pruning", metadata: { name: "one" }, data: { start: "yes" } };
  const made = await ask("POST", customPath(core, "prunings"), object);
  expect(made.data).toEqual({ start: "yes", first: "yes" });
});

test(webhookTest("should mutate custom resource with different stored version"), async () => {
  const core = await space();
  await makeDefinition("versions", "Version");
  await register(MUTATING, "custom", hook("/first", [rule("versions", ["CREATE", "UPDATE"], "hooks.example")]));
  const object = { apiVersion: "hooks.example/v1", kind: "Version", metadata: { name: "one" }, data: { start: "yes" } };
  await ask("POST", customPath(core, "versions"), object);
  const definition = await ask("GET", `${DEFINITIONS}/versions.hooks.example`);
  for (const version of definition.spec.versions) version.storage = version.name === "v2";
  await ask("PUT", `${DEFINITIONS}/versions.hooks.example`, definition);
  const patched = await ask("PATCH", `${customPath(core, "versions")}/one`, { data: { more: "yes" } }, MERGE);
  expect(patched.data).toEqual({ start: "yes", first: "yes", more: "yes" });
  expect((await ask("GET", `${customPath(core, "versions", "v2")}/one`)).apiVersion).toBe("hooks.example/v2");
});

test(webhookTest("should deny crd creation"), async () => {
  const definitions = rule("customresourcedefinitions", CREATE, "apiextensions.k8s.io");
  const objectSelector = { matchLabels: { denied: "yes" } };
  await register(VALIDATING, "definitions", hook("/deny", [definitions], { objectSelector }));
  const schema = { openAPIV3Schema: { type: "object" } };
  const definition = {
    metadata: { name: "wrecks.hooks.example", labels: { denied: "yes" } },
    spec: {
      group: "hooks.example",
      scope: "Cluster",
      names: { plural: "wrecks", kind: "Wreck" },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
  expect(await refusal("POST", DEFINITIONS, definition)).toContain("always denied");
});

test(webhookTest("should honor timeout"), async () => {
  // All at once, each in a namespace of its own: the webhook takes five seconds.
  const attempt = async (name: string, failurePolicy: string, timeoutSeconds: number | undefined) => {
    const core = await space({ slow: name });
    const more = { failurePolicy, timeoutSeconds, namespaceSelector: { matchLabels: { slow: name } } };
    await register(VALIDATING, `slow-${name}`, hook("/wait", [rule("configmaps", CREATE)], more));
    return await cluster.api("POST", `${core}/configmaps`, map(name, {}));
  };
  const [fail, ignore, longer, usual] = await Promise.all([
    attempt("fail", "Fail", 1),
    attempt("ignore", "Ignore", 1),
    attempt("longer", "Fail", 10),
    attempt("usual", "Fail", undefined),
  ]);
  expect(fail.body.message).toMatch(/failed calling webhook.*time/i);
  expect([ignore.status, longer.status, usual.status]).toEqual([201, 201, 201]);
});

for (const [kind, path, listing, changing] of [
  [
    VALIDATING,
    "/deny",
    "listing validating webhooks should work",
    "patching/updating a validating webhook should work",
  ],
  [MUTATING, "/first", "listing mutating webhooks should work", "patching/updating a mutating webhook should work"],
] as const) {
  /** True when the webhook has a say in the creation of a config map. */
  const takesPart = async (core: string, name: string): Promise<boolean> => {
    const answer = await cluster.api("POST", `${core}/configmaps`, map(name, { start: "yes" }));
    return answer.status === 403 || answer.body.data?.first === "yes";
  };

  test(webhookTest(listing), async () => {
    const core = await space();
    const mine = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": core.split("/").at(-1)! } } };
    for (let at = 0; at < 10; at++)
      await register(kind, `listed-${at}`, hook(path, [rule("configmaps", CREATE)], mine));
    expect((await ask("GET", `${CONFIGURATIONS}/${kind}?labelSelector=e2e%3Dyes`)).items.length).toBe(10);
    expect(await takesPart(core, "before")).toBe(true);
    await ask("DELETE", `${CONFIGURATIONS}/${kind}?labelSelector=e2e%3Dyes`);
    expect((await ask("GET", `${CONFIGURATIONS}/${kind}?labelSelector=e2e%3Dyes`)).items).toEqual([]);
    expect(await takesPart(core, "after")).toBe(false);
  });

  test(webhookTest(changing), async () => {
    const core = await space();
    const made = await register(kind, "changing", hook(path, [rule("configmaps", CREATE)]));
    made.webhooks[0].rules[0].operations = ["UPDATE"];
    await ask("PUT", `${CONFIGURATIONS}/${kind}/changing`, made);
    expect(await takesPart(core, "updated")).toBe(false);
    const operations = [{ op: "replace", path: "/webhooks/0/rules/0/operations", value: CREATE }];
    await ask("PATCH", `${CONFIGURATIONS}/${kind}/changing`, operations, "application/json-patch+json");
    expect(await takesPart(core, "patched")).toBe(true);
  });
}

for (const [kind, articled] of [
  [VALIDATING, "validating"],
  [MUTATING, "mutating"],
] as const) {
  test(
    webhookTest(`should be able to create and update ${articled} webhook configurations with match conditions`),
    async () => {
      const conditions = [{ name: "no-leases", expression: "request.resource.resource != 'leases'" }];
      await register(kind, "conditions", hook("/deny", [rule("nothing", CREATE)], { matchConditions: conditions }));
      const made = await ask("GET", `${CONFIGURATIONS}/${kind}/conditions`);
      expect(made.webhooks[0].matchConditions).toEqual(conditions);
      made.webhooks[0].matchConditions = [
        ...conditions,
        { name: "new", expression: "request.userInfo.username == 'x'" },
      ];
      await ask("PUT", `${CONFIGURATIONS}/${kind}/conditions`, made);
      const updated = await ask("GET", `${CONFIGURATIONS}/${kind}/conditions`);
      expect(updated.webhooks[0].matchConditions).toEqual(made.webhooks[0].matchConditions);
    },
  );

  test(webhookTest(`should reject ${articled} webhook configurations with invalid match conditions`), async () => {
    const matchConditions = [{ name: "invalid", expression: "... [] bad expression" }];
    const webhooks = [hook("/deny", [rule("nothing", CREATE)], { matchConditions })];
    const path = `${CONFIGURATIONS}/${kind}`;
    expect(await refusal("POST", path, { metadata: { name: "invalid" }, webhooks })).toContain("compilation failed");
  });
}

test(webhookTest("should mutate everything except 'skip-me' configmaps"), async () => {
  const core = await space();
  const matchConditions = [{ name: "skip-me", expression: "object.metadata.name != 'skip-me'" }];
  await register(MUTATING, "skipping", hook("/first", [rule("configmaps", CREATE)], { matchConditions }));
  const skipped = await ask("POST", `${core}/configmaps`, map("skip-me", { start: "yes" }));
  expect(skipped.data).toEqual({ start: "yes" });
  const mutated = await ask("POST", `${core}/configmaps`, map("not-skipped", { start: "yes" }));
  expect(mutated.data).toEqual({ start: "yes", first: "yes" });
});

const policyTest = (words: string) =>
  conformance(`[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] ${words} [Conformance]`);

/** A policy about deployments in one namespace, bound. */
async function boundPolicy(core: string, spec: object): Promise<string> {
  const namespace = core.split("/").at(-1)!;
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": namespace } };
  const rules = [
    { operations: ["CREATE", "UPDATE"], apiGroups: ["apps"], apiVersions: ["v1"], resources: ["deployments"] },
  ];
  const name = `policy-${namespace}`;
  const matchConstraints = { resourceRules: rules, namespaceSelector };
  await ask("POST", `${CONFIGURATIONS}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: { matchConstraints, ...spec },
  });
  const binding = { policyName: name, validationActions: ["Deny"] };
  await ask("POST", `${CONFIGURATIONS}/validatingadmissionpolicybindings`, { metadata: { name }, spec: binding });
  return core.replace("/api/v1", "/apis/apps/v1").concat("/deployments");
}
const deployment = (name: string, replicas: number) => ({
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { schedulingGates: [{ name: "test.example/held" }], containers: [{ name: "c", image: "i" }] },
    },
  },
});

test(policyTest("should validate against a Deployment"), async () => {
  const validations = [
    { expression: "object.spec.replicas > 1", messageExpression: "'wants replicas: ' + string(object.spec.replicas)" },
  ];
  const place = await boundPolicy(await space(), { validations });
  await ask("POST", place, deployment("two", 2));
  expect(await refusal("POST", place, deployment("one", 1))).toContain("wants replicas: 1");
  expect(await refusal("PATCH", `${place}/two`, { spec: { replicas: 1 } }, MERGE)).toContain("wants replicas: 1");
  const printed = await cluster.kubectl(["get", "validatingadmissionpolicies"]);
  expect(printed.stdout).toContain("VALIDATIONS");
});

test(policyTest("should allow expressions to refer variables."), async () => {
  const variables = [
    { name: "replicas", expression: "object.spec.replicas" },
    { name: "oddReplicas", expression: "variables.replicas % 2 == 1" },
  ];
  const validations = [{ expression: "variables.replicas > 1" }, { expression: "variables.oddReplicas" }];
  const place = await boundPolicy(await space(), { variables, validations });
  await ask("POST", place, deployment("three", 3));
  expect(await refusal("POST", place, deployment("one", 1))).toContain("failed expression: variables.replicas > 1");
  expect(await refusal("POST", place, deployment("four", 4))).toContain("failed expression: variables.oddReplicas");
});
