/** What extends the API from outside: webhooks that convert custom resources, aggregated API servers. They are this test's own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AggregatedServer, GROUP } from "../support/aggregated-server.ts";
import { startCluster, type TestClusterDaemon, type WatchedEvent } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { eventually, PROJECT } from "../support/daemon.ts";
import { makeAuthority } from "../support/test-authority.ts";

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API answers
type Json = any;

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const MERGE = "application/merge-patch+json";

const root = await mkdtemp(join(tmpdir(), "naru-extension-"));
let cluster: TestClusterDaemon;
let caBundle = "";
let server: ReturnType<typeof Bun.serve>;
let wardle: AggregatedServer;
let nodeIp: string;
/** How many reviews were asked, and how the converter fails when it should. */
const converter = { reviews: 0, fails: undefined as ((request: Json) => object) | undefined };

beforeAll(async () => {
  const authority = await makeAuthority(join(root, "authority"), ["converter.default.svc", "wardle.default.svc"]);
  caBundle = Buffer.from(await Bun.file(authority.caPath).text()).toString("base64");
  server = Bun.serve({
    port: 0,
    tls: { cert: Bun.file(authority.server.certPath), key: Bun.file(authority.server.keyPath) },
    async fetch(http) {
      const { request } = (await http.json()) as Json;
      converter.reviews++;
      const { uid, desiredAPIVersion, objects } = request;
      const converted = () => ({
        uid,
        result: { status: "Success" },
        convertedObjects: objects.map((object: Json) => convert(object, desiredAPIVersion)),
      });
      const response = converter.fails?.(request) ?? converted();
      return Response.json({ kind: "ConversionReview", apiVersion: "apiextensions.k8s.io/v1", response });
    },
  });
  cluster = await startCluster();
  const [node] = (await cluster.api("GET", "/api/v1/nodes")).body.items;
  wardle = await AggregatedServer.start({
    cert: await Bun.file(authority.server.certPath).text(),
    key: await Bun.file(authority.server.keyPath).text(),
    cluster,
  });
  nodeIp = node.status.addresses.find((one: Json) => one.type === "InternalIP").address;
});
afterAll(async () => {
  wardle?.stop();
  await cluster?.[Symbol.asyncDispose]();
  await server?.stop(true);
  await rm(root, { recursive: true, force: true });
});

/** v1 has "hostPort", v2 has "host" and "port". */
function convert(object: Json, apiVersion: string): Json {
  const { hostPort, host, port, ...rest } = object;
  if (apiVersion.endsWith("/v2")) {
    const [name, number] = hostPort.split(":");
    return { ...rest, apiVersion, host: name, port: number };
  }
  return { ...rest, apiVersion, hostPort: `${host}:${port}` };
}

const ask: TestClusterDaemon["ask"] = (...asked) => cluster.ask(...asked);

const kubectl: TestClusterDaemon["kubectlSays"] = (...asked) => cluster.kubectlSays(...asked);

const text = { type: "string" };
const versioned = (name: string, storage: boolean, ...fields: string[]) => ({
  name,
  served: true,
  storage,
  selectableFields: fields.map((field) => ({ jsonPath: `.${field}` })),
  schema: {
    openAPIV3Schema: {
      type: "object",
      required: fields,
      properties: Object.fromEntries(
        fields.map((field) => [field, field === "port" ? { ...text, pattern: "^\\d+$" } : text]),
      ),
    },
  },
});

