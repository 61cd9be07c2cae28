/** Custom resource definitions: declared, served, checked, pruned, defaulted, cleaned up. */

import { afterAll, expect, test } from "bun:test";
import { createCustomResources } from "../../../src/kube/custom-resources/custom-resource-part.ts";
import { parseJsonPath } from "../../../src/kube/custom-resources/json-path.ts";
import { durationText } from "../../../src/kube/machinery/age.ts";
import { compileCustomSchema } from "../../../src/kube/schema/custom/compile-custom-schema.ts";
import { createSchemaSet } from "../../../src/kube/schema/schema-set.ts";
import type { StatusError } from "../../../src/kube/status.ts";
import type { CustomResourceDefinition, JSONSchemaProps } from "../../../src/model/kubernetes/apiextensions.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../../../src/model/kubernetes/names.ts";
import type { KubeObject, ResourceType } from "../../../src/model/kubernetes/object.ts";
import { PATIENCE } from "../../support/patience.ts";
import { createTestCluster } from "../../support/test-cluster.ts";

const PATIENCE_MS = 30_000 * PATIENCE;
const schemas = createSchemaSet();
const cluster = await createTestCluster({ builtin: true, schemas });
const stop = new AbortController();
const part = createCustomResources({ client: cluster.client, schemas, compile: compileCustomSchema, log() {} }).run(
  stop.signal,
);
afterAll(async () => {
  stop.abort();
  await part;
  await cluster[Symbol.asyncDispose]();
});
const definitions = cluster.client.resource(CUSTOM_RESOURCE_DEFINITIONS);

interface Ship extends KubeObject {
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !condition(); await Bun.sleep(2)) {
    if (Date.now() > end) throw new Error("it did not come about");
  }
}
async function failure(act: Promise<unknown>): Promise<StatusError> {
  return (await act.then(
    () => expect.unreachable("it did not fail"),
    (error) => error,
  )) as StatusError;
}

const SPEC: JSONSchemaProps = {
  type: "object",
  required: ["name"],
  properties: {
    name: { type: "string", pattern: "^[a-z]+$", maxLength: 5 },
    decks: { type: "integer", minimum: 1, default: 2 },
    kind: { type: "string", enum: ["ferry", "barge"] },
    port: { "x-kubernetes-int-or-string": true },
    extra: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    crew: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["role"],
      items: { type: "object", required: ["role"], properties: { role: { type: "string" }, who: { type: "string" } } },
    },
  },
};

