/** The name server with a real resolver on the other end, over the machinery in memory. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { DNS_CODE, DNS_TYPE, encodeQuery } from "../../../../src/dns/message.ts";
import { createClusterDns } from "../../../../src/kube/services/cluster-dns.ts";
import type { ServiceSpec } from "../../../../src/model/kubernetes/core.ts";
import type { Endpoint } from "../../../../src/model/kubernetes/discovery.ts";
import { ENDPOINT_SLICES, SERVICES } from "../../../../src/model/kubernetes/names.ts";
import { createTestCluster, type TestCluster } from "../../../support/test-cluster.ts";

let cluster: TestCluster;
const stop = new AbortController();
let ended: Promise<void>;
const resolver = new Resolver({ timeout: 5000, tries: 2 });

async function service(name: string, spec: ServiceSpec, endpoints: Endpoint[] = []): Promise<void> {
  const metadata = { name, namespace: "default" };
  await cluster.client.resource(SERVICES).create("default", { apiVersion: "v1", kind: "Service", metadata, spec });
  if (endpoints.length === 0) return;
  await cluster.client.resource(ENDPOINT_SLICES).create("default", {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${name}-1`, namespace: "default", labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    endpoints,
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  });
}

beforeAll(async () => {
  cluster = await createTestCluster();
  const options = {
    client: cluster.client,
    domain: "cluster.local",
    clusterIp: "10.96.0.10",
    listenAddress: async () => "127.0.0.1",
  };
  ended = createClusterDns({ ...options, upstream: () => [] }).run(stop.signal);
  const slices = cluster.client.informer(ENDPOINT_SLICES);
  const deadline = Date.now() + 20_000;
  while (slices.get("kube-system", "kube-dns-naru") === undefined) {
    if (Date.now() > deadline) throw new Error("the name server does not come up");
    await Bun.sleep(2);
  }
  const port = slices.get("kube-system", "kube-dns-naru")!.ports!.find(({ protocol }) => protocol === "UDP")!.port!;
  resolver.setServers([`127.0.0.1:${port}`]);
  await service("web", { clusterIP: "10.96.0.20", clusterIPs: ["10.96.0.20"], ports: [{ name: "http", port: 80 }] });
  await service("db", { clusterIP: "None", clusterIPs: ["None"], ports: [{ name: "http", port: 80 }] }, [
    { addresses: ["10.244.0.5"], hostname: "db-0", conditions: { ready: true } },
    { addresses: ["10.244.0.6"], conditions: { ready: true } },
    { addresses: ["10.244.0.7"], conditions: { ready: false } },
  ]);
  await service("empty", { clusterIP: "None", ports: [{ port: 80 }] });
  await service("other", { type: "ExternalName", externalName: "web.default.svc.cluster.local." });
  await service("away", { type: "ExternalName", externalName: "example.com" });
});
afterAll(async () => {
  stop.abort();
  await ended;
  expect(cluster.errors).toEqual([]);
  await cluster[Symbol.asyncDispose]();
});

const outcome = (answer: Promise<unknown>) => answer.catch((error) => error.code);

test.each<[string, unknown]>([
  ["web.default.svc.cluster.local", ["10.96.0.20"]],
  ["WEB.Default.svc.cluster.local", ["10.96.0.20"]],
  ["db-0.db.default.svc.cluster.local", ["10.244.0.5"]],
  ["10-244-0-6.db.default.svc.cluster.local", ["10.244.0.6"]],
  ["10-244-0-9.default.pod.cluster.local", ["10.244.0.9"]],
  ["other.default.svc.cluster.local", ["10.96.0.20"]],
  ["kube-dns.kube-system.svc.cluster.local", ["10.96.0.10"]],
  ["db-1.db.default.svc.cluster.local", "ENOTFOUND"],
  ["nothing.default.svc.cluster.local", "ENOTFOUND"],
  ["web.nowhere.svc.cluster.local", "ENOTFOUND"],
  ["10-244-0-9.nowhere.pod.cluster.local", "ENOTFOUND"],
  ["x.web.default.svc.cluster.local", "ENOTFOUND"],
  ["example.com", "ESERVFAIL"],
])("A %s", async (name, expected) => {
  expect(await outcome(resolver.resolve4(name))).toEqual(expected);
});

test("a headless service has its ready endpoints' addresses", async () => {
  expect((await resolver.resolve4("db.default.svc.cluster.local")).sort()).toEqual(["10.244.0.5", "10.244.0.6"]);
});

test("SRV: the service's port, or each endpoint's", async () => {
  expect(await resolver.resolveSrv("_http._tcp.web.default.svc.cluster.local")).toMatchObject([
    { name: "web.default.svc.cluster.local", port: 80 },
  ]);
  const endpoints = await resolver.resolveSrv("_http._tcp.db.default.svc.cluster.local");
  expect(endpoints.map(({ name, port }) => `${name} ${port}`).sort()).toEqual([
    "10-244-0-6.db.default.svc.cluster.local 8080",
    "db-0.db.default.svc.cluster.local 8080",
  ]);
  expect(await outcome(resolver.resolveSrv("_https._tcp.web.default.svc.cluster.local"))).toBe("ENOTFOUND");
});

test("addresses back to names, external names, the version, other types of known names", async () => {
  expect(await resolver.reverse("10.96.0.20")).toEqual(["web.default.svc.cluster.local"]);
  expect(await resolver.reverse("10.244.0.5")).toEqual(["db-0.db.default.svc.cluster.local"]);
  expect(await resolver.resolveCname("away.default.svc.cluster.local")).toEqual(["example.com"]);
  expect(await resolver.resolveTxt("dns-version.cluster.local")).toEqual([["1.1.0"]]);
});

test.each<[string, number, number, number]>([
  ["empty.default.svc.cluster.local", DNS_TYPE.A, DNS_CODE.noError, 0],
  ["svc.cluster.local", DNS_TYPE.A, DNS_CODE.noError, 0],
  ["default.svc.cluster.local", DNS_TYPE.A, DNS_CODE.noError, 0],
  ["web.default.svc.cluster.local", DNS_TYPE.AAAA, DNS_CODE.noError, 0],
  ["web.default.svc.cluster.local", DNS_TYPE.A, DNS_CODE.noError, 1],
  ["nothing.default.svc.cluster.local", DNS_TYPE.A, DNS_CODE.nameError, 0],
])(
  "%s of type %d: code %d, %d answers; without any, the zone tells how long that holds",
  async (name, type, code, count) => {
    const socket = createSocket("udp4");
    try {
      const port = Number(resolver.getServers()[0]!.split(":")[1]);
      socket.send(encodeQuery(7, name, type), port, "127.0.0.1");
      const [answer] = (await once(socket, "message")) as [Buffer];
      expect([answer[3]! & 15, answer.readUInt16BE(6), answer.readUInt16BE(8)]).toEqual([
        code,
        count,
        count === 0 ? 1 : 0,
      ]);
    } finally {
      socket.close();
    }
  },
);

test("a hostile packet is no answer and no end", async () => {
  const socket = createSocket("udp4");
  const port = Number(resolver.getServers()[0]!.split(":")[1]);
  for (const hex of ["", "ffffff", "00010100000100000000000040ff", "000101000001000000000000c00c00010001"]) {
    await new Promise((resolve) => socket.send(Buffer.from(hex, "hex"), port, "127.0.0.1", resolve));
  }
  socket.close();
  expect(await resolver.resolve4("web.default.svc.cluster.local")).toEqual(["10.96.0.20"]);
});
