/** What the API says of its schemas and does with them: field validation, custom resource definitions, OpenAPI, explain. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { PATIENCE } from "../support/patience.ts";

let cluster: TestClusterDaemon;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const MERGE = "application/merge-patch+json";
const APPLY = "application/apply-patch+yaml";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
const OPEN = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

interface Version {
  name: string;
  served?: boolean;
  schema?: object;
}

/** A definition of kind `Foo` (`foos`) in that group; the first version is stored. */
function definition(group: string, versions: readonly Version[], kind = "Foo") {
  const plural = `${kind.toLowerCase()}s`;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, labels: { of: group } },
    spec: {
      group,
      scope: "Namespaced",
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: versions.map(({ name, served = true, schema = OPEN }, index) => ({
        name,
        served,
        storage: index === 0,
        schema: { openAPIV3Schema: schema },
      })),
    },
  };
}

async function expectStatus(status: number, method: string, path: string, body?: unknown, type?: string) {
  const answer = await cluster.api(method, path, body, type);
  if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

const PATIENCE_MS = 30_000 * PATIENCE;

/** Asks until the answer is as wished. */
async function until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const found = await ask();
    if (found !== undefined && found !== false) return found;
    await Bun.sleep(10);
  }
  throw new Error("it never came to be");
}

/** Registers definitions and waits until they are served. */
async function define(...definitions: readonly ReturnType<typeof definition>[]): Promise<void> {
  for (const one of definitions) {
    await expectStatus(201, "POST", CRDS, one);
    const { group, names, versions } = one.spec;
    for (const { name } of versions.filter((version) => version.served)) {
      await until(async () => (await cluster.api("GET", `/apis/${group}/${name}/${names.plural}`)).status === 200);
    }
  }
}

async function undefine(...groups: readonly string[]): Promise<void> {
  for (const group of groups) await expectStatus(200, "DELETE", `${CRDS}?labelSelector=of%3D${group}`);
}

const placeOf = (group: string, version = "v1", plural = "foos") =>
  `/apis/${group}/${version}/namespaces/default/${plural}`;

const DEPLOYMENT = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "checked" },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: "a" } },
    template: { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "a", image: "none:1" }] } },
  },
};

test(
  conformance(
    "[sig-api-machinery] FieldValidation should detect unknown and duplicate fields of a typed object [Conformance]",
  ),
  async () => {
    const text = JSON.stringify(DEPLOYMENT).replace(
      '"replicas":0',
      '"unknown":1,"replicas":0,"paused":true,"paused":true',
    );
    const refused = await expectStatus(400, "POST", `${DEPLOYMENTS}?fieldValidation=Strict`, text);
    expect(refused.message).toContain('strict decoding error: unknown field "spec.unknown"');
    expect(refused.message).toContain('duplicate field "spec.paused"');
    await expectStatus(404, "GET", `${DEPLOYMENTS}/checked`);
    const applied = JSON.stringify({ ...DEPLOYMENT, spec: { ...DEPLOYMENT.spec, unknown: 1 } });
    await expectStatus(400, "PATCH", `${DEPLOYMENTS}/checked?fieldManager=m&fieldValidation=Strict`, applied, APPLY);
    const warned = await cluster.api("POST", `${DEPLOYMENTS}?fieldValidation=Warn`, text);
    expect(warned.status).toBe(201);
    expect(warned.warnings.sort()).toEqual(['duplicate field "spec.paused"', 'unknown field "spec.unknown"']);
    await expectStatus(200, "DELETE", `${DEPLOYMENTS}/checked`);
    // In YAML too.
    const yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\ndata: {a: b, a: c}\n";
    const maps = "/api/v1/namespaces/default/configmaps";
    const twice = await expectStatus(400, "POST", `${maps}?fieldValidation=Strict`, yaml, "application/yaml");
    expect(twice.message).toContain('duplicate field "data.a"');
    const told = await cluster.api("POST", `${maps}?fieldValidation=Warn&dryRun=All`, yaml, "application/yaml");
    expect([told.status, told.body.data.a, told.warnings]).toEqual([201, "c", ['duplicate field "data.a"']]);
    const ignored = await cluster.api("POST", `${DEPLOYMENTS}?fieldValidation=Ignore&dryRun=All`, text);
    expect([ignored.status, ignored.warnings]).toEqual([201, []]);
  },
);