/** A kind with two versions of different shape, converted by the webhook at `clientConfig`. */
async function defineKind(plural: string, clientConfig: object) {
  const group = "convert.example.com";
  const name = `${plural}.${group}`;
  const kind = `${plural.charAt(0).toUpperCase()}${plural.slice(1, -1)}`;
  const webhook = { clientConfig: { caBundle, ...clientConfig }, conversionReviewVersions: ["v1"] };
  const versions = (stored: string) => [
    versioned("v1", stored === "v1", "hostPort"),
    versioned("v2", stored === "v2", "host", "port"),
  ];
  await ask("POST", DEFINITIONS, {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group,
      scope: "Namespaced",
      names: { plural, kind },
      versions: versions("v1"),
      conversion: { strategy: "Webhook", webhook },
    },
  });
  await kubectl(["wait", "--for=condition=Established", `crd/${name}`, "--timeout=60s"]);
  const place = (version: string, object = "") =>
    `/apis/${group}/${version}/namespaces/default/${plural}${object === "" ? "" : `/${object}`}`;
  return {
    name,
    place,
    object: (version: string, called: string, content: object) => ({
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { name: called },
      ...content,
    }),
    store: (version: string) =>
      ask("PATCH", `${DEFINITIONS}/${name}`, { spec: { versions: versions(version) } }, MERGE),
  };
}

const byUrl = () => ({ url: `https://127.0.0.1:${server.port}/convert` });
const webhookTest = (words: string) =>
  conformance(
    `[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert ${words} [Conformance]`,
  );

/** A service in front of what stands on the machine itself. */
async function serve(name: string, port: number, targetPort: number): Promise<void> {
  await ask("POST", "/api/v1/namespaces/default/services", {
    metadata: { name },
    spec: { ports: [{ port, targetPort }] },
  });
  await ask("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {
    metadata: { name, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    endpoints: [{ addresses: [nodeIp], conditions: { ready: true } }],
    ports: [{ port: targetPort, protocol: "TCP" }],
  });
}

test(webhookTest("from CR v1 to CR v2"), async () => {
  await serve("converter", 9443, server.port!);
  const service = { namespace: "default", name: "converter", path: "/convert", port: 9443 };
  const { place, object, name } = await defineKind("firsts", { service });
  const made = await ask("POST", place("v1"), object("v1", "one", { hostPort: "localhost:8080" }));
  expect(made).toMatchObject({ apiVersion: "convert.example.com/v1", hostPort: "localhost:8080" });
  const read = await ask("GET", place("v2", "one"));
  expect(read).toMatchObject({ apiVersion: "convert.example.com/v2", host: "localhost", port: "8080" });
  expect(read.hostPort).toBeUndefined();
  expect(read.metadata).toMatchObject({
    name: "one",
    uid: made.metadata.uid,
    resourceVersion: made.metadata.resourceVersion,
  });
  expect(await kubectl(["get", `firsts.v2.convert.example.com/one`, "-o", "jsonpath={.host} {.port}"])).toBe(
    "localhost 8080",
  );
  const asked = converter.reviews;
  await ask("GET", place("v1", "one"));
  expect(converter.reviews).toBe(asked);
  await kubectl(["delete", "crd", name]);
});

test(webhookTest("a non homogeneous list of CRs"), async () => {
  const { place, object, name, store } = await defineKind("seconds", byUrl());
  await ask("POST", place("v1"), object("v1", "old", { hostPort: "localhost:1" }));
  await store("v2");
  expect((await ask("GET", `${DEFINITIONS}/${name}`)).status.storedVersions).toEqual(["v1", "v2"]);
  await ask("POST", place("v2"), object("v2", "young", { host: "there", port: "2" }));
  const asked = converter.reviews;
  const listed = (version: string) => ask("GET", place(version));
  const items = (await listed("v2")).items.map(({ apiVersion, metadata, host, port }: Json) => [
    apiVersion,
    metadata.name,
    host,
    port,
  ]);
  expect(items).toEqual([
    ["convert.example.com/v2", "old", "localhost", "1"],
    ["convert.example.com/v2", "young", "there", "2"],
  ]);
  // All objects that need it are converted in one question.
  expect(converter.reviews).toBe(asked + 1);
  expect((await listed("v1")).items.map(({ hostPort }: Json) => hostPort)).toEqual(["localhost:1", "there:2"]);
  const events = await cluster.watch(
    `${place("v1")}?watch=1&timeoutSeconds=20`,
    (seen) => seen.length >= 3,
    async () => {
      await ask("PATCH", place("v2", "young"), { port: "3" }, MERGE);
    },
  );
  expect(events.map(({ object: { hostPort } }) => hostPort)).toEqual(["localhost:1", "there:2", "there:3"]);
  // A write stores the object in the version that is stored now.
  const changed = await ask("PATCH", place("v1", "old"), { hostPort: "moved:4" }, MERGE);
  expect(changed).toMatchObject({ apiVersion: "convert.example.com/v1", hostPort: "moved:4" });
  const before = converter.reviews;
  expect(await ask("GET", place("v2", "old"))).toMatchObject({ host: "moved", port: "4" });
  expect(converter.reviews).toBe(before);
  await kubectl(["delete", "crd", name]);
});

