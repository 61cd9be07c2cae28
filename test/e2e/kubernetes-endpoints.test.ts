/** Endpoints and endpoint slices, as the conformance requirements tell them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { parse } from "yaml";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { eventually } from "../support/daemon.ts";
import { PATIENCE } from "../support/patience.ts";
import { importWorkloadImage, podSpec, Workspace } from "../support/workloads.ts";

let cluster: TestClusterDaemon;
beforeAll(async () => {
  cluster = await startCluster(["--cluster-listen", "0.0.0.0:0"]);
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
    expect(ips).toHaveLength(1);
    const query = `labelSelector=${encodeURIComponent(of("kubernetes"))}`;
    const slices = await place.expect(
      200,
      "GET",
      `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?${query}`,
    );
    expect(addresses(slices.items)).toEqual(ips.sort());
    const [{ port }] = endpoints.subsets[0].ports;
    expect(slices.items[0].ports).toMatchObject([{ name: "https", port, protocol: "TCP" }]);
    // It is the API server that answers there, with the certificate of this cluster.
    const [entry] = parse(await Bun.file(cluster.kubeconfig).text()).clusters;
    const ca = Buffer.from(entry.cluster["certificate-authority-data"], "base64").toString();
    const version = await fetch(`https://${ips[0]}:${port}/version`, { tls: { ca } });
    expect(await version.json()).toMatchObject({ major: "1", minor: "34" });
    const proxied = "/api/v1/namespaces/default/services/https:kubernetes:https/proxy/version";
    expect(await place.expect(200, "GET", proxied)).toMatchObject({ major: "1", minor: "34" });
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

/** A pod that answers its name over HTTP on each of these ports. */
function server(name: string, app: object, ports: number[]) {
  const serve = ports.map((port) => `httpd -p ${port} -h /w`).join("; ");
  const spec = podSpec(`mkdir -p /w && hostname >/w/index.html; ${serve}; trap 'exit 0' TERM; sleep 9999 & wait`);
  spec.containers[0].ports = ports.map((containerPort) => ({ containerPort }));
  return { apiVersion: "v1", kind: "Pod", metadata: { name, labels: app }, spec };
}
async function runServer(place: Workspace, name: string, app: object, ports: number[]): Promise<string> {
  await place.create("pods", server(name, app, ports));
  const running = await place.until("pods", name, (pod) =>
    pod.status?.conditions?.some((each: Any) => each.type === "Ready" && each.status === "True"),
  );
  return running.status.podIP;
}
/** Asks until that pod answers: the rules of the proxy follow the slices a moment later. */
async function answers(address: string, pod: string): Promise<void> {
  let last = "";
  const isIt = async () => {
    const asked = fetch(`http://${address}/`, { keepalive: false, signal: AbortSignal.timeout(2000 * PATIENCE) });
    last = await asked.then((answer) => answer.text(), String);
    return last.trim() === pod;
  };
  await eventually(isIt).catch(() => {
    throw new Error(`${address} was never answered by ${pod}: ${last}`);
  });
}
const handMade = (name: string, ip: string, port: number, portName: string) => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name, labels: { "kubernetes.io/service-name": "custom" } },
  addressType: "IPv4",
  endpoints: [{ addresses: [ip], conditions: { ready: true } }],
  ports: [{ name: portName, port, protocol: "TCP" }],
});
const TWO_PORTS = [
  { name: "portname1", port: 80, targetPort: 100 },
  { name: "portname2", port: 81, targetPort: 101 },
];

requirement(
  "[sig-network] EndpointSlice should support a Service with multiple endpoint IPs specified in multiple EndpointSlices",
  async (place) => {
    const made = await place.create("services", service("custom", { ports: TWO_PORTS }));
    const [one, two] = await Promise.all([runServer(place, "one", {}, [3000]), runServer(place, "two", {}, [3001])]);
    await place.create("endpointslices", handMade("first", one, 3000, "portname1"));
    await place.create("endpointslices", handMade("second", two, 3001, "portname2"));
    const { clusterIP } = made.spec;
    await answers(`${clusterIP}:80`, "one");
    await answers(`${clusterIP}:81`, "two");
  },
);
requirement(
  "[sig-network] EndpointSlice should support a Service with multiple ports specified in multiple EndpointSlices",
  async (place) => {
    const made = await place.create("services", service("custom", { ports: TWO_PORTS }));
    const ip = await runServer(place, "both", {}, [3000, 3001]);
    await place.create("endpointslices", handMade("first", ip, 3000, "portname1"));
    await place.create("endpointslices", handMade("second", ip, 3001, "portname2"));
    const { clusterIP } = made.spec;
    await answers(`${clusterIP}:80`, "both");
    await answers(`${clusterIP}:81`, "both");
  },
);

/** "pod port" of each ready endpoint. */
function told(endpoints: Any): string[] {
  const pairs = (endpoints.subsets ?? []).flatMap((subset: Any) =>
    (subset.addresses ?? []).flatMap((address: Any) =>
      subset.ports.map((port: Any) => `${address.targetRef.name} ${port.port}`),
    ),
  );
  return pairs.sort();
}
const tells = (place: Workspace, ...expected: string[]) =>
  place.until("endpoints", "web", (object) => object.kind === "Endpoints" && Bun.deepEquals(told(object), expected));

