import { describe, expect, test } from "bun:test";
import { wayElements } from "../../../../src/kube/services/service-table.ts";
import { waysOf } from "../../../../src/kube/services/service-ways.ts";
import type { ServiceSpec } from "../../../../src/model/kubernetes/core.ts";
import type { Endpoint, EndpointSlice } from "../../../../src/model/kubernetes/discovery.ts";

function service(spec: ServiceSpec, name = "web", createdAt = "2026-01-01T00:00:00Z") {
  const metadata = { name, namespace: "default", uid: name, resourceVersion: "1", creationTimestamp: createdAt };
  return { apiVersion: "v1", kind: "Service", metadata, spec };
}
const slice = (
  endpoints: Endpoint[],
  ports: EndpointSlice["ports"] = [{ name: "", port: 8080, protocol: "TCP" }],
): EndpointSlice => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: {},
  addressType: "IPv4",
  endpoints,
  ports,
});
const at = (address: string, conditions: Endpoint["conditions"] = { ready: true }, nodeName = "n1"): Endpoint => ({
  addresses: [address],
  conditions,
  nodeName,
});
/** "TCP 10.96.0.10:80 -> 10.244.0.2:8080" */
function told(spec: ServiceSpec, slices: EndpointSlice[]): string[] {
  return waysOf([service(spec)], () => slices, "n1").map(({ front, backs }) => {
    const targets = backs.map(({ ip, port }) => `${ip}:${port}`).join(",");
    return `${front.protocol} ${front.ip}:${front.port} -> ${targets}`;
  });
}
const cluster = { clusterIP: "10.96.0.10", ports: [{ port: 80 }] };

describe("fronts", () => {
  test.each<[string, ServiceSpec, string[]]>([
    ["a cluster address", cluster, ["TCP 10.96.0.10:80 -> 10.244.0.2:8080"]],
    ["headless", { ...cluster, clusterIP: "None" }, []],
    ["another name", { type: "ExternalName", externalName: "example.com", ports: [{ port: 80 }] }, []],
    [
      "a port of the nodes",
      { ...cluster, type: "NodePort", ports: [{ port: 80, nodePort: 30080 }] },
      ["TCP 10.96.0.10:80 -> 10.244.0.2:8080", "TCP 0.0.0.0:30080 -> 10.244.0.2:8080"],
    ],
    [
      "a load balancer, outer addresses",
      { ...cluster, type: "LoadBalancer", externalIPs: ["192.0.2.7", "2001:db8::1"] },
      [
        "TCP 10.96.0.10:80 -> 10.244.0.2:8080",
        "TCP 192.0.2.7:80 -> 10.244.0.2:8080",
        "TCP 0.0.0.0:80 -> 10.244.0.2:8080",
      ],
    ],
    [
      "somebody else's load balancer",
      { ...cluster, type: "LoadBalancer", loadBalancerClass: "x/y" },
      ["TCP 10.96.0.10:80 -> 10.244.0.2:8080"],
    ],
  ])("%s", (_name, spec, expected) => {
    expect(told(spec, [slice([at("10.244.0.2")])])).toEqual(expected);
  });
});

describe("endpoints", () => {
  test.each<[string, Partial<ServiceSpec>, EndpointSlice[], string]>([
    ["ready ones only", {}, [slice([at("10.0.0.2"), at("10.0.0.1", { ready: false })])], "10.0.0.2:8080"],
    ["unknown readiness is ready", {}, [slice([at("10.0.0.2", {})])], "10.0.0.2:8080"],
    [
      "those that end but still serve, when no other is left",
      {},
      [
        slice([
          at("10.0.0.2", { ready: false, serving: true, terminating: true }),
          at("10.0.0.3", { ready: false, serving: false, terminating: true }),
        ]),
      ],
      "10.0.0.2:8080",
    ],
    [
      "of several slices, each once, in order",
      {},
      [slice([at("10.0.0.9")]), slice([at("10.0.0.2"), at("10.0.0.9")])],
      "10.0.0.2:8080,10.0.0.9:8080",
    ],
    [
      "the port of that name",
      { ports: [{ port: 80, name: "http" }] },
      [
        slice(
          [at("10.0.0.2")],
          [
            { name: "x", port: 1 },
            { name: "http", port: 8081 },
          ],
        ),
      ],
      "10.0.0.2:8081",
    ],
    [
      "on this node only",
      { internalTrafficPolicy: "Local" },
      [slice([at("10.0.0.2", {}, "n2"), at("10.0.0.3")])],
      "10.0.0.3:8080",
    ],
    ["none", {}, [], ""],
  ])("%s", (_name, spec, slices, expected) => {
    expect(told({ ...cluster, ...spec }, slices)).toEqual([`TCP 10.96.0.10:80 -> ${expected}`]);
  });
});