test(
  conformance(
    "[sig-api-machinery] CustomResourceFieldSelectors [Privileged:ClusterAdmin] CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector [Conformance]",
  ),
  async () => {
    const { place, object, name } = await defineKind("fourths", byUrl());
    for (const [called, hostPort] of [
      ["a", "host1:80"],
      ["b", "host1:8080"],
      ["c", "host2:80"],
    ] as const)
      await ask("POST", place("v1"), object("v1", called, { hostPort }));
    const selecting = (version: string, selector: string) =>
      `${place(version)}?fieldSelector=${encodeURIComponent(selector)}`;
    const names = async (version: string, selector: string) =>
      (await ask("GET", selecting(version, selector))).items.map(({ metadata }: Json) => metadata.name);
    expect(await names("v1", "hostPort=host1:80")).toEqual(["a"]);
    expect(await names("v2", "host=host1")).toEqual(["a", "b"]);
    expect(await names("v2", "host=host1,port=80")).toEqual(["a"]);
    expect(await names("v2", "host!=host1")).toEqual(["c"]);
    expect((await cluster.api("GET", selecting("v2", "hostPort=host1:80"))).status).toBe(400);

    const informers = informing("fourths", "v1=hostPort=host1:80", "v2=host=host1");
    try {
      await informers.tell(["v1 add a", "v2 add a", "v2 add b"]);
      const since = `resourceVersion=${(await ask("GET", place("v1"))).metadata.resourceVersion}`;
      const watched = (version: string, selector: string, count: number) =>
        cluster.watch(`${selecting(version, selector)}&watch=1&${since}`, (seen) => seen.length >= count);
      // What is deleted, what no longer fits and what comes to fit.
      await ask("DELETE", selecting("v2", "host=host1,port=8080"));
      await ask("PATCH", place("v2", "a"), { host: "host3" }, MERGE);
      await ask("PATCH", place("v1", "c"), { hostPort: "host1:80" }, MERGE);
      const told = (events: readonly WatchedEvent[]) =>
        events.map(({ type, object: { metadata, apiVersion } }) => `${type} ${metadata.name} ${apiVersion.slice(-2)}`);
      expect(told(await watched("v1", "hostPort=host1:80", 2))).toEqual(["DELETED a v1", "ADDED c v1"]);
      expect(told(await watched("v2", "host=host1", 3))).toEqual(["DELETED b v2", "DELETED a v2", "ADDED c v2"]);
      await informers.tell(["v1 delete a", "v1 add c", "v2 delete b", "v2 delete a", "v2 add c"]);
      expect(await names("v1", "hostPort=host1:80")).toEqual(["c"]);
      expect(await names("v2", "host=host1")).toEqual(["c"]);
      expect(await names("v2", "host=host3")).toEqual(["a"]);
    } finally {
      await informers.end();
    }
    await kubectl(["delete", "crd", name]);
  },
);