test(
  conformance(
    "[sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object [Conformance]",
  ),
  async () => {
    const object = { ...DEPLOYMENT, metadata: { name: "checked", unknownMeta: "x" } };
    const refused = await expectStatus(400, "POST", `${DEPLOYMENTS}?fieldValidation=Strict`, object);
    expect(refused.message).toContain('unknown field "metadata.unknownMeta"');
    await expectStatus(404, "GET", `${DEPLOYMENTS}/checked`);
  },
);

const CHECKED_SCHEMA = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      required: ["size"],
      properties: {
        size: { type: "integer", minimum: 1 },
        words: { type: "array", items: { type: "string" } },
        ports: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
          items: {
            type: "object",
            required: ["containerPort", "protocol"],
            properties: { containerPort: { type: "integer" }, protocol: { type: "string" } },
          },
        },
      },
    },
  },
};

test(
  conformance(
    "[sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema [Conformance]",
  ),
  async () => {
    const group = "valid.example.com";
    await define(definition(group, [{ name: "v1", schema: CHECKED_SCHEMA }]));
    const foo = {
      apiVersion: `${group}/v1`,
      kind: "Foo",
      metadata: { name: "f" },
      spec: { size: 1, ports: [{ containerPort: 80, protocol: "TCP" }] },
    };
    await expectStatus(201, "POST", `${placeOf(group)}?fieldValidation=Strict`, foo);
    const more = { ...foo, spec: { size: 2, ports: [{ containerPort: 81, protocol: "TCP" }] } };
    const query = "fieldManager=m&fieldValidation=Strict&force=true";
    const applied = await expectStatus(200, "PATCH", `${placeOf(group)}/f?${query}`, more, APPLY);
    // Lists keyed by port are merged.
    expect(applied.spec).toEqual({ size: 2, ports: [...foo.spec.ports, ...more.spec.ports] });
    await undefine(group);
  },
);

test(
  conformance(
    "[sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema [Conformance]",
  ),
  async () => {
    const group = "extra.example.com";
    await define(definition(group, [{ name: "v1", schema: CHECKED_SCHEMA }]));
    const foo = { apiVersion: `${group}/v1`, kind: "Foo", metadata: { name: "f" }, spec: { size: 1, extra: "x" } };
    const refused = await expectStatus(400, "POST", `${placeOf(group)}?fieldValidation=Strict`, foo);
    expect(refused.message).toContain('strict decoding error: unknown field "spec.extra"');
    const query = "fieldManager=m&fieldValidation=Strict";
    const applied = await expectStatus(400, "PATCH", `${placeOf(group)}/f?${query}`, foo, APPLY);
    expect(applied.message).toContain('unknown field "spec.extra"');
    await expectStatus(404, "GET", `${placeOf(group)}/f`);
    await undefine(group);
  },
);

test(
  conformance(
    "[sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema [Conformance]",
  ),
  async () => {
    const group = "open.example.com";
    await define(definition(group, [{ name: "v1" }]));
    const foo = {
      apiVersion: `${group}/v1`,
      kind: "Foo",
      metadata: { name: "f" },
      spec: { whatever: { is: ["here"] } },
    };
    const query = "fieldManager=m&fieldValidation=Strict";
    await expectStatus(201, "PATCH", `${placeOf(group)}/f?${query}`, foo, APPLY);
    const read = await expectStatus(200, "GET", `${placeOf(group)}/f`);
    expect(read.spec).toEqual(foo.spec);
    await expectStatus(201, "POST", `${placeOf(group)}?fieldValidation=Strict`, { ...foo, metadata: { name: "g" } });
    await undefine(group);
  },
);

test(
  conformance(
    "[sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields [Conformance]",
  ),
  async () => {
    const group = "twice.example.com";
    await define(definition(group, [{ name: "v1" }]));
    const text = `{"apiVersion":"${group}/v1","kind":"Foo","metadata":{"name":"f"},"spec":{"a":1,"a":2}}`;
    const refused = await expectStatus(400, "POST", `${placeOf(group)}?fieldValidation=Strict`, text);
    expect(refused.message).toContain('duplicate field "spec.a"');
    await expectStatus(404, "GET", `${placeOf(group)}/f`);
    await undefine(group);
  },
);

