/** Who may do what at the cluster's API: certificates, tokens, roles; what it tells of itself. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { parse } from "yaml";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { eventually } from "../support/daemon.ts";

let cluster: TestClusterDaemon;
let server: string;
let ca: string;

beforeAll(async () => {
  cluster = await startCluster();
  const [entry] = parse(await Bun.file(cluster.kubeconfig).text()).clusters;
  server = entry.cluster.server;
  ca = Buffer.from(entry.cluster["certificate-authority-data"], "base64").toString();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** A request without the administrator's certificate. */
async function asStranger(path: string, options: RequestInit = {}): Promise<{ status: number; body: string }> {
  const answer = await fetch(`${server}${path}`, { ...options, tls: { ca } });
  return { status: answer.status, body: await answer.text() };
}

function withToken(token: string, path: string) {
  return asStranger(path, { headers: { Authorization: `Bearer ${token}` } });
}

const kubectl = (...words: string[]) => cluster.kubectlSays(words);

const may = async (words: string) => (await cluster.kubectl(["auth", "can-i", ...words.split(" ")])).stdout.trim();

test("who shows no proof sees that it is alive, its version, and nothing else", async () => {
  expect(await asStranger("/livez")).toEqual({ status: 200, body: "ok" });
  expect((await asStranger("/readyz?verbose")).body).toContain("[+]store ok");
  expect((await asStranger("/version")).status).toBe(200);
  const { status, body } = await asStranger("/api/v1/namespaces/default/secrets");
  expect(status).toBe(403);
  expect(JSON.parse(body)).toMatchObject({
    kind: "Status",
    reason: "Forbidden",
    code: 403,
    message:
      'secrets is forbidden: User "system:anonymous" cannot list resource "secrets" in API group "" in the namespace "default"',
  });
  expect((await withToken("no.such.token", "/api/v1/namespaces")).status).toBe(401);
  expect((await asStranger("/api/v1", { headers: { Authorization: "Basic eDp5" } })).status).toBe(401);
});

test(
  conformance(
    "[sig-auth] ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview [Conformance]",
  ),
  async () => {
    const made = await cluster.api("POST", "/api/v1/namespaces/default/serviceaccounts", {
      metadata: { name: "reviewed" },
    });
    expect(made.status).toBe(201);
    const asked = await cluster.api("POST", "/api/v1/namespaces/default/serviceaccounts/reviewed/token", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {},
    });
    expect(asked.status).toBe(201);
    expect(asked.body.status.token).not.toBe("");
    const review = await cluster.api("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
      spec: { token: asked.body.status.token },
    });
    expect(review.status).toBe(201);
    expect(review.body.status).toMatchObject({
      authenticated: true,
      user: {
        username: "system:serviceaccount:default:reviewed",
        uid: made.body.metadata.uid,
        groups: expect.arrayContaining(["system:serviceaccounts", "system:serviceaccounts:default"]),
      },
    });
    expect(review.body.status.error).toBeUndefined();
    const other = await cluster.api("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
      spec: { token: asked.body.status.token, audiences: ["somebody else"] },
    });
    expect(other.body.status.authenticated).toBeUndefined();
  },
);

test("a token is worth what roles give its account, and nothing once the account is gone", async () => {
  await kubectl("create", "namespace", "team");
  await kubectl("create", "serviceaccount", "reader", "-n", "team");
  const token = (await kubectl("create", "token", "reader", "-n", "team")).trim();
  const list = () => withToken(token, "/api/v1/namespaces/team/configmaps");
  expect((await list()).status).toBe(403);
  await kubectl("create", "rolebinding", "readers", "-n", "team", "--clusterrole=view", "--serviceaccount=team:reader");
  expect((await list()).status).toBe(200);
  expect((await withToken(token, "/api/v1/namespaces/team/secrets")).status).toBe(403);
  expect((await withToken(token, "/api/v1/namespaces/default/configmaps")).status).toBe(403);
  const as = "--as=system:serviceaccount:team:reader -n team";
  expect(await may(`list pods ${as}`)).toBe("yes");
  expect(await may(`delete pods ${as}`)).toBe("no");
  expect(await may(`get pods --subresource=log ${as}`)).toBe("yes");
  await kubectl("delete", "serviceaccount", "reader", "-n", "team");
  expect((await list()).status).toBe(401);
});