/** Informers of the JavaScript client for that kind, each VERSION=SELECTOR. */
function informing(plural: string, ...selectors: string[]) {
  const script = join(PROJECT, "test/support/kubernetes-informers.mjs");
  const child = Bun.spawn(["node", script, "convert.example.com", plural, ...selectors], {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines: string[] = [];
  const reading = (async () => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of child.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
    }
  })();
  return {
    /** Waits until they told this and nothing else since the last time; each version in this order. */
    async tell(expected: readonly string[]) {
      await eventually(() => lines.length >= expected.length, 20_000);
      const told = lines.splice(0);
      for (const version of ["v1", "v2"]) {
        const of = (all: readonly string[]) => all.filter((line) => line.startsWith(version));
        expect(of(told)).toEqual(of(expected));
      }
    },
    async end() {
      child.kill();
      await Promise.all([child.exited, reading]);
    },
  };
}

test("a conversion that fails is told and changes nothing", async () => {
  const { place, object, name } = await defineKind("thirds", byUrl());
  const one = await ask("POST", place("v1"), object("v1", "one", { hostPort: "localhost:1" }));
  const failures: [string, (request: Json) => object][] = [
    ["no way", ({ uid }) => ({ uid, result: { status: "Failure", message: "no way" }, convertedObjects: [] })],
    [
      "expected 1 converted objects, got 0",
      ({ uid }) => ({ uid, result: { status: "Success" }, convertedObjects: [] }),
    ],
    ["expected response.uid", () => ({ uid: "another", result: { status: "Success" }, convertedObjects: [] })],
    [
      "must have the same name: other != one",
      ({ uid, objects, desiredAPIVersion }) => ({
        uid,
        result: { status: "Success" },
        convertedObjects: objects.map((from: Json) =>
          convert({ ...from, metadata: { ...from.metadata, name: "other" } }, desiredAPIVersion),
        ),
      }),
    ],
    [
      "expected apiVersion convert.example.com/v2",
      ({ uid, objects }) => ({ uid, result: { status: "Success" }, convertedObjects: objects }),
    ],
  ];
  for (const [words, fails] of failures) {
    converter.fails = fails;
    const answers = [
      await cluster.api("GET", place("v2", "one")),
      await cluster.api("GET", place("v2")),
      await cluster.api("PATCH", place("v2", "one"), { port: "2" }, MERGE),
      await cluster.api("DELETE", place("v2", "one")),
    ];
    converter.fails = undefined;
    for (const { status, body } of answers) {
      expect(status).toBe(500);
      expect(body.message).toContain("conversion webhook for convert.example.com/v1, Kind=Third failed: ");
      expect(body.message).toContain(words);
    }
  }
  expect((await ask("GET", place("v1", "one"))).metadata.resourceVersion).toBe(one.metadata.resourceVersion);
  const wrong = await cluster.api("POST", place("v2"), object("v2", "two", { host: "h", port: "high" }));
  expect(wrong.status).toBe(422);
  expect(wrong.body.message).toContain("port: Invalid value");
  const missing = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
  const refused = await cluster.api(
    "PATCH",
    `${DEFINITIONS}/${name}`,
    { ...missing, spec: { conversion: { webhook: null } } },
    MERGE,
  );
  expect(refused.body.message).toContain("spec.conversion.webhook.clientConfig: Required value");
  await kubectl(["delete", "crd", name]);
});

const API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices";
const REMOTE = `v1alpha1.${GROUP}`;
const flunder = (name: string) => ({
  apiVersion: `${GROUP}/v1alpha1`,
  kind: "Flunder",
  metadata: { name },
  spec: { reference: "something" },
});
const available = async (name: string) => {
  const { status } = await ask("GET", `${API_SERVICES}/${name}`);
  return status?.conditions?.find(({ type }: Json) => type === "Available");
};