test("of two services that want the same port of this machine the older has it", () => {
  const spec = (clusterIP: string): ServiceSpec => ({ type: "LoadBalancer", clusterIP, ports: [{ port: 80 }] });
  const services = [service(spec("10.96.0.2"), "young", "2026-02-01T00:00:00Z"), service(spec("10.96.0.1"), "old")];
  const ways = waysOf(
    services,
    ({ metadata }) => [slice([at(metadata.name === "old" ? "10.0.0.1" : "10.0.0.2")])],
    "n1",
  );
  expect(ways.find(({ front }) => front.ip === "0.0.0.0")?.backs).toEqual([{ ip: "10.0.0.1", port: 8080 }]);
});

test("a load balancer's sources bind its ports of this machine alone; ranges of IPv6 name nobody", () => {
  const sources = (loadBalancerSourceRanges?: string[]) => {
    const spec: ServiceSpec = { ...cluster, type: "LoadBalancer", ports: [{ port: 80, nodePort: 30_080 }] };
    const ways = waysOf(
      [service({ ...spec, ...(loadBalancerSourceRanges && { loadBalancerSourceRanges }) })],
      () => [],
      "n1",
    );
    return ways.map((way) => `${way.front.ip}:${way.front.port} ${JSON.stringify(way.sources)}`);
  };
  const others = ["10.96.0.10:80 undefined", "0.0.0.0:30080 undefined"];
  expect(sources()).toEqual([...others, "0.0.0.0:80 undefined"]);
  expect(sources([])).toEqual([...others, "0.0.0.0:80 undefined"]);
  expect(sources([" 0.0.1.0/24", "0.0.0.0/24 ", "0.0.0.7/32"])).toEqual([...others, "0.0.0.0:80 [[0,511]]"]);
  expect(sources(["2001:db8::/32"])).toEqual([...others, "0.0.0.0:80 []"]);
});

test("session affinity", () => {
  const seconds = (more: Partial<ServiceSpec>) =>
    waysOf([service({ ...cluster, ...more })], () => [], "n1")[0]!.affinitySeconds;
  expect([
    seconds({}),
    seconds({ sessionAffinity: "ClientIP" }),
    seconds({ sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }),
  ]).toEqual([0, 10_800, 60]);
});

test("elements: one for one endpoint, slots for several, every endpoint in as many slots as the others", () => {
  const front = { protocol: "TCP", ip: "10.96.0.1", port: 80 } as const;
  const of = (count: number, affinitySeconds = 0) => {
    const backs = Array.from({ length: count }, (_one, at) => ({ ip: `10.0.0.${at + 1}`, port: 80 }));
    return wayElements({ front, backs, affinitySeconds });
  };
  expect([of(0).length, of(1).length, of(3).length, of(30).length, of(31).length]).toEqual([0, 1, 60, 60, 840]);
  const shares = Map.groupBy(of(7), ({ data }) => Buffer.from(data!).toString("hex"));
  expect([...shares.values()].map(({ length }) => length)).toEqual([9, 9, 9, 9, 8, 8, 8]);
  expect(
    of(2, 60)
      .map(({ set }) => set)
      .filter((set) => set !== "few"),
  ).toEqual(["live", "live", "affine-60"]);
});
