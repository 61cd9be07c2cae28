/** Endpoints and endpoint slices, as the conformance requirements tell them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { importWorkloadImage, podSpec, Workspace } from "../support/workloads.ts";

let cluster: TestClusterDaemon;
beforeAll(async () => {
  cluster = await startCluster();
  await importWorkloadImage(cluster);
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

// biome-ignore lint/suspicious/noExplicitAny: objects of the API
type Any = any;
let count = 0;
/** A test of a requirement, in a namespace of its own. The group is looked for first, as all of these requirements ask. */
function requirement(codename: string, run: (place: Workspace) => Promise<void>): void {
  const namespace = `endpoints-${count++}`;
  test.concurrent(conformance(`${codename} [Conformance]`), async () => {
    const place = await Workspace.open(cluster, namespace);
    const named = (list: Any[], name: string) => list.some((each) => each.name === name);
    expect(named((await place.expect(200, "GET", "/apis")).groups, "discovery.k8s.io")).toBe(true);
    const group = await place.expect(200, "GET", "/apis/discovery.k8s.io");
    expect(group.versions).toContainEqual({ groupVersion: "discovery.k8s.io/v1", version: "v1" });
    expect(named((await place.expect(200, "GET", "/apis/discovery.k8s.io/v1")).resources, "endpointslices")).toBe(true);
    await run(place);
  });
}

const service = (name: string, spec: object) => ({ apiVersion: "v1", kind: "Service", metadata: { name }, spec });
const of = (name: string) => `kubernetes.io/service-name=${name}`;
const addresses = (slices: Any[]) =>
  slices.flatMap((slice) => slice.endpoints.flatMap((each: Any) => each.addresses)).sort();

requirement(
  "[sig-network] EndpointSlice should have Endpoints and EndpointSlices pointing to API Server",
  async (place) => {
    const kubernetes = await place.expect(200, "GET", "/api/v1/namespaces/default/services/kubernetes");
    expect(kubernetes.spec.ports[0]).toMatchObject({ name: "https", port: 443 });
    const endpoints = await place.expect(200, "GET", "/api/v1/namespaces/default/endpoints/kubernetes");
    const ips = endpoints.subsets.flatMap((subset: Any) => subset.addresses.map((each: Any) => each.ip));
    expect(ips.length).toBeGreaterThan(0);
    const query = `labelSelector=${encodeURIComponent(of("kubernetes"))}`;
    const slices = await place.expect(
      200,
      "GET",
      `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?${query}`,
    );
    expect(addresses(slices.items)).toEqual(ips.sort());
    expect(slices.items[0].ports[0].port).toBe(endpoints.subsets[0].ports[0].port);
  },
);

requirement(
  "[sig-network] EndpointSlice should create and delete Endpoints and EndpointSlices for a Service with a selector specified",
  async (place) => {
    await place.create(
      "services",
      service("empty", { selector: { app: "none" }, ports: [{ port: 80, name: "example" }] }),
    );
    await place.until("endpoints", "empty", (object) => object.kind === "Endpoints");
    await place.untilList("endpointslices", (slices) => slices.length === 1, of("empty"));
    await place.delete("services", "empty");
    await place.untilGone("endpoints", "empty");
    await place.untilList("endpointslices", (slices) => slices.length === 0, of("empty"));
  },
);