test("tokens last between ten minutes and what was asked, for pods that exist", async () => {
  const path = "/api/v1/namespaces/default/serviceaccounts/default/token";
  const short = await cluster.api("POST", path, { spec: { expirationSeconds: 10 } });
  expect(short.status).toBe(422);
  expect(short.body.message).toContain("may not specify a duration less than 10 minutes");
  const bound = await cluster.api("POST", path, {
    spec: { boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "nobody" } },
  });
  expect(bound).toMatchObject({ status: 404, body: { message: 'pods "nobody" not found' } });
});

test(conformance("[sig-auth] SubjectReview should support SubjectReview API operations [Conformance]"), async () => {
  await kubectl("create", "serviceaccount", "judged");
  const user = "system:serviceaccount:default:judged";
  const attributes = { verb: "list", resource: "configmaps", version: "v1", namespace: "default" };
  const spec = { user, resourceAttributes: attributes };
  const agree = async (expected: boolean) => {
    const all = await cluster.api("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", { spec });
    expect(all.status).toBe(201);
    expect(all.body.status.allowed).toBe(expected);
    const place = "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews";
    const local = await cluster.api("POST", place, { metadata: { namespace: "default" }, spec });
    expect(local.status).toBe(201);
    expect(local.body.status.allowed).toBe(expected);
    const { code } = await cluster.kubectl(["get", "configmaps", `--as=${user}`]);
    expect(code === 0).toBe(expected);
  };
  await agree(false);
  await kubectl("create", "rolebinding", "judged", "--clusterrole=view", `--user=${user}`);
  await agree(true);
});

test("nobody gives by a role more than they have", async () => {
  await kubectl("create", "namespace", "guarded");
  await kubectl("create", "rolebinding", "boss", "-n", "guarded", "--clusterrole=admin", "--user=boss");
  const as = ["--as=boss", "-n", "guarded"];
  await kubectl("create", "role", "reads", "--verb=get", "--resource=pods", ...as);
  const nodes = await cluster.kubectl(["create", "role", "nodes", "--verb=get", "--resource=nodes", ...as]);
  expect(nodes.code).toBe(1);
  expect(nodes.stderr).toContain("is attempting to grant RBAC permissions not currently held");
  const all = await cluster.kubectl([
    "create",
    "rolebinding",
    "all",
    "--clusterrole=cluster-admin",
    "--user=me",
    ...as,
  ]);
  expect(all.stderr).toContain("is attempting to grant RBAC permissions not currently held");
  const other = await cluster.kubectl(["get", "pods", "--as=boss", "--as-group=x", "-n", "default"]);
  expect(other.stderr).toContain('User "boss" cannot list resource "pods"');
});

test("roles made of other roles take in what is labelled for them", async () => {
  const label = "rbac.authorization.k8s.io/aggregate-to-view=true";
  await kubectl("create", "clusterrole", "sees-gadgets", "--verb=get", "--resource=pods.metrics.k8s.io");
  await kubectl("label", "clusterrole", "sees-gadgets", label);
  const rules = async () => JSON.parse(await kubectl("get", "clusterrole", "view", "-o", "json")).rules as unknown[];
  const wanted = { apiGroups: ["metrics.k8s.io"], resources: ["pods"], verbs: ["get"] };
  await eventually(async () => (await rules()).some((rule) => Bun.deepEquals(rule, wanted)), 20_000);
});

test(conformance("[sig-api-machinery] server version should find the server version [Conformance]"), async () => {
  const { body } = await cluster.api("GET", "/version");
  expect(body.major).toMatch(/^\d+$/);
  expect(body.minor).toMatch(/^\d+$/);
});

test(
  conformance("[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup [Conformance]"),
  async () => {
    const { body } = await cluster.api("GET", "/apis");
    expect(body.groups.length).toBeGreaterThan(15);
    for (const { name, versions, preferredVersion } of body.groups) {
      expect(versions).toContainEqual(preferredVersion);
      expect(preferredVersion.groupVersion).toBe(`${name}/${preferredVersion.version}`);
    }
  },
);

