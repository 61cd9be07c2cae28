import { afterAll, beforeAll, expect, test } from "bun:test";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { AggregationProxy } from "../../../../src/kube/aggregation/aggregation-proxy.ts";
import { toldResources } from "../../../../src/kube/aggregation/told-resources.ts";
import { boundedJson } from "../../../../src/kube/bounded-json.ts";
import { ApiExchange } from "../../../../src/kube/server/api-exchange.ts";
import { StatusError } from "../../../../src/kube/status.ts";
import { newKey, publicKeyOf, signCertificate } from "../../../../src/lib/certificate.ts";
import type { APIService } from "../../../../src/model/kubernetes/apiregistration.ts";
import { ENDPOINT_SLICES, SERVICES } from "../../../../src/model/kubernetes/names.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";
import { createTestCluster, type TestCluster } from "../../../support/test-cluster.ts";

const NAME = { commonName: "remote" };
let cluster: TestCluster;
let remote: https.Server;
let front: http.Server;
let service: Stored<APIService>;
let proxy: AggregationProxy;
/** One that waits for a moment alone. */
let impatient: AggregationProxy;
/** What becomes of a request at the other server. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let isLong = false;
/** How the requests ended that did not go well. */
const failures: StatusError[] = [];

beforeAll(async () => {
  const key = await newKey();
  const certificate = await signCertificate({
    subject: NAME,
    publicKey: publicKeyOf(key),
    signer: { key, name: NAME },
    isAuthority: true,
    signsData: true,
    isServer: true,
    hosts: ["remote.default.svc"],
    days: 2,
  });
  remote = https.createServer({ key, cert: certificate }, (request, response) => answer(request, response));
  await new Promise<void>((resolve) => remote.listen(0, "127.0.0.1", resolve));
  cluster = await createTestCluster();
  const metadata = { name: "remote" };
  const { port } = remote.address() as AddressInfo;
  await cluster.client.resource(SERVICES).create("default", {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { ports: [{ port: 443 }] },
  });
  await cluster.client.resource(ENDPOINT_SLICES).create("default", {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": "remote" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["127.0.0.1"] }],
    ports: [{ port }],
  });
  service = {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1.a.example.com", uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      group: "a.example.com",
      version: "v1",
      groupPriorityMinimum: 1,
      versionPriority: 1,
      caBundle: Buffer.from(certificate).toString("base64"),
      service: { namespace: "default", name: "remote" },
    },
    status: { conditions: [{ type: "Available", status: "True" }] },
  };
  const identity = { certificate, key };
  proxy = new AggregationProxy(cluster.client, identity);
  impatient = new AggregationProxy(cluster.client, identity, 20);
  front = http.createServer((request, response) => {
    const exchange = new ApiExchange(request, { response });
    const user = { name: "jane", groups: ["team"], extra: { "a/b": ["c"] } };
    proxy.serve(exchange, user, service, isLong).catch(async (error: unknown) => {
      if (!(error instanceof StatusError)) throw error;
      failures.push(error);
      await exchange.send(error.code, "text/plain", "");
    });
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  front?.close();
  remote?.close();
  await cluster?.[Symbol.asyncDispose]();
});

const ask = (init: RequestInit = {}) => {
  const { port } = front.address() as AddressInfo;
  return fetch(`http://127.0.0.1:${port}/apis/a.example.com/v1/things?limit=2`, init);
};

test("a request goes on with who asks, and its answer comes back as it is", async () => {
  answer = async (request, response) => {
    const { headers, method, url } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    response.writeHead(201, { "content-type": "application/json", "x-of-it": "yes" });
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
  };
  const given = { authorization: "Bearer mine", "x-remote-user": "root", "impersonate-user": "root", accept: "a/b" };
  const got = await ask({ method: "POST", body: "{}", headers: given });
  expect([got.status, got.headers.get("x-of-it")]).toEqual([201, "yes"]);
  const seen = (await got.json()) as { headers: Record<string, string> };
  expect(seen).toMatchObject({ method: "POST", url: "/apis/a.example.com/v1/things?limit=2", body: "{}" });
  expect(seen.headers).toMatchObject({
    "x-remote-user": "jane",
    "x-remote-group": "team",
    "x-remote-extra-a%2fb": "c",
  });
  expect(seen.headers).toMatchObject({ accept: "a/b", host: "remote.default.svc" });
  expect([seen.headers.authorization, seen.headers["impersonate-user"]]).toEqual([undefined, undefined]);
});

test("a server that says nothing is waited for as long as any request may take; a watch lasts", async () => {
  const patient = proxy;
  proxy = impatient;
  answer = () => {};
  expect((await ask()).status).toBe(504);
  expect(failures.pop()).toMatchObject({ reason: "Timeout", message: expect.stringContaining("allotted timeout") });
  isLong = true;
  // Longer than any other request may take.
  answer = (_, response) => setTimeout(() => response.end("late"), 100);
  expect(await (await ask()).text()).toBe("late");
  isLong = false;
  proxy = patient;
});

test("who is away is told", async () => {
  const known = service;
  service = { ...known, status: {} };
  expect((await ask()).status).toBe(503);
  service = { ...known, spec: { ...known.spec!, service: { namespace: "default", name: "nobody" } } };
  expect((await ask()).status).toBe(503);
  service = known;
  expect(failures.splice(0).map(({ message }) => message)).toEqual([
    "service unavailable",
    'error trying to reach service: service "nobody" not found',
  ]);
});

test("what a server says of its resources is brought into form", () => {
  const pods = { name: "pods", kind: "Pod", namespaced: true, singularName: "pod", verbs: ["get"] };
  const whole = { ...pods, shortNames: [], categories: [] };
  const table: [unknown, unknown[]][] = [
    [{ resources: null }, []],
    [null, []],
    [{ resources: [pods, null, { name: "nameless" }, { kind: "Kindless" }] }, [whole]],
    [
      { resources: [{ ...pods, verbs: "get", shortNames: [1, "po"], namespaced: undefined, group: "b" }] },
      [{ ...whole, verbs: [], shortNames: ["po"], namespaced: false, group: "b" }],
    ],
  ];
  for (const [document, resources] of table) expect(toldResources(document)).toEqual(resources as never);
  expect(() => toldResources({ resources: "pods" })).toThrow("the answer is no list of resources");
});

test("an answer without an end is not read to it", async () => {
  let made = 0;
  async function* endless() {
    for (;;) {
      made++;
      yield new Uint8Array(10).fill(32);
    }
  }
  await expect(boundedJson(endless(), 25)).rejects.toThrow("the answer has more than 25 bytes");
  expect(made).toBeLessThanOrEqual(3);
  async function* pieces() {
    yield Buffer.from('{"a":"\u00e4').subarray(0, 7);
    yield Buffer.from('{"a":"\u00e4"}').subarray(7);
  }
  expect(await boundedJson(pieces())).toEqual({ a: "\u00e4" });
});