requirement(
  "[sig-network] EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service",
  async (place) => {
    const pod = (name: string, port: number) => {
      const spec = podSpec();
      spec.containers[0].ports = [
        { name: "example-name", containerPort: port },
        { name: "other", containerPort: 8080 },
      ];
      return { apiVersion: "v1", kind: "Pod", metadata: { name, labels: { app: "both", [name]: "yes" } }, spec };
    };
    const named = { name: "example", port: 80, targetPort: "example-name" };
    await place.create("services", service("one", { selector: { first: "yes" }, ports: [named] }));
    await place.create(
      "services",
      service("two", {
        selector: { app: "both" },
        clusterIP: "None",
        ports: [named, { name: "other", port: 81, targetPort: 8080 }],
      }),
    );
    await place.create("pods", pod("first", 3000));
    await place.create("pods", pod("second", 3001));
    const ipOf = async (name: string) =>
      (await place.until("pods", name, (each) => each.status?.phase === "Running" && each.status.podIP)).status.podIP;
    const ips = [await ipOf("first"), await ipOf("second")];
    const [slice] = await place.untilList(
      "endpointslices",
      (slices) => slices[0]?.endpoints[0]?.conditions.ready,
      of("one"),
    );
    expect(slice).toMatchObject({
      addressType: "IPv4",
      endpoints: [{ addresses: [ips[0]], targetRef: { kind: "Pod", name: "first", namespace: place.namespace } }],
      ports: [{ name: "example", port: 3000, protocol: "TCP" }],
    });
    const one = await place.until("endpoints", "one", (object) => object.subsets?.[0]?.addresses);
    expect(one.subsets[0]).toMatchObject({ addresses: [{ ip: ips[0] }], ports: [{ name: "example", port: 3000 }] });
    const isReady = (slices: Any[]) =>
      addresses(slices).length === 2 &&
      slices.every((each) => each.endpoints.every((end: Any) => end.conditions.ready));
    const slices = await place.untilList("endpointslices", isReady, of("two"));
    expect(addresses(slices)).toEqual([...ips].sort());
    // The named port differs from pod to pod: a slice for each.
    const portsOf = (each: Any) => each.ports.map((port: Any) => port.port).sort();
    expect(slices.map(portsOf).sort()).toEqual([
      [3000, 8080],
      [3001, 8080],
    ]);
    await place.until("endpoints", "two", (object) => object.subsets?.length === 2);
    await place.delete("pods", "first");
    await place.untilList("endpointslices", (left) => Bun.deepEquals(addresses(left), [ips[1]]), of("two"));
  },
);

requirement(
  "[sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete",
  async (place) => {
    await place.create("services", service("custom", { ports: [{ name: "example", port: 80 }] }));
    const subsets = (ip: string) => [{ ports: [{ port: 80, name: "example" }], addresses: [{ ip }] }];
    await place.create("endpoints", {
      apiVersion: "v1",
      kind: "Endpoints",
      metadata: { name: "custom" },
      subsets: subsets("10.1.2.3"),
    });
    const [slice] = await place.untilList("endpointslices", (slices) => slices.length === 1, of("custom"));
    expect(slice.endpoints[0].addresses).toEqual(["10.1.2.3"]);
    expect(slice.ports[0]).toMatchObject({ name: "example", port: 80 });
    await place.change(place.path("endpoints", "custom"), (object) => {
      object.subsets = subsets("10.2.3.4");
    });
    await place.untilList("endpointslices", (slices) => addresses(slices).join() === "10.2.3.4", of("custom"));
    await place.delete("endpoints", "custom");
    await place.untilList("endpointslices", (slices) => slices.length === 0, of("custom"));
  },
);

requirement(
  "[sig-apps] ReplicationController should surface a failure condition on a common issue like exceeded quota",
  async (place) => {
    const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "few" }, spec: { hard: { pods: "2" } } };
    await place.create("resourcequotas", quota);
    await place.until("resourcequotas", "few", (object) => object.status?.hard?.pods === "2");
    const labels = { app: "many" };
    const spec = podSpec("exit 0", { nodeSelector: { "test.naru/nowhere": "true" } });
    await place.create("replicationcontrollers", {
      apiVersion: "v1",
      kind: "ReplicationController",
      metadata: { name: "many" },
      spec: { replicas: 3, selector: labels, template: { metadata: { labels }, spec } },
    });
    const failure = (object: Any) => object.status?.conditions?.find((each: Any) => each.type === "ReplicaFailure");
    const failing = await place.until("replicationcontrollers", "many", failure);
    expect(failure(failing)).toMatchObject({ status: "True", reason: "FailedCreate" });
    await place.change(`${place.path("replicationcontrollers", "many")}/scale`, (scale) => {
      scale.spec.replicas = 2;
    });
    await place.until("replicationcontrollers", "many", (object) => failure(object) === undefined);
  },
);
