/** Patches, server-side apply and field validation through the whole of the machinery, with the builtin kinds. */

import { afterAll, expect, test } from "bun:test";
import type { StatusError } from "../../../src/kube/status.ts";
import type { Deployment } from "../../../src/model/kubernetes/apps.ts";
import type { ConfigMap } from "../../../src/model/kubernetes/core.ts";
import { CONFIG_MAPS, DEPLOYMENTS } from "../../../src/model/kubernetes/names.ts";
import { createTestCluster } from "../../support/test-cluster.ts";

const cluster = await createTestCluster({ builtin: true });
afterAll(() => cluster[Symbol.asyncDispose]());
const maps = cluster.client.resource(CONFIG_MAPS);
const deployments = cluster.client.resource(DEPLOYMENTS);

async function failure(act: Promise<unknown>): Promise<StatusError> {
  return (await act.then(
    () => expect.unreachable("it did not fail"),
    (error) => error,
  )) as StatusError;
}
const deployment = (name: string): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "busybox" }] } },
  },
});

test("server-side apply creates, owns, conflicts, takes over by force and gives up what it no longer sets", async () => {
  const map = (data: Record<string, string>): ConfigMap => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "applied" },
    data,
  });
  const apply = (manager: string, data: Record<string, string>, force = false) =>
    maps.patch("default", "applied", "apply", map(data), { fieldManager: manager, force });
  const made = await apply("one", { a: "1", b: "1" });
  expect(made.metadata.managedFields?.map(({ manager, operation }) => [manager, operation])).toEqual([
    ["one", "Apply"],
  ]);
  expect((await apply("one", { a: "1", b: "1" })).metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  const refused = await failure(apply("two", { a: "2" }));
  expect([refused.code, refused.reason]).toEqual([409, "Conflict"]);
  expect(refused.details?.causes?.[0]).toMatchObject({ reason: "FieldManagerConflict", field: ".data.a" });
  expect((await apply("two", { a: "2" }, true)).data).toEqual({ a: "2", b: "1" });
  expect((await apply("one", {})).data).toEqual({ a: "2" });
});

test("a strategic merge patch merges containers by their name; a scale patch changes replicas", async () => {
  const made = await deployments.create("default", deployment("web"));
  expect(made.spec?.replicas).toBe(1);
  const patched = await deployments.patch("default", "web", "strategic", {
    spec: { template: { spec: { containers: [{ name: "side", image: "s" }] } } },
  });
  expect(patched.spec?.template.spec?.containers.map((container) => container.name).sort()).toEqual(["c", "side"]);
  expect(patched.metadata.generation).toBe(2);
  await deployments.patch("default", "web", "merge", { spec: { replicas: 4 } }, { subresource: "scale" });
  expect((await deployments.get("default", "web")).spec?.replicas).toBe(4);
});

test("a JSON patch may insist on what it found", async () => {
  await maps.create("default", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "j" }, data: { a: "1" } });
  const operations = [
    { op: "test", path: "/data/a", value: "1" },
    { op: "replace", path: "/data/a", value: "2" },
  ];
  expect((await maps.patch("default", "j", "json", operations)).data).toEqual({ a: "2" });
  expect((await failure(maps.patch("default", "j", "json", operations))).code).toBe(422);
});

test("unknown fields are refused, told or dropped, as the client wishes; a dry run stores nothing", async () => {
  const odd = { ...deployment("odd"), spec: { ...deployment("odd").spec!, replics: 3 } } as Deployment;
  const strict = await failure(deployments.create("default", odd, { fieldValidation: "Strict" }));
  expect(strict.message).toBe(
    'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replics"',
  );
  const warnings: string[] = [];
  await deployments.create("default", odd, {
    fieldValidation: "Warn",
    warn: (text) => warnings.push(text),
    dryRun: true,
  });
  expect(warnings).toEqual(['unknown field "spec.replics"']);
  expect((await failure(deployments.get("default", "odd"))).reason).toBe("NotFound");
});

test("an invalid object is told with all of its faults, and changes nothing", async () => {
  const bad = deployment("Bad_Name");
  bad.spec!.replicas = -1;
  const refused = await failure(deployments.create("default", bad));
  expect(refused.code).toBe(422);
  expect(refused.message).toStartWith(
    'Deployment.apps "Bad_Name" is invalid: [metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123',
  );
  expect(refused.message).toContain("spec.replicas: Invalid value: -1: must be greater than or equal to 0");
  expect(refused.details?.causes?.map((cause) => cause.field)).toContain("spec.replicas");
});

test("what writes changed is written down as theirs", async () => {
  const made = await maps.create(
    "default",
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "owned" }, data: { a: "1" } },
    { fieldManager: "kubectl-create" },
  );
  expect(made.metadata.managedFields).toMatchObject([
    {
      manager: "kubectl-create",
      operation: "Update",
      apiVersion: "v1",
      fieldsType: "FieldsV1",
      fieldsV1: { "f:data": { ".": {}, "f:a": {} } },
    },
  ]);
});
