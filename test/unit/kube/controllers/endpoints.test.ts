import { expect, test } from "bun:test";
import { endpointsController } from "../../../../src/kube/controllers/endpoints/endpoints-controller.ts";
import { mirroringController } from "../../../../src/kube/controllers/endpoints/mirroring-controller.ts";
import { sliceController } from "../../../../src/kube/controllers/endpoints/slice-controller.ts";
import { planSlices } from "../../../../src/kube/controllers/endpoints/slice-plan.ts";
import type { Pod, Service } from "../../../../src/model/kubernetes/core.ts";
import type { Endpoint, EndpointSlice } from "../../../../src/model/kubernetes/discovery.ts";
import { ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES } from "../../../../src/model/kubernetes/names.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";
import { controlledCluster, until } from "../../../support/controlled-cluster.ts";

function pod(name: string, ip: string, ready: boolean): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "web" } },
    spec: { nodeName: "n1", containers: [{ name: "main", ports: [{ name: "http", containerPort: 8080 }] }] },
    status: {
      phase: "Running",
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    },
  };
}
const service: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", labels: { tier: "front" } },
  spec: {
    clusterIP: "10.96.0.7",
    selector: { app: "web" },
    ports: [{ name: "http", port: 80, protocol: "TCP", targetPort: "http" }],
  },
};

test("a service's endpoints and slices follow its pods", async () => {
  await using there = await controlledCluster((tools) => [endpointsController(tools), sliceController(tools)]);
  const { client } = there;
  await client.resource(SERVICES).create("default", service);
  const empty = await until(client, ENDPOINT_SLICES, ([slice]) => slice);
  expect(empty).toMatchObject({ endpoints: [], ports: [] });
  const addPod = async (each: Pod) => {
    await client.resource(PODS).create("default", each);
    const patch = { status: each.status };
    await client.resource(PODS).patch("default", each.metadata.name!, "merge", patch, { subresource: "status" });
  };
  await addPod(pod("a", "10.1.0.2", true));
  await addPod(pod("b", "10.1.0.3", false));
  const endpoints = await until(client, ENDPOINTS, ([each]) =>
    each?.subsets?.[0]?.notReadyAddresses ? each : undefined,
  );
  const uid = (name: string) => client.informer(PODS).get("default", name)!.metadata.uid;
  const target = (name: string) => ({ kind: "Pod", namespace: "default", name, uid: uid(name) });
  expect(endpoints.metadata.labels).toEqual({
    tier: "front",
    "endpoints.kubernetes.io/managed-by": "endpoint-controller",
  });
  expect(endpoints.subsets).toEqual([
    {
      addresses: [{ ip: "10.1.0.2", nodeName: "n1", targetRef: target("a") }],
      notReadyAddresses: [{ ip: "10.1.0.3", nodeName: "n1", targetRef: target("b") }],
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    },
  ]);
  const slice = await until(client, ENDPOINT_SLICES, (slices) => slices.find((each) => each.endpoints.length === 2));
  expect(slice.metadata.labels).toEqual({
    tier: "front",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    "kubernetes.io/service-name": "web",
  });
  expect(slice.metadata.generateName).toBe("web-");
  expect(slice.ports).toEqual([{ name: "http", port: 8080, protocol: "TCP" }]);
  expect(slice.endpoints.map(({ conditions }) => conditions)).toEqual([
    { ready: true, serving: true, terminating: false },
    { ready: false, serving: false, terminating: false },
  ]);
  await client.resource(PODS).delete("default", "a");
  await until(client, ENDPOINT_SLICES, ([each]) => each?.endpoints[0]?.conditions?.terminating === true);
  await until(client, ENDPOINTS, ([each]) => each?.subsets?.[0]?.addresses === undefined);
  await client.resource(SERVICES).delete("default", "web");
  await until(client, ENDPOINTS, (all) => all.length === 0);
  expect(there.logged).toEqual([]);
});

test("Endpoints written by hand are mirrored into slices", async () => {
  await using there = await controlledCluster((tools) => [mirroringController(tools)]);
  const { client } = there;
  const { selector: _, ...spec } = service.spec!;
  await client.resource(SERVICES).create("default", { ...service, spec });
  const written = await client.resource(ENDPOINTS).create("default", {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "web" },
    subsets: [{ addresses: [{ ip: "10.2.3.4" }], ports: [{ name: "http", port: 80, protocol: "TCP" }] }],
  });
  const slice = await until(client, ENDPOINT_SLICES, ([each]) => each);
  expect(slice.endpoints).toEqual([{ addresses: ["10.2.3.4"], conditions: { ready: true } }]);
  expect(slice.metadata.labels?.["endpointslice.kubernetes.io/managed-by"]).toBe(
    "endpointslicemirroring-controller.k8s.io",
  );
  const subsets = [{ addresses: [{ ip: "10.2.3.5" }], ports: [{ name: "http", port: 80, protocol: "TCP" }] }];
  await client.resource(ENDPOINTS).update({ ...written, subsets });
  await until(client, ENDPOINT_SLICES, ([each]) => each?.endpoints[0]?.addresses[0] === "10.2.3.5");
  await client.resource(ENDPOINTS).delete("default", "web");
  await until(client, ENDPOINT_SLICES, (all) => all.length === 0);
});

const endpoint = (i: number): Endpoint => ({ addresses: [`10.1.${i >> 8}.${i & 255}`], conditions: { ready: true } });
const many = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => endpoint(from + i));
const ports = [{ name: "", port: 80, protocol: "TCP" }];
const slice = (name: string, endpoints: Endpoint[]) =>
  ({ metadata: { name }, addressType: "IPv4", ports, endpoints }) as unknown as Stored<EndpointSlice>;
const summary = (wanted: Endpoint[], existing: Stored<EndpointSlice>[]) => {
  const plan = planSlices([{ addressType: "IPv4", ports, endpoints: wanted }], existing);
  return {
    create: plan.create.map((group) => group.endpoints.length),
    update: plan.update.map((each) => [each.slice.metadata.name, each.endpoints.length]),
    remove: plan.remove.map((each) => each.metadata.name),
  };
};

test.each([
  ["nothing there", many(0, 250), [], { create: [100, 100, 50], update: [], remove: [] }],
  ["nothing changes", many(0, 3), [slice("a", many(0, 3))], { create: [], update: [], remove: [] }],
  ["room in a slice", many(0, 5), [slice("a", many(0, 3))], { create: [], update: [["a", 5]], remove: [] }],
  [
    "the fullest slice first",
    many(0, 162),
    [slice("a", many(0, 70)), slice("b", many(70, 160))],
    { create: [], update: [["b", 92]], remove: [] },
  ],
  [
    "an empty slice goes",
    many(0, 3),
    [slice("a", many(0, 3)), slice("b", many(7, 9))],
    { create: [], update: [], remove: ["b"] },
  ],
  ["the last one stays, empty", [], [slice("a", many(0, 3))], { create: [], update: [["a", 0]], remove: [] }],
])("slices: %s", (_, wanted, existing, expected) => {
  expect(summary(wanted, existing)).toEqual(expected as ReturnType<typeof summary>);
});