test("what the server serves itself is registered, and stays", async () => {
  const lines = (await kubectl(["get", "apiservices"]))
    .trim()
    .split("\n")
    .map((line) => line.split(/\s+/));
  expect(lines[0]).toEqual(["NAME", "SERVICE", "AVAILABLE", "AGE"]);
  for (const name of ["v1.", "v1.apps", "v1beta1.metrics.k8s.io", "v1.apiregistration.k8s.io"]) {
    expect(lines).toContainEqual([name, "Local", "True", expect.stringMatching(/^\d+m?\d*s$/)]);
  }
  await kubectl(["delete", "apiservice", "v1.apps"]);
  await kubectl(["wait", "--for=condition=Available", "apiservice/v1.apps", "--timeout=60s"]);
});

test(
  conformance(
    "[sig-api-machinery] Aggregator Should be able to support the 1.17 Sample API Server using the current Aggregator [Conformance]",
  ),
  async () => {
    const registered = {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: REMOTE, labels: { test: "aggregator" } },
      spec: {
        group: GROUP,
        version: "v1alpha1",
        groupPriorityMinimum: 2000,
        versionPriority: 200,
        caBundle,
        service: { namespace: "default", name: "wardle", port: 7443 },
      },
    };
    await ask("POST", API_SERVICES, registered);
    await eventually(async () => (await available(REMOTE))?.reason === "ServiceNotFound", 20_000);
    const early = await cluster.api("GET", `/apis/${GROUP}/v1alpha1/namespaces/default/flunders`);
    expect(early).toMatchObject({ status: 503, body: { reason: "ServiceUnavailable" } });
    await serve("wardle", 7443, wardle.port);
    await kubectl(["wait", "--for=condition=Available", `apiservice/${REMOTE}`, "--timeout=60s"]);
    expect(await available(REMOTE)).toMatchObject({ status: "True", reason: "Passed", message: "all checks passed" });

    // Discovered in every way that clients look.
    const group = (await ask("GET", "/apis")).groups.find(({ name }: Json) => name === GROUP);
    expect(group.preferredVersion).toEqual({ groupVersion: `${GROUP}/v1alpha1`, version: "v1alpha1" });
    expect((await ask("GET", `/apis/${GROUP}`)).versions.length).toBe(1);
    expect((await ask("GET", `/apis/${GROUP}/v1alpha1`)).resources[0]).toMatchObject({ name: "flunders" });
    expect(await kubectl(["api-resources", `--api-group=${GROUP}`, "--no-headers"])).toMatch(
      /^flunders +fl +wardle\.example\.com\/v1alpha1 +true +Flunder/,
    );
    expect(await kubectl(["explain", "flunder.spec.reference"])).toContain("What the flunder refers to.");
    const swagger = await ask("GET", "/openapi/v2");
    expect(swagger.definitions["com.example.wardle.v1alpha1.Flunder"].type).toBe("object");
    expect(swagger.paths["/api/v1/namespaces/{namespace}/pods"].get["x-kubernetes-action"]).toBe("list");

    // Objects live there as anywhere.
    await kubectl(["create", "-f", "-"], JSON.stringify(flunder("by-kubectl")));
    const place = `/apis/${GROUP}/v1alpha1/namespaces/default/flunders`;
    const events = await cluster.watch(
      `${place}?watch=1`,
      (seen) => seen.some(({ type }) => type === "DELETED"),
      async () => {
        // The watch has begun when its request has arrived.
        await eventually(async () => wardle.seen.some(({ url }) => url.includes("watch=1")), 20_000);
        expect((await cluster.api("POST", place, flunder("by-request"))).status).toBe(201);
        await kubectl(["patch", "fl", "by-request", "--type=merge", "-p", '{"spec":{"reference":"else"}}']);
        await kubectl(["delete", "flunder", "by-request"]);
      },
    );
    expect(events.map(({ type }) => type)).toEqual(["ADDED", "MODIFIED", "DELETED"]);
    expect((await kubectl(["get", "flunders", "-o", "name"])).trim()).toBe(`flunder.${GROUP}/by-kubectl`);
    // Beside these the cluster itself looks, again and again, whether the server is there.
    const asked = () => wardle.seen.findLast(({ url }) => url.startsWith(place));
    expect(asked()).toMatchObject({
      user: "kubernetes-admin",
      groups: ["system:masters", "system:authenticated"],
      authorization: undefined,
    });

    // Rights hold there too, and are asked by both.
    const as = ["--as=jane", "--as-group=team"];
    expect((await cluster.kubectl(["get", "flunders", ...as])).stderr).toContain(
      'User "jane" cannot list resource "flunders"',
    );
    await kubectl(["create", "role", "flunders", "--verb=list", `--resource=flunders.${GROUP}`]);
    await kubectl(["create", "rolebinding", "flunders", "--role=flunders", "--group=team"]);
    expect(await kubectl(["get", "flunders", ...as, "--no-headers"])).toMatch(/^by-kubectl /);
    expect(asked()).toMatchObject({ user: "jane", groups: ["team", "system:authenticated"] });

    // The APIService's own status, and what is told while the server is away.
    const read = await ask("GET", `${API_SERVICES}/${REMOTE}/status`);
    const told = { type: "StatusUpdated", status: "True", reason: "ByTest", message: "told by the test" };
    read.status.conditions.push(told);
    await ask("PUT", `${API_SERVICES}/${REMOTE}/status`, read);
    expect((await ask("GET", `${API_SERVICES}/${REMOTE}/status`)).status.conditions).toContainEqual(told);
    const patched = await ask("PATCH", `${API_SERVICES}/${REMOTE}`, { spec: { versionPriority: 400 } }, MERGE);
    expect(patched.spec.versionPriority).toBe(400);
    await kubectl(["delete", "endpointslice", "wardle"]);
    await eventually(async () => (await available(REMOTE))?.reason === "EndpointsNotFound", 20_000);
    expect((await cluster.api("GET", place)).status).toBe(503);
    await ask("DELETE", `${API_SERVICES}?labelSelector=test%3Daggregator`);
    await eventually(async () => (await cluster.api("GET", place)).status === 404, 20_000);
    expect((await ask("GET", "/apis")).groups.some(({ name }: Json) => name === GROUP)).toBe(false);
  },
);