test(
  conformance(
    "[sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR [Conformance]",
  ),
  async () => {
    const group = "embedded.example.com";
    const template = { ...OPEN, "x-kubernetes-embedded-resource": true };
    const schema = { type: "object", properties: { spec: { type: "object", properties: { template } } } };
    await define(definition(group, [{ name: "v1", schema }]));
    const foo = {
      apiVersion: `${group}/v1`,
      kind: "Foo",
      metadata: { name: "f", unknownMeta: 1 },
      spec: { template: { apiVersion: "v1", kind: "Pod", metadata: { name: "p", unknownSubMeta: 1 } } },
    };
    const refused = await expectStatus(400, "POST", `${placeOf(group)}?fieldValidation=Strict`, foo);
    expect(refused.message).toContain('unknown field "metadata.unknownMeta"');
    expect(refused.message).toContain('unknown field "spec.template.metadata.unknownSubMeta"');
    await undefine(group);
  },
);

/** The schema of a kind in the OpenAPI document of its group version; undefined while it is not told. */
async function published(group: string, version: string, kind = "Foo") {
  const answer = await cluster.api("GET", `/openapi/v3/apis/${group}/${version}`);
  const name = `${group.split(".").reverse().join(".")}.${version}.${kind}`;
  return answer.status === 200 ? answer.body.components.schemas[name] : undefined;
}
async function inSwagger(group: string, version: string, kind = "Foo"): Promise<boolean> {
  const document = await expectStatus(200, "GET", "/openapi/v2");
  return document.definitions[`${group.split(".").reverse().join(".")}.${version}.${kind}`] !== undefined;
}

test(
  conformance(
    "[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD with validation schema [Conformance]",
  ),
  async () => {
    const group = "told.example.com";
    await define(definition(group, [{ name: "v1", schema: CHECKED_SCHEMA }]));
    await until(() => published(group, "v1"));
    const foo = (spec: string) => `apiVersion: ${group}/v1\nkind: Foo\nmetadata: {name: f}\nspec: ${spec}\n`;
    for (const words of [
      ["create", "-f", "-"],
      ["apply", "-f", "-"],
    ]) {
      const unknown = await cluster.kubectl(words, foo("{size: 1, extra: x}"));
      expect(unknown.code).toBe(1);
      expect(unknown.stderr).toContain('unknown field "spec.extra"');
      const missing = await cluster.kubectl(words, foo("{words: [a]}"));
      expect(missing.code).toBe(1);
      expect(missing.stderr).toContain("spec.size: Required value");
      const fine = await cluster.kubectl(words, foo("{size: 1, words: [a]}"));
      expect(fine.stderr.replace(/^Warning: version difference.*\n/, "")).toBe("");
      expect(fine.code).toBe(0);
      await expectStatus(200, "DELETE", `${placeOf(group)}/f`);
    }
    const explained = await cluster.kubectl(["explain", `foos.${group}`]);
    expect(explained.stdout).toMatch(/KIND:\s+Foo/);
    expect(explained.stdout).toMatch(/\n {2}spec\s+<Object>/);
    const nested = await cluster.kubectl(["explain", `foos.${group}.spec`]);
    expect(nested.stdout).toMatch(/size\s+<integer> -required-/);
    expect(nested.stdout).toMatch(/words\s+<\[\]string>/);
    expect((await cluster.kubectl(["explain", `foos.${group}.spec.nothing`])).code).toBe(1);
    await undefine(group);
  },
);

