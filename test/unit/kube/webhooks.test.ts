/** Admission webhooks over HTTPS: what they are shown, what they change, refuse, and what happens when they do not answer. */

import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mutatingWebhooks, validatingWebhooks } from "../../../src/kube/admission/webhooks/webhook-steps.ts";
import type { StatusError } from "../../../src/kube/status.ts";
import type { RuleWithOperations, ValidatingWebhook } from "../../../src/model/kubernetes/admission.ts";
import type { ConfigMap } from "../../../src/model/kubernetes/core.ts";
import {
  CONFIG_MAPS,
  ENDPOINT_SLICES,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  SERVICES,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from "../../../src/model/kubernetes/names.ts";
import { createTestCluster } from "../../support/test-cluster.ts";

const root = await mkdtemp(join(tmpdir(), "naru-webhooks-"));
const names = "subjectAltName=DNS:localhost,DNS:hook.default.svc";
await Bun.$`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${root}/key -out ${root}/cert -days 2 -subj /CN=hook -addext ${names}`.quiet();
const certificate = await Bun.file(join(root, "cert")).text();

interface Review {
  request: {
    uid: string;
    operation: string;
    object: ConfigMap | null;
    oldObject: ConfigMap | null;
    namespace: string;
    dryRun: boolean;
  };
}
const asked: { path: string; request: Review["request"] }[] = [];
/** What each path answers. */
const answers: Record<string, (request: Review["request"]) => object | Promise<object>> = {
  "/allow": () => ({ allowed: true, warnings: ["be careful"] }),
  "/deny": () => ({ allowed: false, status: { message: "not today", code: 403, reason: "Forbidden" } }),
  "/kind": () => ({ kind: "Other", allowed: true }),
  "/uid": () => ({ uid: "another", allowed: true }),
  "/slow": () => new Promise(() => {}),
  "/one": ({ object }) => change(object!, [{ op: "add", path: "/data/one", value: "1" }]),
  "/two": ({ object }) =>
    change(object!, object?.data?.one === "1" ? [{ op: "add", path: "/data/two", value: "2" }] : []),
};
function change(_: ConfigMap, operations: object[]): object {
  return { allowed: true, patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(operations)).toString("base64") };
}
const server = Bun.serve({
  port: 0,
  tls: { cert: certificate, key: await Bun.file(join(root, "key")).text() },
  async fetch(http) {
    const { request } = (await http.json()) as Review;
    const path = new URL(http.url).pathname;
    asked.push({ path, request });
    const { kind = "AdmissionReview", ...verdict } = (await answers[path]!(request)) as { kind?: string };
    return Response.json({ apiVersion: "admission.k8s.io/v1", kind, response: { uid: request.uid, ...verdict } });
  },
});
const cluster = await createTestCluster({ builtin: true });
const { client, core } = cluster;
core.admission.push(mutatingWebhooks(client), validatingWebhooks(client));
const maps = client.resource(CONFIG_MAPS);
afterEach(async () => {
  asked.length = 0;
  await client.resource(MUTATING_WEBHOOK_CONFIGURATIONS).deleteCollection({});
  await client.resource(VALIDATING_WEBHOOK_CONFIGURATIONS).deleteCollection({});
});
afterAll(async () => {
  await server.stop(true);
  await cluster[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const RULE: RuleWithOperations = { operations: ["*"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] };
function hook(path: string, more: Partial<ValidatingWebhook> = {}): ValidatingWebhook {
  return {
    name: `${path.slice(1)}.hooks.example`,
    rules: [RULE],
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    clientConfig: {
      url: `https://localhost:${server.port}${path}`,
      caBundle: Buffer.from(certificate).toString("base64"),
    },
    ...more,
  };
}
const validating = (...webhooks: ValidatingWebhook[]) =>
  client.resource(VALIDATING_WEBHOOK_CONFIGURATIONS).create(undefined, {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { generateName: "v-" },
    webhooks,
  });
const mutating = (name: string, ...webhooks: ValidatingWebhook[]) =>
  client.resource(MUTATING_WEBHOOK_CONFIGURATIONS).create(undefined, {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name },
    webhooks,
  });
const map = (name: string, labels: Record<string, string> = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, labels },
  data: { a: "1" },
});
async function failure(act: Promise<unknown>): Promise<StatusError> {
  return (await act.then(
    () => expect.unreachable("it did not fail"),
    (error) => error,
  )) as StatusError;
}

test("mutating webhooks change an object one after the other, in the order of their configurations' names", async () => {
  await mutating("b", hook("/two"));
  await mutating("a", hook("/one"));
  const made = await maps.create("default", map("mutated"));
  expect(made.data).toEqual({ a: "1", one: "1", two: "2" });
  expect(asked.map(({ path }) => path)).toEqual(["/one", "/two"]);
});