test("what an APIService may not say is told; a server is believed by its certificate, or on demand", async () => {
  const body = (spec: object) => ({
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1.b.example.com" },
    spec: { group: "b.example.com", version: "v1", groupPriorityMinimum: 1, versionPriority: 1, ...spec },
  });
  const refusals: [object, string][] = [
    [{ version: "v2" }, "metadata.name"],
    [{ groupPriorityMinimum: 0 }, "spec.groupPriorityMinimum"],
    [{ versionPriority: 1001 }, "spec.versionPriority"],
    [{ insecureSkipTLSVerify: true }, "spec.insecureSkipTLSVerify"],
    [{ service: { name: "s" } }, "spec.service.namespace"],
    [{ service: { name: "s", namespace: "n" }, caBundle, insecureSkipTLSVerify: true }, "spec.insecureSkipTLSVerify"],
  ];
  for (const [spec, field] of refusals) {
    const answer = await cluster.api("POST", API_SERVICES, body(spec));
    expect([answer.status, answer.body.details.causes[0].field]).toEqual([422, field]);
  }
  await serve("other", 443, wardle.port);
  const service = { namespace: "default", name: "other" };
  const remote = { ...body({ group: GROUP, version: "v1alpha1", service }), metadata: { name: REMOTE } };
  await ask("POST", API_SERVICES, remote);
  await eventually(async () => (await available(REMOTE))?.reason === "FailedDiscoveryCheck", 20_000);
  await ask("PATCH", `${API_SERVICES}/${REMOTE}`, { spec: { insecureSkipTLSVerify: true } }, MERGE);
  await kubectl(["wait", "--for=condition=Available", `apiservice/${REMOTE}`, "--timeout=60s"]);
  expect((await kubectl(["get", "fl", "-o", "name"])).trim()).toBe(`flunder.${GROUP}/by-kubectl`);
  await kubectl(["delete", "apiservice", REMOTE]);
});