for (const [codename, schema] of [
  ["works for CRD without validation schema", OPEN],
  [
    "works for CRD preserving unknown fields at the schema root",
    { ...OPEN, properties: { spec: { type: "object", properties: { a: { type: "string" } } } } },
  ],
  [
    "works for CRD preserving unknown fields in an embedded object",
    { type: "object", properties: { spec: { type: "object", properties: { inner: OPEN } } } },
  ],
] as const) {
  test(
    conformance(`[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] ${codename} [Conformance]`),
    async () => {
      const group = `keeps${codename.length}.example.com`;
      await define(definition(group, [{ name: "v1", schema }]));
      await until(() => published(group, "v1"));
      const spec = codename.endsWith("embedded object") ? "{inner: {b: 1, c: [d]}}" : "{a: x}";
      const more = codename.includes("embedded") ? "" : "more: {of: this}\n";
      const foo = (name: string) =>
        `apiVersion: ${group}/v1\nkind: Foo\nmetadata: {name: ${name}}\nspec: ${spec}\n${more}`;
      const made = await cluster.kubectl(["create", "-f", "-"], foo("f"));
      expect([made.code, made.stdout]).toEqual([0, `foo.${group}/f created\n`]);
      const applied = await cluster.kubectl(["apply", "-f", "-"], foo("g"));
      expect(applied.code).toBe(0);
      const changed = await cluster.kubectl(
        ["apply", "-f", "-"],
        foo("g").replace("metadata: {", "metadata: {labels: {a: b}, "),
      );
      expect(changed.stdout).toBe(`foo.${group}/g configured\n`);
      const explained = await cluster.kubectl(["explain", `foos.${group}`]);
      expect(explained.stdout).toMatch(/KIND:\s+Foo[\s\S]*DESCRIPTION:/);
      if (codename.includes("embedded")) {
        const inner = (await cluster.kubectl(["explain", `foos.${group}.spec`])).stdout;
        expect(inner).toMatch(/inner\s+<Object>/);
        expect((await published(group, "v1")).properties.spec.properties.inner).toMatchObject(OPEN);
      }
      await undefine(group);
    },
  );
}

test(
  conformance(
    "[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of different groups [Conformance]",
  ),
  async () => {
    await define(definition("one.example.com", [{ name: "v1" }]), definition("two.example.com", [{ name: "v2" }]));
    await until(() => published("one.example.com", "v1"));
    await until(() => published("two.example.com", "v2"));
    expect(await inSwagger("one.example.com", "v1")).toBe(true);
    await undefine("one.example.com", "two.example.com");
  },
);

test(
  conformance(
    "[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group but different versions [Conformance]",
  ),
  async () => {
    const group = "versions.example.com";
    await define(definition(group, [{ name: "v1" }, { name: "v2" }]));
    await until(() => published(group, "v1"));
    await until(() => published(group, "v2"));
    await undefine(group);
  },
);

test(
  conformance(
    "[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group and version but different kinds [Conformance]",
  ),
  async () => {
    const group = "kinds.example.com";
    await define(definition(group, [{ name: "v1" }]), definition(group, [{ name: "v1" }], "Bar"));
    await until(() => published(group, "v1", "Foo"));
    await until(() => published(group, "v1", "Bar"));
    await undefine(group);
  },
);

test(
  conformance(
    "[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] updates the published spec when one version gets renamed [Conformance]",
  ),
  async () => {
    const group = "renamed.example.com";
    await define(definition(group, [{ name: "v2" }, { name: "v3" }]));
    await until(() => published(group, "v3"));
    const { versions } = definition(group, [{ name: "v2" }, { name: "v4" }]).spec;
    await expectStatus(200, "PATCH", `${CRDS}/foos.${group}`, { spec: { versions } }, MERGE);
    await until(() => published(group, "v4"));
    await until(async () => (await published(group, "v3")) === undefined);
    expect((await published(group, "v2")).type).toBe("object");
    await undefine(group);
  },
);

test(
  conformance(
    "[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] removes definition from spec when one version gets changed to not be served [Conformance]",
  ),
  async () => {
    const group = "unserved.example.com";
    await define(definition(group, [{ name: "v5" }, { name: "v6alpha1" }]));
    await until(() => published(group, "v6alpha1"));
    const { versions } = definition(group, [{ name: "v5" }, { name: "v6alpha1", served: false }]).spec;
    await expectStatus(200, "PATCH", `${CRDS}/foos.${group}`, { spec: { versions } }, MERGE);
    await until(async () => (await published(group, "v6alpha1")) === undefined);
    expect((await published(group, "v5")).type).toBe("object");
    expect(await inSwagger(group, "v6alpha1")).toBe(false);
    await undefine(group);
  },
);