function crd(
  plural: string,
  kind: string,
  change: Partial<CustomResourceDefinition["spec"]> = {},
): CustomResourceDefinition {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.harbor.example` },
    spec: {
      group: "harbor.example",
      scope: "Namespaced",
      names: { plural, kind, shortNames: [plural.slice(0, 2)] },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: SPEC, status: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
            },
          },
          subresources: { status: {}, scale: { specReplicasPath: ".spec.decks", statusReplicasPath: ".status.decks" } },
          additionalPrinterColumns: [{ name: "Decks", type: "integer", jsonPath: ".spec.decks" }],
        },
        {
          name: "v1beta1",
          served: true,
          storage: false,
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
      ...change,
    },
  };
}
const SHIPS: ResourceType<Ship> = {
  group: "harbor.example",
  version: "v1",
  resource: "ships",
  kind: "Ship",
  namespaced: true,
};
const ship = (name: string, spec: Record<string, unknown>): Ship => ({
  apiVersion: "harbor.example/v1",
  kind: "Ship",
  metadata: { name },
  spec,
});
const ships = cluster.client.resource(SHIPS);
const served = (kind: string) => cluster.client.typeOf("harbor.example/v1", kind) !== undefined;

test("a definition is established and its objects are checked, pruned and completed", async () => {
  expect((await failure(ships.list())).reason).toBe("NotFound");
  await definitions.create(undefined, crd("ships", "Ship"));
  await until(() => served("Ship"));
  const made = await definitions.get(undefined, "ships.harbor.example");
  expect(made.status?.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
    "NamesAccepted=True",
    "Established=True",
  ]);
  expect(made.status?.storedVersions).toEqual(["v1"]);

  const odd = { ...ship("a", { name: "naru", colour: "red", extra: { any: { thing: 1 } } }), strange: 1 };
  const strict = await failure(ships.create("default", odd));
  expect(strict.message).toContain('strict decoding error: unknown field "spec.colour", unknown field "strange"');
  const one = await ships.create("default", odd, { fieldValidation: "Ignore" });
  expect(one.spec).toEqual({ name: "naru", extra: { any: { thing: 1 } }, decks: 2 });
  expect(one.metadata.generation).toBe(1);
});

test.each<[string, Record<string, unknown>, string]>([
  ["a required field", {}, "spec.name: Required value"],
  [
    "a type",
    { name: "a", decks: "two" },
    'spec.decks: Invalid value: "string": spec.decks in body must be of type integer: "string"',
  ],
  [
    "a minimum",
    { name: "a", decks: 0 },
    "spec.decks: Invalid value: 0: spec.decks in body should be greater than or equal to 1",
  ],
  ["an enum", { name: "a", kind: "tug" }, 'spec.kind: Unsupported value: "tug": supported values: "barge", "ferry"'],
  ["a pattern", { name: "A" }, "spec.name: Invalid value: \"A\": spec.name in body should match '^[a-z]+$'"],
  [
    "keys of a list",
    { name: "a", crew: [{ role: "x" }, { role: "x" }] },
    'spec.crew[1]: Duplicate value: {"role":"x"}',
  ],
  [
    "int or string",
    { name: "a", port: 1.5 },
    'spec.port: Invalid value: "number": spec.port in body must be of type integer,string: "number"',
  ],
])("%s is checked", async (_, spec, message) => {
  expect((await failure(ships.create("default", ship("bad", spec)))).message).toBe(
    `Ship.harbor.example "bad" is invalid: ${message}`,
  );
});

test("status and scale are subresources; versions share objects; a strategic merge patch is refused", async () => {
  await ships.create("default", ship("b", { name: "b" }));
  await ships.patch("default", "b", "merge", { status: { decks: 1 }, spec: { decks: 9 } }, { subresource: "status" });
  const scale = await ships.getScale("default", "b");
  expect([scale.spec?.replicas, scale.status?.replicas]).toEqual([2, 1]);
  await ships.updateScale({ ...scale, spec: { replicas: 3 } });
  const beta = cluster.client.resource<Ship>({ ...SHIPS, version: "v1beta1" });
  const other = await beta.get("default", "b");
  expect([other.apiVersion, other.spec?.decks, other.metadata.generation]).toEqual(["harbor.example/v1beta1", 3, 2]);
  expect((await failure(ships.patch("default", "b", "strategic", { spec: { decks: 4 } }))).code).toBe(415);
  const missing = { ...structuredClone(other), apiVersion: "harbor.example/v1" } as Ship;
  delete missing.metadata.resourceVersion;
  expect((await failure(ships.update(missing))).message).toContain(
    "metadata.resourceVersion: Invalid value: 0: must be specified for an update",
  );
  const columns = cluster.client.kindOf(SHIPS).conversion?.columns ?? [];
  const row = columns.map((column) => column.cell(cluster.client.informer(SHIPS).get("default", "b")!, 0));
  expect(row).toEqual(["b", 3]);
});

test("server-side apply merges lists by their keys", async () => {
  const apply = (manager: string, crew: unknown[]) =>
    ships.patch("default", "crewed", "apply", ship("crewed", { name: "c", crew }), { fieldManager: manager });
  await apply("one", [{ role: "captain", who: "Kim" }]);
  const both = await apply("two", [{ role: "cook", who: "Lee" }]);
  expect(both.spec?.crew).toEqual([
    { role: "captain", who: "Kim" },
    { role: "cook", who: "Lee" },
  ]);
});

test("names that are taken are not accepted until they are free; a definition goes after its objects", async () => {
  await definitions.create(undefined, crd("boats", "Ship"));
  await until(() => definitionNow("boats")?.status?.conditions !== undefined);
  expect(definitionNow("boats")?.status?.conditions?.[0]).toMatchObject({
    type: "NamesAccepted",
    status: "False",
    reason: "SingularConflict",
  });
  await definitions.delete(undefined, "ships.harbor.example");
  await until(() => definitionNow("ships") === undefined);
  await until(() => cluster.client.typeOf("harbor.example/v1", "Ship")?.resource === "boats");
  expect(cluster.core.state.kind(SHIPS).size).toBe(0);
});

test("a definition goes with its objects though the webhook that converts them is gone", async () => {
  const clientConfig = { url: "https://127.0.0.1:1/convert" };
  const rafts = crd("rafts", "Raft", {
    conversion: { strategy: "Webhook", webhook: { clientConfig, conversionReviewVersions: ["v1"] } },
  });
  rafts.spec.versions.reverse();
  await definitions.create(undefined, rafts);
  await until(() => served("Raft"));
  const type: ResourceType<Ship> = { ...SHIPS, resource: "rafts", kind: "Raft" };
  await cluster.client.resource(type).create("default", { ...ship("one", { name: "a", decks: 1 }), kind: "Raft" });
  await definitions.delete(undefined, "rafts.harbor.example");
  await until(() => definitionNow("rafts") === undefined);
  expect(cluster.core.state.kind(type).size).toBe(0);
});
const definitionNow = (plural: string) =>
  cluster.client.informer(CUSTOM_RESOURCE_DEFINITIONS).get(undefined, `${plural}.harbor.example`);

test.each<[string, JSONSchemaProps, string]>([
  [
    "no type",
    { type: "object", properties: { a: {} } },
    "properties[a].type: Required value: must not be empty for specified object fields",
  ],
  ["a reference", { type: "object", $ref: "#/x" }, "$ref: Forbidden: $ref is not supported"],
  [
    "a default of another type",
    { type: "object", properties: { a: { type: "integer", default: "x" } } },
    'properties[a].default: Invalid value: "string"',
  ],
  [
    "a rule that is none",
    { type: "object", "x-kubernetes-validations": [{ rule: "self >" }] },
    'x-kubernetes-validations[0].rule: Invalid value: "self >": compilation failed',
  ],
])("a schema with %s is refused", async (_, schema, message) => {
  const bad = crd("wrecks", "Wreck");
  bad.spec.versions = [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } }];
  const refused = await failure(definitions.create(undefined, bad));
  expect(refused.code).toBe(422);
  expect(refused.message).toContain(`spec.versions[0].schema.openAPIV3Schema.${message}`);
});

test.each<[string, unknown[]]>([
  [".a.b", [1]],
  ["{.list[*].n}", ["x", "y"]],
  [".list[-1].n", ["y"]],
  ['.list[?(@.n=="y")].v', [2]],
  [".map['dotted.key']", [3]],
  [".map.dotted\\.key", [3]],
  [".none.of", []],
])("the path %s leads to %p", (path, found) => {
  const value = {
    a: { b: 1 },
    list: [
      { n: "x", v: 1 },
      { n: "y", v: 2 },
    ],
    map: { "dotted.key": 3 },
  };
  expect(parseJsonPath(path)(value)).toEqual(found);
});

test.each<[number, string]>([
  [0, "0s"],
  [119, "119s"],
  [120, "2m"],
  [330, "5m30s"],
  [601, "10m"],
  [3 * 3600 + 300, "3h5m"],
  [9 * 3600, "9h"],
  [49 * 3600, "2d1h"],
  [9 * 86400, "9d"],
  [3 * 365 * 86400, "3y"],
  [-5, "<invalid>"],
])("%i seconds are told as %s", (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});