test(
  conformance(
    "[sig-api-machinery] Discovery should locate the groupVersion and a resource within each APIGroup [Conformance]",
  ),
  async () => {
    for (const [path, groupVersion, resource] of [
      ["/apis/apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1", "customresourcedefinitions"],
      ["/apis/apps/v1", "apps/v1", "deployments"],
      ["/apis/events.k8s.io/v1", "events.k8s.io/v1", "events"],
      ["/apis/authentication.k8s.io/v1", "authentication.k8s.io/v1", "tokenreviews"],
      ["/apis/authorization.k8s.io/v1", "authorization.k8s.io/v1", "selfsubjectaccessreviews"],
      ["/apis/autoscaling/v1", "autoscaling/v1", "horizontalpodautoscalers"],
      ["/apis/autoscaling/v2", "autoscaling/v2", "horizontalpodautoscalers"],
      ["/apis/batch/v1", "batch/v1", "jobs"],
      ["/apis/certificates.k8s.io/v1", "certificates.k8s.io/v1", "certificatesigningrequests"],
      ["/apis/networking.k8s.io/v1", "networking.k8s.io/v1", "ingresses"],
      ["/apis/policy/v1", "policy/v1", "poddisruptionbudgets"],
      ["/apis/rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1", "clusterrolebindings"],
      ["/apis/storage.k8s.io/v1", "storage.k8s.io/v1", "storageclasses"],
      ["/apis/admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1", "validatingwebhookconfigurations"],
      ["/apis/scheduling.k8s.io/v1", "scheduling.k8s.io/v1", "priorityclasses"],
      ["/apis/coordination.k8s.io/v1", "coordination.k8s.io/v1", "leases"],
      ["/apis/node.k8s.io/v1", "node.k8s.io/v1", "runtimeclasses"],
      ["/apis/discovery.k8s.io/v1", "discovery.k8s.io/v1", "endpointslices"],
    ] as const) {
      const { status, body } = await cluster.api("GET", path);
      expect({ path, status, groupVersion: body.groupVersion }).toEqual({ path, status: 200, groupVersion });
      expect({ path, names: body.resources.map(({ name }: { name: string }) => name) }).toEqual({
        path,
        names: expect.arrayContaining([resource]),
      });
    }
    // And whatever else is told: each version of each group has resources, and says itself which version it is.
    const { groups } = (await cluster.api("GET", "/apis")).body;
    for (const { groupVersion } of groups.flatMap(({ versions }: { versions: object[] }) => versions)) {
      const { body } = await cluster.api("GET", `/apis/${groupVersion}`);
      expect(body).toMatchObject({ kind: "APIResourceList", groupVersion });
      const isWhole = ({ name, kind, verbs }: { name: string; kind: string; verbs: string[] }) =>
        /^[a-z]+(\/[a-z]+)?$/.test(name) && /^[A-Z]/.test(kind) && verbs.length > 0;
      expect({ groupVersion, whole: body.resources.some(isWhole) }).toEqual({ groupVersion, whole: true });
    }
  },
);

/** The builtin resources of version 1 of each group, "" being the core: all that Kubernetes has but those of resource.k8s.io. */
const BUILTIN: Record<string, string> = {
  "":
    "bindings componentstatuses configmaps endpoints events limitranges namespaces nodes persistentvolumeclaims " +
    "persistentvolumes pods podtemplates replicationcontrollers resourcequotas secrets serviceaccounts services",
  "admissionregistration.k8s.io":
    "mutatingwebhookconfigurations validatingadmissionpolicies validatingadmissionpolicybindings validatingwebhookconfigurations",
  "apiextensions.k8s.io": "customresourcedefinitions",
  "apiregistration.k8s.io": "apiservices",
  apps: "controllerrevisions daemonsets deployments replicasets statefulsets",
  "authentication.k8s.io": "selfsubjectreviews tokenreviews",
  "authorization.k8s.io":
    "localsubjectaccessreviews selfsubjectaccessreviews selfsubjectrulesreviews subjectaccessreviews",
  autoscaling: "horizontalpodautoscalers",
  batch: "cronjobs jobs",
  "certificates.k8s.io": "certificatesigningrequests",
  "coordination.k8s.io": "leases",
  "discovery.k8s.io": "endpointslices",
  "events.k8s.io": "events",
  "flowcontrol.apiserver.k8s.io": "flowschemas prioritylevelconfigurations",
  "networking.k8s.io": "ingressclasses ingresses ipaddresses networkpolicies servicecidrs",
  "node.k8s.io": "runtimeclasses",
  policy: "poddisruptionbudgets",
  "rbac.authorization.k8s.io": "clusterrolebindings clusterroles rolebindings roles",
  "scheduling.k8s.io": "priorityclasses",
  "storage.k8s.io": "csidrivers csinodes csistoragecapacities storageclasses volumeattachments volumeattributesclasses",
};
const AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