test("a validating webhook sees creates, updates and deletions, and its warnings reach the client", async () => {
  await validating(hook("/allow"));
  const warnings: string[] = [];
  const made = await maps.create("default", map("seen"), { warn: (text) => warnings.push(text) });
  await maps.update({ ...structuredClone(made), data: { a: "2" } });
  await maps.delete("default", "seen");
  const told = asked.map(({ request }) => [request.operation, request.object?.data?.a, request.oldObject?.data?.a]);
  expect(told).toEqual([
    ["CREATE", "1", undefined],
    ["UPDATE", "2", "1"],
    ["DELETE", undefined, "2"],
  ]);
  expect(warnings).toEqual(["be careful"]);
});

test("what a webhook denies is not stored, and is told in its words and with its code", async () => {
  await validating(hook("/deny", { objectSelector: { matchLabels: { strict: "yes" } } }));
  const denied = await failure(maps.create("default", map("denied", { strict: "yes" })));
  expect([denied.code, denied.message]).toEqual([
    403,
    'admission webhook "deny.hooks.example" denied the request: not today',
  ]);
  await maps.create("default", map("other"));
  expect((await failure(maps.get("default", "denied"))).reason).toBe("NotFound");
});

test("a webhook that does not answer fails the write, or is passed over when its policy says so", async () => {
  const nobody = { url: "https://localhost:1/none" };
  await validating(hook("/gone", { clientConfig: nobody, failurePolicy: "Ignore" }));
  await maps.create("default", map("ignored"));
  await validating(hook("/gone", { clientConfig: nobody }));
  const closed = await failure(maps.create("default", map("closed")));
  expect(closed.code).toBe(500);
  expect(closed.message).toStartWith('Internal error occurred: failed calling webhook "gone.hooks.example"');
});

test.each([
  [
    "/kind",
    "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1, Kind=Other",
  ],
  ["/uid", 'got "another"'],
])("an answer that is none (%s) fails the write", async (path, words) => {
  await validating(hook(path));
  const refused = await failure(maps.create("default", map("refused")));
  expect(refused.code).toBe(500);
  expect(refused.message).toContain(words);
});

test("conditions choose what a webhook sees", async () => {
  const matchConditions = [{ name: "not-skipped", expression: "object.metadata.name != 'skipped'" }];
  await validating(hook("/deny", { matchConditions }));
  await maps.create("default", map("skipped"));
  expect((await failure(maps.create("default", map("shown")))).message).toContain("not today");
  const broken = [{ name: "broken", expression: "object.spec.missing == 1" }];
  await validating(hook("/allow", { matchConditions: broken }));
  const failed = await failure(maps.create("default", map("skipped-too")));
  expect([failed.code, failed.message]).toEqual([500, expect.stringContaining("no such key: spec")]);
});

test("a slow webhook is given up after its timeout", async () => {
  await validating(hook("/slow", { timeoutSeconds: 1 }));
  expect((await failure(maps.create("default", map("slow")))).message).toContain("failed calling webhook");
});

test("a webhook behind a service is asked at one of its pods, under the service's name", async () => {
  const metadata = { name: "hook", labels: { "kubernetes.io/service-name": "hook" } };
  await client.resource(SERVICES).create("default", {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "hook" },
    spec: { ports: [{ port: 443 }] },
  });
  await client.resource(ENDPOINT_SLICES).create("default", {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata,
    addressType: "IPv4",
    endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
    ports: [{ name: "", port: server.port! }],
  });
  const caBundle = Buffer.from(certificate).toString("base64");
  await validating(
    hook("/deny", { clientConfig: { service: { namespace: "default", name: "hook", path: "/deny" }, caBundle } }),
  );
  expect((await failure(maps.create("default", map("served")))).message).toContain("denied the request: not today");
});

test("configurations are completed and checked; webhooks have no say in them", async () => {
  const made = await validating(
    hook("/deny", { rules: [{ ...RULE, apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] }] }),
  );
  expect(made.webhooks?.[0]).toMatchObject({
    failurePolicy: "Fail",
    matchPolicy: "Equivalent",
    timeoutSeconds: 10,
    namespaceSelector: {},
  });
  const bad = hook("/x", {
    sideEffects: "Some",
    timeoutSeconds: 99,
    matchConditions: [{ name: "c", expression: "true &&" }],
    clientConfig: { url: "http://x" },
  });
  const refused = await failure(validating(bad));
  const fields = refused.details?.causes?.map((cause) => cause.field?.replace("webhooks[0].", ""));
  expect(fields).toEqual(["sideEffects", "timeoutSeconds", "matchConditions[0].expression", "clientConfig.url"]);
});