test(
  conformance(
    "[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition creating/deleting custom resource definition objects works [Conformance]",
  ),
  async () => {
    const group = "simple.example.com";
    await define(definition(group, [{ name: "v1" }]));
    await expectStatus(200, "DELETE", `${CRDS}/foos.${group}`);
    await until(async () => (await cluster.api("GET", `${CRDS}/foos.${group}`)).status === 404);
    expect((await cluster.api("GET", placeOf(group))).status).toBe(404);
  },
);

test(
  conformance(
    "[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works [Conformance]",
  ),
  async () => {
    const group = "many.example.com";
    const kinds = ["Aa", "Bb", "Cc", "Dd", "Ee", "Ff", "Gg", "Hh", "Ii", "Jj"];
    for (const kind of kinds) await expectStatus(201, "POST", CRDS, definition(group, [{ name: "v1" }], kind));
    await expectStatus(201, "POST", CRDS, definition("other.example.com", [{ name: "v1" }]));
    const query = `labelSelector=of%3D${group}`;
    expect((await expectStatus(200, "GET", `${CRDS}?${query}`)).items.length).toBe(kinds.length);
    await expectStatus(200, "DELETE", `${CRDS}?${query}`);
    await until(async () => (await expectStatus(200, "GET", `${CRDS}?${query}`)).items.length === 0);
    await expectStatus(200, "GET", `${CRDS}/foos.other.example.com`);
    await undefine("other.example.com");
  },
);

test(
  conformance(
    "[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works [Conformance]",
  ),
  async () => {
    const group = "status.example.com";
    await define(definition(group, [{ name: "v1" }]));
    const path = `${CRDS}/foos.${group}/status`;
    const condition = (type: string) => ({ type, status: "True", reason: "E2E", message: "Set by a test" });
    const now = await expectStatus(200, "GET", path);
    now.status.conditions.push(condition("StatusUpdate"));
    const updated = await expectStatus(200, "PUT", path, now);
    expect(updated.status.conditions).toContainEqual(expect.objectContaining({ type: "StatusUpdate" }));
    const conditions = [...updated.status.conditions, condition("StatusPatched")];
    await expectStatus(200, "PATCH", path, { status: { conditions } }, MERGE);
    const read = await expectStatus(200, "GET", path);
    expect(read.status.conditions.map(({ type }: { type: string }) => type)).toEqual(
      expect.arrayContaining(["StatusUpdate", "StatusPatched"]),
    );
    await undefine(group);
  },
);

test(
  conformance(
    "[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] custom resource defaulting for requests and from storage works [Conformance]",
  ),
  async () => {
    const group = "defaults.example.com";
    const schema = (defaults: Record<string, string>) => ({
      type: "object",
      properties: Object.fromEntries(
        ["a", "b"].map((name) => [
          name,
          { type: "string", ...(defaults[name] === undefined ? {} : { default: defaults[name] }) },
        ]),
      ),
    });
    await define(definition(group, [{ name: "v1", schema: schema({}) }]));
    const foo = (name: string) => ({ apiVersion: `${group}/v1`, kind: "Foo", metadata: { name } });
    await expectStatus(201, "POST", placeOf(group), foo("first"));
    const set = async (defaults: Record<string, string>) => {
      const { versions } = definition(group, [{ name: "v1", schema: schema(defaults) }]).spec;
      await expectStatus(200, "PATCH", `${CRDS}/foos.${group}`, { spec: { versions } }, MERGE);
    };
    await set({ a: "A" });
    // From the store: the object was written without it.
    await until(async () => (await expectStatus(200, "GET", `${placeOf(group)}/first`)).a === "A");
    expect((await expectStatus(201, "POST", placeOf(group), foo("second"))).a).toBe("A");
    await set({ b: "B" });
    const second = await until(async () => {
      const read = await expectStatus(200, "GET", `${placeOf(group)}/second`);
      return read.b === "B" && read;
    });
    expect(second.a).toBe("A");
    await undefine(group);
  },
);

test(
  conformance(
    "[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] should include custom resource definition resources in discovery documents [Conformance]",
  ),
  async () => {
    const { groups } = await expectStatus(200, "GET", "/apis");
    const version = { groupVersion: "apiextensions.k8s.io/v1", version: "v1" };
    expect(groups.find((one: { name: string }) => one.name === "apiextensions.k8s.io").versions).toContainEqual(
      version,
    );
    expect((await expectStatus(200, "GET", "/apis/apiextensions.k8s.io")).versions).toContainEqual(version);
    const { resources } = await expectStatus(200, "GET", "/apis/apiextensions.k8s.io/v1");
    expect(resources.map((one: { name: string }) => one.name)).toContain("customresourcedefinitions");
  },
);