async function aggregated(path: string, accept = AGGREGATED) {
  const raw = await fetch(`${server}${path}`, { headers: { Accept: accept }, tls: await adminTls() });
  return { type: raw.headers.get("content-type"), etag: raw.headers.get("etag"), body: (await raw.json()) as Groups };
}
interface Groups {
  kind: string;
  apiVersion: string;
  items: {
    metadata: { name?: string };
    versions: { version: string; resources: { resource: string; subresources?: { subresource: string }[] }[] }[];
  }[];
}

async function adminTls() {
  const [user] = parse(await Bun.file(cluster.kubeconfig).text()).users;
  const decode = (text: string) => Buffer.from(text, "base64").toString();
  return { ca, cert: decode(user.user["client-certificate-data"]), key: decode(user.user["client-key-data"]) };
}

test(
  conformance(
    "[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers [Conformance]",
  ),
  async () => {
    for (const path of ["/api", "/apis"]) {
      const { type, etag, body } = await aggregated(path);
      expect(type).toBe(AGGREGATED);
      expect(etag).toMatch(/^".+"$/);
      expect(body).toMatchObject({ kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2" });
    }
    const { body } = await aggregated("/apis");
    const { body: core } = await aggregated("/api");
    const resourcesOf = (group: string, version: string) =>
      [...body.items, ...core.items]
        .find(({ metadata }) => (metadata.name ?? "") === group)
        ?.versions.find((one) => one.version === version)
        ?.resources.map(({ resource }) => resource) ?? [];
    for (const [group, names] of Object.entries(BUILTIN)) {
      const found = resourcesOf(group, "v1");
      expect({ group, missing: names.split(" ").filter((name) => !found.includes(name)) }).toEqual({
        group,
        missing: [],
      });
    }
    expect(resourcesOf("autoscaling", "v2")).toEqual(["horizontalpodautoscalers"]);
    // And nothing that the documents of single versions tell is missing.
    for (const [group, version] of await plainVersions()) {
      const alone = await cluster.api("GET", group === "" ? `/api/${version}` : `/apis/${group}/${version}`);
      const names = alone.body.resources.map(({ name }: { name: string }) => name);
      expect({ group, version, names: [...resourcesOf(group, version)].sort() }).toEqual({
        group,
        version,
        names: names.filter((name: string) => !name.includes("/")).sort(),
      });
    }
    const pods = core.items[0]?.versions[0]?.resources.find(({ resource }) => resource === "pods");
    expect(pods?.subresources?.map(({ subresource }) => subresource)).toEqual(
      expect.arrayContaining(["attach", "binding", "eviction", "exec", "log", "portforward", "status"]),
    );
    const plain = await aggregated("/apis", "application/json");
    expect(plain.body.kind).toBe("APIGroupList");
  },
);

test("components tell how they are", async () => {
  // A part that failed at first is started again.
  await eventually(async () => !(await kubectl("get", "componentstatuses")).includes("Unhealthy"));
  const { code, stdout, stderr } = await cluster.kubectl(["get", "componentstatuses"]);
  expect([code, stderr]).toEqual([0, "Warning: v1 ComponentStatus is deprecated in v1.19+\n"]);
  const rows = stdout.trim().split("\n");
  expect(rows.map((row) => row.trim().split(/ +/))).toEqual([
    ["NAME", "STATUS", "MESSAGE", "ERROR"],
    ["controller-manager", "Healthy", "ok"],
    ["scheduler", "Healthy", "ok"],
    ["etcd-0", "Healthy", "ok"],
  ]);
  expect(await kubectl("get", "cs", "scheduler", "-o", "jsonpath={.conditions}")).toBe(
    '[{"message":"ok","status":"True","type":"Healthy"}]',
  );
  expect(await kubectl("get", "cs", "--field-selector=metadata.name=etcd-0", "-o", "name")).toBe(
    "componentstatus/etcd-0\n",
  );
  const none = await cluster.kubectl(["get", "cs", "nobody"]);
  expect(none.stderr).toContain('Error from server (NotFound): componentstatuses "nobody" not found');
});

test("a binding may be posted beside the pods", async () => {
  const spec = { schedulerName: "by-hand", containers: [{ name: "a", image: "none:1", imagePullPolicy: "Never" }] };
  await kubectl("create", "namespace", "bound");
  const send = (object: object, ...words: string[]) =>
    cluster.kubectl(["create", "-n", "bound", ...words, "-f", "-"], JSON.stringify(object));
  expect((await send({ apiVersion: "v1", kind: "Pod", metadata: { name: "free" }, spec })).code).toBe(0);
  const node = (await kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")).trim();
  const target = { apiVersion: "v1", kind: "Node", name: node };
  const binding = { apiVersion: "v1", kind: "Binding", metadata: { name: "free" }, target };
  const place = () => kubectl("get", "pod", "free", "-n", "bound", "-o", "jsonpath={.spec.nodeName}");
  expect((await send(binding, "--dry-run=server")).code).toBe(0);
  expect(await place()).toBe("");
  const path = "/api/v1/namespaces/bound/bindings";
  for (const [status, wrong] of [
    [404, { ...binding, metadata: { name: "nobody" } }],
    [422, { ...binding, metadata: {} }],
    [422, { ...binding, target: {} }],
    [400, { ...binding, metadata: { name: "free", namespace: "default" } }],
    [400, null],
  ] as const) {
    const answer = await cluster.api("POST", path, wrong);
    expect([answer.status, wrong]).toEqual([status, wrong]);
  }
  expect((await send(binding)).code).toBe(0);
  expect(await place()).toBe(node);
  const again = await cluster.api("POST", path, binding);
  expect(again).toMatchObject({ status: 409, body: { reason: "Conflict" } });
  expect(again.body.message).toContain("is already assigned to node");
  await kubectl("delete", "namespace", "bound", "--wait=false");
});

/** Group and version of each document of its own. */
async function plainVersions(): Promise<[group: string, version: string][]> {
  const { groups } = (await cluster.api("GET", "/apis")).body;
  const others = groups.flatMap(({ name, versions }: { name: string; versions: { version: string }[] }) =>
    versions.map(({ version }) => [name, version]),
  );
  return [["", "v1"], ...others];
}

/** What kubectl finds, and what it had to ask for: with the aggregated documents two requests are enough. */
async function discovered(): Promise<string[]> {
  const { code, stdout, stderr } = await cluster.kubectl(["api-resources", "--no-headers", "-v=6"]);
  expect(code).toBe(0);
  const asked = [...stderr.matchAll(/GET"? ?(?:url="?)?https:\/\/[^/]+(\/apis?\b[^?" ]*)/g)].map(([, path]) => path);
  expect([...new Set(asked)].sort()).toEqual(["/api", "/apis"]);
  return stdout.split("\n").map((line) => line.split(/ +/)[0]!);
}

test(
  conformance("[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface [Conformance]"),
  async () => {
    expect(await discovered()).toEqual(
      expect.arrayContaining(Object.values(BUILTIN).flatMap((names) => names.split(" "))),
    );
  },
);

test(
  conformance(
    "[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface for CRDs [Conformance]",
  ),
  async () => {
    const crd = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "widgets.found.example.com" },
      spec: {
        group: "found.example.com",
        scope: "Namespaced",
        names: { plural: "widgets", singular: "widget", kind: "Widget" },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
      },
    };
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    expect((await cluster.api("POST", path, crd)).status).toBe(201);
    await kubectl("wait", "--for=condition=Established", "crd/widgets.found.example.com", "--timeout=60s");
    expect(await discovered()).toContain("widgets");
    await kubectl("delete", "crd", "widgets.found.example.com");
  },
);

test(
  conformance(
    "[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs [Conformance]",
  ),
  async () => {
    const crd = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "gadgets.discovered.example.com" },
      spec: {
        group: "discovered.example.com",
        scope: "Namespaced",
        names: { plural: "gadgets", singular: "gadget", kind: "Gadget" },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
      },
    };
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    expect((await cluster.api("POST", path, crd)).status).toBe(201);
    await kubectl("wait", "--for=condition=Established", "crd/gadgets.discovered.example.com", "--timeout=60s");
    const { body } = await aggregated("/apis");
    const group = body.items.find(({ metadata }) => metadata.name === "discovered.example.com");
    expect(group?.versions[0]).toMatchObject({ version: "v1", resources: [{ resource: "gadgets" }] });
    await kubectl("delete", "crd", "gadgets.discovered.example.com");
  },
);

test(
  conformance(
    "[sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata [Conformance]",
  ),
  async () => {
    const answer = await fetch(`${server}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews`, {
      method: "POST",
      tls: await adminTls(),
      headers: { Accept: "application/json;as=Table;v=v1;g=meta.k8s.io", "Content-Type": "application/json" },
      body: JSON.stringify({ spec: { resourceAttributes: { verb: "get", resource: "pods" } } }),
    });
    expect(answer.status).toBe(406);
    expect(await answer.json()).toMatchObject({ kind: "Status", reason: "NotAcceptable" });
  },
);

test("answers come as a table, as metadata, as YAML; a body may be YAML", async () => {
  const tls = await adminTls();
  const ask = (accept: string) => fetch(`${server}/api/v1/namespaces`, { tls, headers: { Accept: accept } });
  const table = await (await ask("application/json;as=Table;v=v1;g=meta.k8s.io,application/json")).json();
  expect(table).toMatchObject({
    kind: "Table",
    columnDefinitions: [{ name: "Name" }, { name: "Status" }, { name: "Age" }],
  });
  const metadata = await (await ask("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")).json();
  const { kind, items } = metadata as { kind: string; items: object[] };
  expect(kind).toBe("PartialObjectMetadataList");
  expect(items[0]).toMatchObject({ kind: "PartialObjectMetadata", metadata: { name: "default" } });
  expect(items[0]).not.toHaveProperty("spec");
  expect(parse(await (await ask("application/yaml")).text())).toMatchObject({ kind: "NamespaceList" });
  expect((await ask("image/png")).status).toBe(406);
  const made = await cluster.api(
    "POST",
    "/api/v1/namespaces/default/configmaps",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-yaml\ndata:\n  a: 'yes'\n",
    "application/yaml",
  );
  expect(made).toMatchObject({ status: 201, body: { data: { a: "yes" } } });
});

test("hostile input is answered with a Status, and nothing else suffers", async () => {
  const path = "/api/v1/namespaces/default/configmaps";
  for (const [body, type, status] of [
    ["{", "application/json", 400],
    ["k8s\0\x0a\xff", "application/vnd.kubernetes.protobuf", 400],
    ["not protobuf", "application/vnd.kubernetes.protobuf", 400],
    ["x", "text/plain", 415],
    ["a: [", "application/yaml", 400],
    ["null", "application/json", 400],
    ["[]", "application/json", 400],
  ] as const) {
    const answer = await cluster.api("POST", path, body, type);
    expect({ body, status: answer.status, kind: answer.body.kind }).toEqual({ body, status, kind: "Status" });
  }
  const huge = await cluster.api("POST", path, JSON.stringify({ data: { a: "x".repeat(4 * 1024 * 1024) } }));
  expect(huge).toMatchObject({ status: 413, body: { reason: "RequestEntityTooLarge" } });
  expect((await cluster.api("GET", "/api/v1/nonsense")).status).toBe(404);
  expect((await cluster.api("POST", "/api/v1/namespaces/default")).status).toBe(405);
  expect((await cluster.api("GET", "/livez")).body).toBe("ok");
});

test("the issuer of tokens tells the keys that they are verified with", async () => {
  const token = (await kubectl("create", "token", "default")).trim();
  const [header = "", payload = "", signature = ""] = token.split(".");
  const discovered = JSON.parse((await withToken(token, "/.well-known/openid-configuration")).body);
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  expect(discovered.issuer).toBe(claims.iss);
  const { keys } = JSON.parse((await withToken(token, new URL(discovered.jwks_uri).pathname)).body);
  expect(keys[0].kid).toBe(JSON.parse(Buffer.from(header, "base64url").toString()).kid);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("jwk", keys[0], algorithm, false, ["verify"]);
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  expect(await crypto.subtle.verify(algorithm, key, Buffer.from(signature, "base64url"), signed)).toBe(true);
});

test("figures of the server itself are told in Prometheus' format", async () => {
  const { body } = await cluster.api("GET", "/metrics");
  expect(body).toMatch(/^apiserver_request_total\{verb="GET",code="200"\} \d+$/m);
  expect(body).toMatch(/^apiserver_storage_objects\{resource="namespaces"\} \d+$/m);
});

const COMPONENTS: [words: string, answer: string][] = [
  ["create pods --subresource=binding --as=system:kube-scheduler", "yes"],
  ["update leases.coordination.k8s.io/kube-scheduler --as=system:kube-scheduler -n kube-system", "yes"],
  ["update leases.coordination.k8s.io/other --as=system:kube-scheduler -n kube-system", "no"],
  ["get secrets --as=system:kube-scheduler", "no"],
  ["watch endpointslices.discovery.k8s.io --as=system:kube-proxy -A", "yes"],
  ["update services --as=system:kube-proxy", "no"],
  ["list services --as=system:serviceaccount:kube-system:kube-dns -A", "yes"],
  ["list pods --as=system:serviceaccount:kube-system:kube-dns -A", "no"],
];
test.each(COMPONENTS)("a component of one's own: %s: %s", async (words, answer) => {
  expect(await may(words)).toBe(answer);
});