requirement("[sig-network] Services should serve a basic endpoint from pods", async (place) => {
  const made = await place.create("services", service("web", { selector: { app: "web" }, ports: [{ port: 80 }] }));
  await tells(place);
  await runServer(place, "pod1", { app: "web" }, [80]);
  await tells(place, "pod1 80");
  await answers(made.spec.clusterIP, "pod1");
  await runServer(place, "pod2", { app: "web" }, [80]);
  await tells(place, "pod1 80", "pod2 80");
  await place.delete("pods", "pod1");
  await tells(place, "pod2 80");
  await answers(made.spec.clusterIP, "pod2");
  await place.delete("pods", "pod2");
  await tells(place);
});
requirement("[sig-network] Services should serve multiport endpoints from pods", async (place) => {
  const ports = [
    { name: "portname1", port: 80, targetPort: "portname1" },
    { name: "portname2", port: 81, targetPort: "portname2" },
  ];
  const made = await place.create("services", service("web", { selector: { app: "web" }, ports }));
  await tells(place);
  const add = async (name: string, portName: string, port: number) => {
    const pod = server(name, { app: "web" }, [port]);
    pod.spec.containers[0].ports = [{ name: portName, containerPort: port }];
    await place.create("pods", pod);
  };
  await add("pod1", "portname1", 100);
  await tells(place, "pod1 100");
  await add("pod2", "portname2", 101);
  await tells(place, "pod1 100", "pod2 101");
  await answers(`${made.spec.clusterIP}:80`, "pod1");
  await answers(`${made.spec.clusterIP}:81`, "pod2");
  await place.delete("pods", "pod1");
  await tells(place, "pod2 101");
  await place.delete("pods", "pod2");
  await tells(place);
});
requirement("[sig-network] Services should test the lifecycle of an Endpoint", async (place) => {
  const subsets = (ip: string, port: number) => [
    { addresses: [{ ip }], ports: [{ name: "http", port, protocol: "TCP" }] },
  ];
  const object = {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "own", labels: { own: "yes" } },
    subsets: subsets("10.0.0.24", 80),
  };
  await place.create("endpoints", object);
  const all = await place.expect(200, "GET", "/api/v1/endpoints?labelSelector=own%3Dyes");
  expect(all.items.length).toBe(1);
  await place.change(place.path("endpoints", "own"), (each) => {
    each.metadata.labels.updated = "yes";
  });
  expect((await place.get("endpoints", "own")).metadata.labels).toEqual({ own: "yes", updated: "yes" });
  await place.patch("endpoints", "own", { subsets: subsets("10.0.0.25", 8080) });
  const { subsets: patched, metadata } = await place.get("endpoints", "own");
  expect(patched).toEqual(subsets("10.0.0.25", 8080));
  const watch = `${place.path("endpoints")}?watch=1&resourceVersion=${metadata.resourceVersion}`;
  await cluster.watch(
    watch,
    (seen) => seen.some((event) => event.type === "DELETED"),
    () => place.expect(200, "DELETE", `${place.path("endpoints")}?labelSelector=own%3Dyes`),
  );
});
requirement("[sig-network] Service endpoints latency should not be very high", async (place) => {
  await runServer(place, "pause", { app: "latency" }, [80]);
  const times: number[] = [];
  const measure = async (name: string) => {
    const began = performance.now();
    await place.create("services", service(name, { selector: { app: "latency" }, ports: [{ port: 80 }] }));
    await place.until("endpoints", name, (each) => each.subsets?.[0]?.addresses?.length === 1);
    times.push(performance.now() - began);
  };
  for (let i = 0; i < 100; i += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, at) => measure(`latency-${i + at}`)));
  }
  times.sort((a, b) => a - b);
  expect(times.length).toBe(100);
  expect(times[50]).toBeLessThan(20_000);
  expect(times[90]).toBeLessThan(50_000);
});
requirement(
  "[sig-api-machinery] OrderedNamespaceDeletion namespace deletion should delete pod first",
  async (place) => {
    const finalizers = ["e2e.example.com/finalizer"];
    const pod = server("held", {}, [80]);
    await place.create("pods", { ...pod, metadata: { ...pod.metadata, finalizers } });
    await place.create("configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kept" } });
    const path = `/api/v1/namespaces/${place.namespace}`;
    await place.expect(200, "DELETE", path);
    await place.until("pods", "held", (each) => each.metadata.deletionTimestamp);
    const remaining = (object: Any) =>
      object.status.conditions?.find((each: Any) => each.type === "NamespaceContentRemaining");
    let namespace = await place.expect(200, "GET", path);
    while (remaining(namespace)?.status !== "True") namespace = await place.expect(200, "GET", path);
    expect(remaining(namespace).message).toContain("pods. has 1 resource instances");
    expect((await place.get("configmaps", "kept")).metadata.deletionTimestamp).toBeUndefined();
    await place.patch("pods", "held", { metadata: { finalizers: null } });
    await place.untilGone("pods", "held");
    while ((await cluster.api("GET", path)).status === 200) await Bun.sleep(50);
  },
);