test(
  conformance(
    "[sig-api-machinery] CustomResourceDefinition Watch [Privileged:ClusterAdmin] CustomResourceDefinition Watch watch on custom resource definition objects [Conformance]",
  ),
  async () => {
    const group = "watched.example.com";
    const before = (await expectStatus(200, "GET", CRDS)).metadata;
    await define(definition(group, [{ name: "v1" }]));
    const { metadata } = await expectStatus(200, "GET", placeOf(group));
    const events = await cluster.watch(
      `${placeOf(group)}?watch=1&resourceVersion=${metadata.resourceVersion}`,
      (seen) => seen.some((event) => event.type === "DELETED"),
      async () => {
        await expectStatus(201, "POST", placeOf(group), {
          apiVersion: `${group}/v1`,
          kind: "Foo",
          metadata: { name: "w" },
        });
        await expectStatus(200, "PATCH", `${placeOf(group)}/w`, { spec: { a: 1 } }, MERGE);
        await expectStatus(200, "DELETE", `${placeOf(group)}/w`);
      },
    );
    expect(events.map((event) => event.type)).toEqual(["ADDED", "MODIFIED", "DELETED"]);
    await expectStatus(200, "PATCH", `${CRDS}/foos.${group}`, { metadata: { labels: { modified: "yes" } } }, MERGE);
    const definitions = await cluster.watch(
      `${CRDS}?watch=1&labelSelector=of%3D${group}&resourceVersion=${before.resourceVersion}`,
      (seen) => seen.some((event) => event.type === "DELETED"),
      () => undefine(group),
    );
    expect([definitions[0]?.type, definitions.at(-1)?.type]).toEqual(["ADDED", "DELETED"]);
    const isModified = ({ type, object }: (typeof definitions)[number]) =>
      type === "MODIFIED" && object.metadata.labels.modified === "yes";
    expect(definitions.some(isModified)).toBe(true);
  },
);

test("a definition and its objects in one file are applied in one go", async () => {
  const group = "together.example.com";
  const text = [
    definition(group, [{ name: "v1", schema: CHECKED_SCHEMA }]),
    { apiVersion: `${group}/v1`, kind: "Foo", metadata: { name: "f" }, spec: { size: 1 } },
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
  // The first run may find that the kind is not served yet, as everywhere; the second never.
  await cluster.kubectl(["apply", "-f", "-"], text);
  const second = await cluster.kubectl(["apply", "-f", "-"], text);
  expect(second.stdout).toMatch(/foo\.together\.example\.com\/f (created|unchanged)/);
  await undefine(group);
});

test("kubectl explain shows builtin kinds with all their fields", async () => {
  const { stdout } = await cluster.kubectl(["explain", "deployment.spec", "--recursive"]);
  for (const field of [
    "progressDeadlineSeconds",
    "strategy",
    "rollingUpdate",
    "maxSurge",
    "livenessProbe",
    "topologySpreadConstraints",
  ]) {
    expect(stdout).toContain(field);
  }
});

test("rules of custom resources are asked", async () => {
  const group = "ruled.example.com";
  const rules = [{ rule: "self.min <= self.max", message: "min is above max" }];
  const spec = {
    type: "object",
    properties: { min: { type: "integer" }, max: { type: "integer" } },
    "x-kubernetes-validations": rules,
  };
  await define(definition(group, [{ name: "v1", schema: { type: "object", properties: { spec } } }]));
  const foo = (min: number) => `apiVersion: ${group}/v1\nkind: Foo\nmetadata: {name: f}\nspec: {min: ${min}, max: 2}\n`;
  expect((await cluster.kubectl(["apply", "-f", "-"], foo(1))).stdout).toBe(`foo.${group}/f created\n`);
  const refused = await cluster.kubectl(["apply", "-f", "-"], foo(3));
  expect(refused.stderr).toContain('The Foo "f" is invalid: spec: Invalid value: "object": min is above max');
  await undefine(group);
});
