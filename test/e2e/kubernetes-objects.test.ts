/**
 * What every kind can do through the API, as the conformance requirements list it: be discovered, created, read, listed, watched,
 * patched, updated, deleted alone and by collection.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { PATIENCE } from "../support/patience.ts";
import { JANE } from "../support/signing-requests.ts";

let cluster: TestClusterDaemon;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const LABELS = "application/merge-patch+json";

interface Kind {
  /** "" for the core group. */
  group: string;
  version?: string;
  resource: string;
  kind: string;
  namespace?: string;
  /** Of four objects, in their order, where a name must be of a special kind. */
  names?: [string, string, string, string];
  /** What the object has beside its name. */
  content: object;
  /** What a patch and later an update make of its content, beside labels. */
  patch?: object;
  update?: object;
}

function pathsOf({ group, version = "v1", resource, namespace }: Kind) {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return {
    root,
    all: `${root}/${resource}`,
    place: namespace === undefined ? `${root}/${resource}` : `${root}/namespaces/${namespace}/${resource}`,
  };
}

function objectOf({ group, version = "v1", kind, content }: Kind, name: string, label: string) {
  const apiVersion = group === "" ? version : `${group}/${version}`;
  return { apiVersion, kind, metadata: { name, labels: { lifecycle: label } }, ...structuredClone(content) };
}

async function expectStatus(status: number, method: string, path: string, body?: unknown, type?: string) {
  const answer = await cluster.api(method, path, body, type);
  if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function isDiscovered(kind: Kind): Promise<void> {
  const { root } = pathsOf(kind);
  const version = kind.version ?? "v1";
  if (kind.group !== "") {
    const groups = await expectStatus(200, "GET", "/apis");
    const group = groups.groups.find((one: { name: string }) => one.name === kind.group);
    expect(group.versions).toContainEqual({ groupVersion: `${kind.group}/${version}`, version });
    const alone = await expectStatus(200, "GET", `/apis/${kind.group}`);
    expect(alone.versions).toContainEqual({ groupVersion: `${kind.group}/${version}`, version });
  }
  const list = await expectStatus(200, "GET", root);
  const found = list.resources.find((one: { name: string }) => one.name === kind.resource);
  expect(found).toMatchObject({ kind: kind.kind, namespaced: kind.namespace !== undefined });
  expect(found.verbs.sort()).toEqual([
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
  ]);
}

/** Goes through the life of objects of a kind; every step is asserted. */
async function liveThrough(kind: Kind): Promise<void> {
  await isDiscovered(kind);
  const { all, place } = pathsOf(kind);
  const label = `of-${kind.resource}`;
  const query = `labelSelector=lifecycle%3D${label}`;
  const letters = ["a", "b", "c", "d"].map((letter) => `${kind.resource}-${letter}`);
  const [first, b, c, d] = (kind.names ?? letters) as [string, string, string, string];

  const before = await expectStatus(200, "GET", `${place}?${query}`);
  const since = `resourceVersion=${before.metadata.resourceVersion}`;
  const events = await cluster.watch(
    `${place}?watch=1&${query}&${since}`,
    (seen) => seen.some((event) => event.type === "DELETED"),
    async () => {
      const made = await expectStatus(201, "POST", place, objectOf(kind, first, label));
      const metadata = { name: first, uid: made.metadata.uid };
      const read = () => expectStatus(200, "GET", `${place}/${first}`);
      expect(await read()).toMatchObject({ metadata, ...kind.content });
      expect(await namesIn(`${place}?${query}`)).toEqual([first]);
      const labels = { lifecycle: label, patched: "yes" };
      const patch = { metadata: { labels: { patched: "yes" } }, ...kind.patch };
      const patched = { metadata: { ...metadata, labels }, ...kind.patch };
      expect(await expectStatus(200, "PATCH", `${place}/${first}`, patch, LABELS)).toMatchObject(patched);
      expect(await read()).toMatchObject(patched);
      expect((await expectStatus(200, "GET", `${all}?${query}`)).items).toMatchObject([patched]);
      await changed(`${place}/${first}`, (object) => {
        object.metadata.labels.updated = "yes";
        Object.assign(object, structuredClone(kind.update));
      });
      const updated = { metadata: { ...metadata, labels: { ...labels, updated: "yes" } }, ...kind.update };
      expect(await read()).toMatchObject(updated);
      await expectStatus(200, "DELETE", `${place}/${first}?propagationPolicy=Background`);
    },
  );
  const mine = events.filter((event) => event.object.metadata.name === first);
  expect(mine.at(0)?.type).toBe("ADDED");
  expect(mine.some(({ type, object }) => type === "MODIFIED" && object.metadata.labels.patched === "yes")).toBe(true);
  expect(mine.some(({ type, object }) => type === "MODIFIED" && object.metadata.labels.updated === "yes")).toBe(true);
  expect(mine.at(-1)?.type).toBe("DELETED");
  await isGone(`${place}/${first}`);
  for (const name of [b, c, d]) await expectStatus(201, "POST", place, objectOf(kind, name, label));
  expect(await namesIn(`${place}?${query}`)).toEqual([b, c, d]);
  for (const name of [b, c]) {
    const { metadata } = await changed(`${place}/${name}`, (object) => {
      object.metadata.labels.collected = "yes";
    });
    expect(metadata).toMatchObject({ name, labels: { lifecycle: label, collected: "yes" } });
  }
  await expectStatus(200, "DELETE", `${place}?${query},collected%3Dyes&propagationPolicy=Background`);
  for (const name of [b, c]) await isGone(`${place}/${name}`);
  expect(await namesIn(`${all}?${query}`)).toEqual([d]);
  await expectStatus(200, "DELETE", `${place}/${d}?propagationPolicy=Background`);
  await isGone(`${place}/${d}`);
}

async function namesIn(path: string): Promise<string[]> {
  const { items } = await expectStatus(200, "GET", path);
  return items.map((one: { metadata: { name: string } }) => one.metadata.name);
}

/** Reads, changes and writes an object; again when a controller wrote in between. */
// biome-ignore lint/suspicious/noExplicitAny: whatever object the API has there
async function changed(path: string, change: (object: any) => void) {
  for (;;) {
    const now = await expectStatus(200, "GET", path);
    change(now);
    const answer = await cluster.api("PUT", path, now);
    if (answer.status === 200) return answer.body;
    if (answer.status !== 409) throw new Error(`PUT ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
}

/** Waits until the object is gone: some kinds have finalizers that controllers take away. */
async function isGone(path: string): Promise<void> {
  const deadline = Date.now() + 30_000 * PATIENCE;
  while (Date.now() < deadline) {
    if ((await cluster.api("GET", path)).status === 404) return;
    await Bun.sleep(20);
  }
  throw new Error(`${path} is still there`);
}

/** The status subresource is discovered and can be read, patched and updated; what was written is read again, the spec stays. */
async function hasStatus(kind: Kind, [status, later]: readonly [object, object]): Promise<void> {
  const { root, place } = pathsOf(kind);
  const { resources } = await expectStatus(200, "GET", root);
  const found = resources.find((one: { name: string }) => one.name === `${kind.resource}/status`);
  expect(found).toMatchObject({ kind: kind.kind, verbs: ["get", "patch", "update"] });
  const name = `${kind.resource}-status`;
  const made = await expectStatus(201, "POST", place, objectOf(kind, name, "status"));
  expect((await expectStatus(200, "GET", `${place}/${name}/status`)).metadata.uid).toBe(made.metadata.uid);
  const annotations = { patchedstatus: "true" };
  const patched = await expectStatus(
    200,
    "PATCH",
    `${place}/${name}/status`,
    { metadata: { annotations }, status },
    LABELS,
  );
  expect(patched.status).toMatchObject(status);
  expect(patched.metadata.annotations).toMatchObject(annotations);
  const updated = await changed(`${place}/${name}/status`, (now) => {
    now.metadata.annotations.updatedstatus = "true";
    now.status = { ...now.status, ...later };
  });
  expect(updated.status).toMatchObject(later);
  const read = await expectStatus(200, "GET", `${place}/${name}/status`);
  expect(read.metadata.annotations).toMatchObject({ ...annotations, updatedstatus: "true" });
  expect(read.status).toMatchObject(later);
  expect(read.spec).toEqual(made.spec);
  await expectStatus(200, "DELETE", `${place}/${name}?propagationPolicy=Background`);
}

const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "a", image: "none:1" }] } };
const selector = { matchLabels: { app: "a" } };
const backend = { service: { name: "s", port: { number: 80 } } };
const INGRESS: Kind = {
  group: "networking.k8s.io",
  resource: "ingresses",
  kind: "Ingress",
  namespace: "default",
  // A class that nobody answers for: no controller writes behind the test's back.
  content: {
    spec: {
      ingressClassName: "of-nobody",
      rules: [{ host: "a.b", http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }],
    },
  },
};
const CRON_JOB: Kind = {
  group: "batch",
  resource: "cronjobs",
  kind: "CronJob",
  namespace: "default",
  content: {
    spec: {
      schedule: "0 0 1 1 *",
      suspend: true,
      jobTemplate: {
        spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "none:1" }] } } },
      },
    },
  },
};
const BUDGET: Kind = {
  group: "policy",
  resource: "poddisruptionbudgets",
  kind: "PodDisruptionBudget",
  namespace: "default",
  content: { spec: { minAvailable: 1, selector } },
};
const ATTACHMENT: Kind = {
  group: "storage.k8s.io",
  resource: "volumeattachments",
  kind: "VolumeAttachment",
  content: { spec: { attacher: "a.b", nodeName: "n", source: { persistentVolumeName: "v" } } },
};

const FLOW_RULES = [
  {
    subjects: [{ kind: "User", user: { name: "nobody" } }],
    resourceRules: [{ verbs: ["get"], apiGroups: ["a.b"], resources: ["nothings"], clusterScope: true }],
  },
];
const LEVEL = { type: "Limited", limited: { nominalConcurrencyShares: 2, limitResponse: { type: "Reject" } } };
/** A condition beside those that a controller writes and keeps as they are. */
const condition = (type: string, told: object = {}) => ({
  type,
  status: "False",
  reason: "ByTest",
  message: "told by the test",
  lastTransitionTime: "2026-01-01T00:00:00Z",
  ...told,
});
const FOUND = condition("Dangling", {
  reason: "Found",
  message: 'This FlowSchema references the PriorityLevelConfiguration object named "exempt" and it exists',
});
const READY = condition("Ready", { status: "True", reason: "", message: "Kubernetes Service CIDR is ready" });

const KINDS: [codename: string, kind: Kind, statuses?: [patched: object, updated: object]][] = [
  [
    "[sig-network] Ingress API should support creating Ingress API operations [Conformance]",
    INGRESS,
    [{ loadBalancer: { ingress: [{ ip: "10.9.8.7" }] } }, { loadBalancer: { ingress: [{ ip: "10.9.8.6" }] } }],
  ],
  [
    "[sig-network] IngressClass API should support creating IngressClass API operations [Conformance]",
    {
      group: "networking.k8s.io",
      resource: "ingressclasses",
      kind: "IngressClass",
      content: { spec: { controller: "a.b/c" } },
    },
  ],
  [
    "[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations [Conformance]",
    {
      group: "admissionregistration.k8s.io",
      resource: "validatingadmissionpolicies",
      kind: "ValidatingAdmissionPolicy",
      content: {
        spec: {
          matchConstraints: {
            resourceRules: [
              { operations: ["CREATE"], apiGroups: ["a.b"], apiVersions: ["v1"], resources: ["nothings"] },
            ],
          },
          validations: [{ expression: "true" }],
        },
      },
    },
    [{ observedGeneration: 5 }, { observedGeneration: 6 }],
  ],
  [
    "[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicyBinding API operations [Conformance]",
    {
      group: "admissionregistration.k8s.io",
      resource: "validatingadmissionpolicybindings",
      kind: "ValidatingAdmissionPolicyBinding",
      content: { spec: { policyName: "none", validationActions: ["Deny"] } },
    },
  ],
  [
    "[sig-apps] CronJob should support CronJob API operations [Conformance]",
    CRON_JOB,
    [{ lastScheduleTime: "2026-01-01T00:00:00Z" }, { lastScheduleTime: "2026-01-02T00:00:00Z" }],
  ],
  [
    "[sig-node] RuntimeClass should support RuntimeClasses API operations [Conformance]",
    { group: "node.k8s.io", resource: "runtimeclasses", kind: "RuntimeClass", content: { handler: "h" } },
  ],
  [
    "[sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations [Conformance]",
    {
      group: "storage.k8s.io",
      resource: "csistoragecapacities",
      kind: "CSIStorageCapacity",
      namespace: "default",
      content: { storageClassName: "s" },
    },
  ],
  [
    "[sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver [Conformance]",
    { group: "storage.k8s.io", resource: "csidrivers", kind: "CSIDriver", content: { spec: {} } },
  ],
  [
    "[sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode [Conformance]",
    { group: "storage.k8s.io", resource: "csinodes", kind: "CSINode", content: { spec: { drivers: [] } } },
  ],
  [
    "[sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass [Conformance]",
    { group: "storage.k8s.io", resource: "storageclasses", kind: "StorageClass", content: { provisioner: "a.b/c" } },
  ],
  [
    "[sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment [Conformance]",
    ATTACHMENT,
  ],
  [
    "[sig-network] EndpointSlice should support creating EndpointSlice API operations [Conformance]",
    {
      group: "discovery.k8s.io",
      resource: "endpointslices",
      kind: "EndpointSlice",
      namespace: "default",
      content: {
        addressType: "IPv4",
        endpoints: [{ addresses: ["10.1.2.3"] }],
        ports: [{ name: "p", port: 80, protocol: "TCP" }],
      },
    },
  ],
  [
    "[sig-api-machinery] API priority and fairness should support FlowSchema API operations [Conformance]",
    {
      group: "flowcontrol.apiserver.k8s.io",
      resource: "flowschemas",
      kind: "FlowSchema",
      content: {
        spec: { matchingPrecedence: 9998, priorityLevelConfiguration: { name: "exempt" }, rules: FLOW_RULES },
      },
      patch: { spec: { matchingPrecedence: 9997 } },
      update: {
        spec: { matchingPrecedence: 9996, priorityLevelConfiguration: { name: "exempt" }, rules: FLOW_RULES },
      },
    },
    [{ conditions: [FOUND, condition("Patched")] }, { conditions: [FOUND, condition("Updated")] }],
  ],
  [
    "[sig-api-machinery] API priority and fairness should support PriorityLevelConfiguration API operations [Conformance]",
    {
      group: "flowcontrol.apiserver.k8s.io",
      resource: "prioritylevelconfigurations",
      kind: "PriorityLevelConfiguration",
      content: { spec: LEVEL },
      patch: { spec: { limited: { nominalConcurrencyShares: 4 } } },
      update: { spec: { ...LEVEL, limited: { ...LEVEL.limited, nominalConcurrencyShares: 6 } } },
    },
    [{ conditions: [condition("Patched")] }, { conditions: [condition("Updated")] }],
  ],
  [
    "[sig-network] ServiceCIDR and IPAddress API should support ServiceCIDR API operations [Conformance]",
    {
      group: "networking.k8s.io",
      resource: "servicecidrs",
      kind: "ServiceCIDR",
      content: { spec: { cidrs: ["198.51.100.0/28"] } },
    },
    [{ conditions: [READY, condition("Patched")] }, { conditions: [READY, condition("Updated")] }],
  ],
  [
    "[sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations [Conformance]",
    {
      group: "networking.k8s.io",
      resource: "ipaddresses",
      kind: "IPAddress",
      names: ["198.51.100.65", "198.51.100.66", "198.51.100.67", "198.51.100.68"],
      content: { spec: { parentRef: { group: "a.b", resource: "nothings", name: "none" } } },
    },
  ],
  [
    "[sig-node] Lease lease API should be available [Conformance]",
    {
      group: "coordination.k8s.io",
      resource: "leases",
      kind: "Lease",
      namespace: "default",
      content: { spec: { holderIdentity: "h", leaseDurationSeconds: 30, leaseTransitions: 0 } },
      patch: { spec: { leaseDurationSeconds: 40, leaseTransitions: 1 } },
      update: { spec: { holderIdentity: "i", leaseDurationSeconds: 50, leaseTransitions: 2 } },
    },
  ],
  [
    "[sig-node] ConfigMap should run through a ConfigMap lifecycle [Conformance]",
    {
      group: "",
      resource: "configmaps",
      kind: "ConfigMap",
      namespace: "default",
      content: { data: { a: "1" } },
      patch: { data: { a: "2" } },
    },
  ],
  [
    "[sig-node] Secrets should patch a secret [Conformance]",
    {
      group: "",
      resource: "secrets",
      kind: "Secret",
      namespace: "default",
      content: { data: { a: "MQ==" } },
      patch: { data: { a: "Mg==" } },
    },
  ],
  [
    "[sig-node] PodTemplates should run the lifecycle of PodTemplates [Conformance]",
    { group: "", resource: "podtemplates", kind: "PodTemplate", namespace: "default", content: { template } },
  ],
  [
    "[sig-auth] ServiceAccounts should run through the lifecycle of a ServiceAccount [Conformance]",
    {
      group: "",
      resource: "serviceaccounts",
      kind: "ServiceAccount",
      namespace: "default",
      content: {},
      patch: { automountServiceAccountToken: false },
    },
  ],
];
for (const [codename, kind, statuses] of KINDS) {
  test(conformance(codename), async () => {
    await liveThrough(kind);
    if (statuses !== undefined) await hasStatus(kind, statuses);
  });
}

test("other kinds live the same life", async () => {
  const core = { group: "", namespace: "default" };
  const apps = { group: "apps", namespace: "default" };
  const workload = { spec: { replicas: 0, selector, template } };
  const role = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
  const rbac = "rbac.authorization.k8s.io";
  const kinds: Kind[] = [
    BUDGET,
    {
      group: "storage.k8s.io",
      resource: "volumeattributesclasses",
      kind: "VolumeAttributesClass",
      content: { driverName: "a.b", parameters: { iops: "1000" } },
    },
    { ...core, resource: "services", kind: "Service", content: { spec: { ports: [{ port: 80 }] } } },
    {
      ...core,
      resource: "endpoints",
      kind: "Endpoints",
      content: { subsets: [{ addresses: [{ ip: "10.1.2.3" }], ports: [{ port: 80 }] }] },
    },
    {
      ...core,
      resource: "limitranges",
      kind: "LimitRange",
      content: { spec: { limits: [{ type: "Pod", max: { cpu: "4" } }] } },
    },
    {
      ...core,
      resource: "resourcequotas",
      kind: "ResourceQuota",
      content: { spec: { hard: { "count/widgets.example.com": "4" } } },
    },
    {
      ...core,
      resource: "replicationcontrollers",
      kind: "ReplicationController",
      content: { spec: { replicas: 0, template } },
    },
    { ...apps, resource: "deployments", kind: "Deployment", content: workload },
    { ...apps, resource: "replicasets", kind: "ReplicaSet", content: workload },
    { ...apps, resource: "statefulsets", kind: "StatefulSet", content: workload },
    { group: rbac, resource: "clusterroles", kind: "ClusterRole", content: { rules: [] } },
    { group: rbac, resource: "clusterrolebindings", kind: "ClusterRoleBinding", content: { roleRef: role } },
    { group: rbac, namespace: "default", resource: "rolebindings", kind: "RoleBinding", content: { roleRef: role } },
    {
      group: "autoscaling",
      version: "v2",
      namespace: "default",
      resource: "horizontalpodautoscalers",
      kind: "HorizontalPodAutoscaler",
      content: {
        spec: { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "none", apiVersion: "apps/v1" } },
      },
    },
  ];
  for (const kind of kinds) await liveThrough(kind);
});

test(
  conformance("[sig-apps] DisruptionController should update/patch PodDisruptionBudget status [Conformance]"),
  async () => {
    const status = {
      observedGeneration: 1,
      currentHealthy: 3,
      desiredHealthy: 1,
      disruptionsAllowed: 2,
      expectedPods: 3,
    };
    const { place } = pathsOf(BUDGET);
    await expectStatus(201, "POST", place, objectOf(BUDGET, "pdb-status", "status"));
    const patched = await expectStatus(200, "PATCH", `${place}/pdb-status/status`, { status }, LABELS);
    expect(patched.status).toMatchObject({ disruptionsAllowed: 2 });
    const updated = await changed(`${place}/pdb-status/status`, (object) => {
      object.status = { ...object.status, ...status, disruptionsAllowed: 1 };
    });
    expect(updated.status).toMatchObject({ disruptionsAllowed: 1 });
    await expectStatus(200, "DELETE", `${place}/pdb-status`);
  },
);

test(
  conformance(
    "[sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status [Conformance]",
  ),
  async () => {
    const { place } = pathsOf(ATTACHMENT);
    await expectStatus(201, "POST", place, objectOf(ATTACHMENT, "va", "status"));
    const labelled = await expectStatus(
      200,
      "PATCH",
      `${place}/va`,
      { metadata: { labels: { va: "patched" } } },
      LABELS,
    );
    expect(labelled.metadata.labels.va).toBe("patched");
    expect((await expectStatus(200, "GET", `${place}/va/status`)).status?.attached ?? false).toBe(false);
    const patched = await expectStatus(200, "PATCH", `${place}/va/status`, { status: { attached: true } }, LABELS);
    expect(patched.status.attached).toBe(true);
    patched.status.attached = false;
    expect((await expectStatus(200, "PUT", `${place}/va/status`, patched)).status.attached).toBe(false);
    await expectStatus(200, "DELETE", `${place}/va`);
    await isGone(`${place}/va`);
  },
);

test(conformance("[sig-node] ConfigMap should fail to create ConfigMap with empty key [Conformance]"), async () => {
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "empty-key" }, data: { "": "x" } };
  expect((await expectStatus(422, "POST", "/api/v1/namespaces/default/configmaps", map)).reason).toBe("Invalid");
  await expectStatus(404, "GET", "/api/v1/namespaces/default/configmaps/empty-key");
});

test(conformance("[sig-node] PodTemplates should replace a pod template [Conformance]"), async () => {
  const place = "/api/v1/namespaces/default/podtemplates";
  const object = { apiVersion: "v1", kind: "PodTemplate", metadata: { name: "replaced" }, template };
  const made = await expectStatus(201, "POST", place, object);
  made.metadata.annotations = { updated: "true" };
  expect((await expectStatus(200, "PUT", `${place}/replaced`, made)).metadata.annotations.updated).toBe("true");
  await expectStatus(200, "DELETE", `${place}/replaced`);
});

test(conformance("[sig-node] PodTemplates should delete a collection of pod templates [Conformance]"), async () => {
  const place = "/api/v1/namespaces/default/podtemplates";
  for (const name of ["t1", "t2", "t3"]) {
    const metadata = { name, labels: { "podtemplate-set": "true" } };
    await expectStatus(201, "POST", place, { apiVersion: "v1", kind: "PodTemplate", metadata, template });
  }
  const query = "labelSelector=podtemplate-set%3Dtrue";
  expect((await expectStatus(200, "GET", `${place}?${query}`)).items.length).toBe(3);
  await expectStatus(200, "DELETE", `${place}?${query}`);
  expect((await expectStatus(200, "GET", `${place}?${query}`)).items).toEqual([]);
});

test(conformance("[sig-auth] ServiceAccounts should update a ServiceAccount [Conformance]"), async () => {
  const place = "/api/v1/namespaces/default/serviceaccounts";
  const made = await expectStatus(201, "POST", place, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "updated" },
  });
  expect(made.automountServiceAccountToken).toBeUndefined();
  made.automountServiceAccountToken = true;
  expect((await expectStatus(200, "PUT", `${place}/updated`, made)).automountServiceAccountToken).toBe(true);
  await expectStatus(200, "DELETE", `${place}/updated`);
});

test(
  conformance(
    "[sig-scheduling] SchedulerPreemption [Serial] PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods [Conformance]",
  ),
  async () => {
    const place = "/apis/scheduling.k8s.io/v1/priorityclasses";
    const made = await expectStatus(201, "POST", place, {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name: "p1" },
      value: 1,
    });
    const names = (await expectStatus(200, "GET", place)).items.map((one: typeof made) => one.metadata.name);
    expect(names).toContain("p1");
    const patched = await expectStatus(200, "PATCH", `${place}/p1`, { description: "patched" }, LABELS);
    expect(patched.description).toBe("patched");
    patched.description = "updated";
    expect((await expectStatus(200, "PUT", `${place}/p1`, patched)).description).toBe("updated");
    const now = await expectStatus(200, "GET", `${place}/p1`);
    for (const refused of [
      await expectStatus(422, "PATCH", `${place}/p1`, { value: 2 }, LABELS),
      await expectStatus(422, "PUT", `${place}/p1`, { ...now, value: 2 }),
    ])
      expect(refused.details.causes).toMatchObject([{ field: "value" }]);
    expect(await expectStatus(200, "GET", `${place}/p1`)).toMatchObject({ value: 1, description: "updated" });
    await expectStatus(200, "DELETE", `${place}/p1`);
  },
);

for (const [group, api, note] of [
  ["", "Events", "message"],
  ["events.k8s.io", "Events API", "note"],
] as const) {
  const place = group === "" ? "/api/v1/namespaces/default/events" : "/apis/events.k8s.io/v1/namespaces/default/events";
  const about = { kind: "Pod", namespace: "default", name: "p" };
  const event = (name: string, label: string) => ({
    apiVersion: group === "" ? "v1" : "events.k8s.io/v1",
    kind: "Event",
    metadata: { name, labels: { set: label } },
    [note]: "first",
    reason: "Test",
    type: "Normal",
    ...(group === ""
      ? { involvedObject: about }
      : {
          regarding: about,
          eventTime: "2026-01-01T00:00:00.000001Z",
          reportingController: "c",
          reportingInstance: "i",
          action: "A",
        }),
  });
  const life =
    group === ""
      ? "manage the lifecycle of an event"
      : "ensure that an event can be fetched, patched, deleted, and listed";
  test(conformance(`[sig-instrumentation] ${api} should ${life} [Conformance]`), async () => {
    const all = group === "" ? "/api/v1/events" : "/apis/events.k8s.io/v1/events";
    const label = `life-${note}`;
    await expectStatus(201, "POST", place, event(`e-${note}`, label));
    expect((await expectStatus(200, "GET", `${all}?labelSelector=set%3D${label}`)).items.length).toBe(1);
    const patched = await expectStatus(200, "PATCH", `${place}/e-${note}`, { [note]: "second" }, LABELS);
    expect(patched[note]).toBe("second");
    const read = await expectStatus(200, "GET", `${place}/e-${note}`);
    expect(read[note]).toBe("second");
    const series = { count: 2, lastObservedTime: "2026-01-01T00:00:01.000000Z" };
    const updated = await expectStatus(200, "PUT", `${place}/e-${note}`, { ...read, series });
    expect(updated.series).toEqual(series);
    await expectStatus(200, "DELETE", `${place}/e-${note}`);
    expect((await expectStatus(200, "GET", `${all}?labelSelector=set%3D${label}`)).items).toEqual([]);
  });
  test(conformance(`[sig-instrumentation] ${api} should delete a collection of events [Conformance]`), async () => {
    const query = `labelSelector=set%3Dcollection-${note}`;
    for (const name of ["c1", "c2", "c3"])
      await expectStatus(201, "POST", place, event(`${name}-${note}`, `collection-${note}`));
    expect((await expectStatus(200, "GET", `${place}?${query}`)).items.length).toBe(3);
    await expectStatus(200, "DELETE", `${place}?${query}`);
    expect((await expectStatus(200, "GET", `${place}?${query}`)).items).toEqual([]);
  });
}

test(
  conformance(
    "[sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC [Conformance]",
  ),
  async () => {
    // A class that no provisioner knows: nothing binds behind the test's back.
    const storage = { storageClassName: "of-nobody", accessModes: ["ReadWriteOnce"] };
    await liveThrough({
      group: "",
      resource: "persistentvolumes",
      kind: "PersistentVolume",
      content: { spec: { ...storage, capacity: { storage: "2Mi" }, hostPath: { path: "/var/empty" } } },
    });
    await liveThrough({
      group: "",
      resource: "persistentvolumeclaims",
      kind: "PersistentVolumeClaim",
      namespace: "default",
      content: { spec: { ...storage, resources: { requests: { storage: "4Mi" } } } },
    });
  },
);

test(
  conformance("[sig-api-machinery] Namespaces [Serial] should apply changes to a namespace status [Conformance]"),
  async () => {
    const place = "/api/v1/namespaces";
    await expectStatus(201, "POST", place, { apiVersion: "v1", kind: "Namespace", metadata: { name: "of-status" } });
    expect((await expectStatus(200, "GET", `${place}/of-status/status`)).status.phase).toBe("Active");
    const conditions = [{ type: "StatusPatch", status: "True", reason: "E2E", message: "Patched by a test" }];
    const patched = await expectStatus(200, "PATCH", `${place}/of-status/status`, { status: { conditions } }, LABELS);
    expect(patched.status.conditions).toMatchObject(conditions);
    const updated = await changed(`${place}/of-status/status`, (object) => {
      object.status.conditions.push({ ...conditions[0], type: "StatusUpdate" });
    });
    expect(updated.status.conditions.map((one: { type: string }) => one.type)).toEqual(["StatusPatch", "StatusUpdate"]);
    await expectStatus(200, "DELETE", `${place}/of-status`);
  },
);

test(conformance("[sig-api-machinery] Namespaces [Serial] should patch a Namespace [Conformance]"), async () => {
  const place = "/api/v1/namespaces";
  await expectStatus(201, "POST", place, { apiVersion: "v1", kind: "Namespace", metadata: { name: "of-patch" } });
  await expectStatus(200, "PATCH", `${place}/of-patch`, { metadata: { labels: { testLabel: "testValue" } } }, LABELS);
  expect((await expectStatus(200, "GET", `${place}/of-patch`)).metadata.labels.testLabel).toBe("testValue");
  await expectStatus(200, "DELETE", `${place}/of-patch`);
});

test(
  conformance("[sig-api-machinery] Namespaces [Serial] should apply an update to a Namespace [Conformance]"),
  async () => {
    const place = "/api/v1/namespaces";
    await expectStatus(201, "POST", place, { apiVersion: "v1", kind: "Namespace", metadata: { name: "of-update" } });
    const updated = await changed(`${place}/of-update`, (object) => {
      object.metadata.labels = { ...object.metadata.labels, updated: "yes" };
    });
    expect(updated.metadata.labels.updated).toBe("yes");
    await expectStatus(200, "DELETE", `${place}/of-update`);
  },
);

test(
  conformance("[sig-scheduling] LimitRange should list, patch and delete a LimitRange by collection [Conformance]"),
  async () => {
    await expectStatus(201, "POST", "/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "of-limits" },
    });
    const range = (name: string) => ({
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: { name, labels: { ranges: "both" } },
      spec: { limits: [{ type: "Container", min: { cpu: "50m" }, max: { cpu: "500m" } }] },
    });
    const [here, there] = ["default", "of-limits"].map((name) => `/api/v1/namespaces/${name}/limitranges`);
    await expectStatus(201, "POST", here!, range("one"));
    await expectStatus(201, "POST", there!, range("two"));
    const all = "/api/v1/limitranges?labelSelector=ranges%3Dboth";
    expect((await expectStatus(200, "GET", all)).items.length).toBe(2);
    const patch = {
      metadata: { labels: { one: "patched" } },
      spec: { limits: [{ type: "Container", min: { cpu: "40m" } }] },
    };
    const patched = await expectStatus(200, "PATCH", `${here}/one`, patch, "application/strategic-merge-patch+json");
    expect(patched.metadata.labels.one).toBe("patched");
    expect(patched.spec.limits[0].min.cpu).toBe("40m");
    await expectStatus(200, "DELETE", `${here}?labelSelector=one%3Dpatched`);
    const left = (await expectStatus(200, "GET", all)).items;
    expect(left.map((one: typeof patched) => one.metadata.name)).toEqual(["two"]);
    await expectStatus(200, "DELETE", "/api/v1/namespaces/of-limits");
  },
);

test(
  conformance(
    "[sig-apps] DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets [Conformance]",
  ),
  async () => {
    await expectStatus(201, "POST", "/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "of-budgets" },
    });
    const place = (namespace: string) => `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
    await expectStatus(201, "POST", place("default"), objectOf(BUDGET, "b1", "budgets"));
    await expectStatus(201, "POST", place("default"), objectOf(BUDGET, "b2", "budgets"));
    await expectStatus(201, "POST", place("of-budgets"), objectOf(BUDGET, "b3", "budgets"));
    const all = "/apis/policy/v1/poddisruptionbudgets?labelSelector=lifecycle%3Dbudgets";
    expect((await expectStatus(200, "GET", all)).items.length).toBe(3);
    await expectStatus(200, "DELETE", `${place("default")}?labelSelector=lifecycle%3Dbudgets`);
    const left = (await expectStatus(200, "GET", all)).items;
    expect(left.map((one: { metadata: { name: string } }) => one.metadata.name)).toEqual(["b3"]);
    await expectStatus(200, "DELETE", "/api/v1/namespaces/of-budgets");
  },
);

test(conformance("[sig-apps] DisruptionController should create a PodDisruptionBudget [Conformance]"), async () => {
  const { place } = pathsOf(BUDGET);
  await expectStatus(201, "POST", place, objectOf(BUDGET, "made", "made"));
  const updated = await changed(`${place}/made`, (object) => {
    object.spec.minAvailable = 2;
  });
  expect(updated.spec.minAvailable).toBe(2);
  const patched = await expectStatus(200, "PATCH", `${place}/made`, { spec: { minAvailable: "50%" } }, LABELS);
  expect(patched.spec.minAvailable).toBe("50%");
  await expectStatus(200, "DELETE", `${place}/made`);
  await isGone(`${place}/made`);
});

test(
  conformance("[sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API operations [Conformance]"),
  async () => {
    const kind: Kind = {
      group: "certificates.k8s.io",
      resource: "certificatesigningrequests",
      kind: "CertificateSigningRequest",
      content: {
        // A signer that nobody is: no controller answers behind the test's back.
        spec: {
          request: Buffer.from(JANE).toString("base64"),
          signerName: "example.com/nobody",
          usages: ["digital signature"],
        },
      },
    };
    await liveThrough(kind);
    const certificate = (words: string) => ({
      certificate: Buffer.from(JANE.replaceAll("REQUEST", words)).toString("base64"),
    });
    await hasStatus(kind, [certificate("ONE"), certificate("TWO")]);
    const { root, place } = pathsOf(kind);
    const { resources } = await expectStatus(200, "GET", root);
    const approval = resources.find((one: { name: string }) => one.name === `${kind.resource}/approval`);
    expect(approval).toMatchObject({ kind: kind.kind, verbs: ["get", "patch", "update"] });
    await expectStatus(201, "POST", place, objectOf(kind, "approved", "approval"));
    expect((await expectStatus(200, "GET", `${place}/approved/approval`)).spec.username).toBe("kubernetes-admin");
    const condition = (type: string) => ({ type, status: "True", reason: "Test", message: "Set by a test" });
    const patched = await expectStatus(
      200,
      "PATCH",
      `${place}/approved/approval`,
      { status: { conditions: [condition("ApprovalPatch")] } },
      LABELS,
    );
    expect(patched.status.conditions[0]).toMatchObject({ type: "ApprovalPatch" });
    const updated = await changed(`${place}/approved/approval`, (object) => {
      object.status.conditions.push(condition("ApprovalUpdate"));
    });
    expect(updated.status.conditions.map((one: { type: string }) => one.type)).toEqual([
      "ApprovalPatch",
      "ApprovalUpdate",
    ]);
    await expectStatus(200, "DELETE", `${place}/approved`);
  },
);

const SERVICES = "/api/v1/namespaces/default/services";
const service = (name: string, labels: object) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, labels },
  spec: { ports: [{ name: "http", port: 80 }] },
});

test(conformance("[sig-network] Services should delete a collection of services [Conformance]"), async () => {
  for (const name of ["set-a", "set-b", "set-c"])
    await expectStatus(
      201,
      "POST",
      SERVICES,
      service(name, { of: "set", set: name === "set-c" ? "other" : "services" }),
    );
  const named = () => namesIn(`${SERVICES}?labelSelector=of%3Dset`);
  expect(await named()).toEqual(["set-a", "set-b", "set-c"]);
  await expectStatus(200, "DELETE", `${SERVICES}?labelSelector=set%3Dservices`);
  expect(await named()).toEqual(["set-c"]);
  await expectStatus(200, "DELETE", `${SERVICES}/set-c`);
});

test(
  conformance("[sig-network] Services should find a service from listing all namespaces [Conformance]"),
  async () => {
    const { items } = await expectStatus(200, "GET", "/api/v1/services");
    const found = items.find((one: { metadata: { name: string } }) => one.metadata.name === "kubernetes");
    expect(found.metadata.namespace).toBe("default");
  },
);

test(conformance("[sig-network] Services should provide secure master service [Conformance]"), async () => {
  const { spec } = await expectStatus(200, "GET", `${SERVICES}/kubernetes`);
  expect(spec.ports).toMatchObject([{ name: "https", port: 443, protocol: "TCP" }]);
  expect(spec.clusterIP).toMatch(/^\d+\.\d+\.\d+\.1$/);
});

test(conformance("[sig-network] Services should complete a service status lifecycle [Conformance]"), async () => {
  const made = await expectStatus(201, "POST", SERVICES, service("of-status", { of: "status" }));
  expect((await expectStatus(200, "GET", `${SERVICES}/of-status/status`)).status).toEqual({ loadBalancer: {} });
  const ingress = [{ ip: "203.0.113.1" }];
  const annotations = { patchedstatus: "true" };
  const patched = await expectStatus(
    200,
    "PATCH",
    `${SERVICES}/of-status/status`,
    { metadata: { annotations }, status: { loadBalancer: { ingress } } },
    LABELS,
  );
  expect(patched.status.loadBalancer.ingress).toMatchObject(ingress);
  expect(patched.metadata.annotations).toMatchObject(annotations);
  const conditions = [
    {
      type: "StatusUpdate",
      status: "True",
      reason: "Test",
      message: "Set by a test",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    },
  ];
  const updated = await changed(`${SERVICES}/of-status/status`, (object) => {
    object.status.conditions = conditions;
  });
  expect(updated.status.conditions).toEqual(conditions);
  const labelled = await expectStatus(
    200,
    "PATCH",
    `${SERVICES}/of-status`,
    { metadata: { labels: { patched: "yes" } } },
    LABELS,
  );
  expect(labelled.metadata.labels).toEqual({ of: "status", patched: "yes" });
  expect(labelled.spec).toEqual(made.spec);
  const since = `resourceVersion=${labelled.metadata.resourceVersion}`;
  await cluster.watch(
    `${SERVICES}?watch=1&labelSelector=patched%3Dyes&${since}`,
    (seen) => seen.some((event) => event.type === "DELETED"),
    () => expectStatus(200, "DELETE", `${SERVICES}?labelSelector=patched%3Dyes`),
  );
});

test(
  conformance("[sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status [Conformance]"),
  async () => {
    const storage = { storageClassName: "of-nobody", accessModes: ["ReadWriteOnce"] };
    const claims = "/api/v1/namespaces/default/persistentvolumeclaims";
    const volumes = "/api/v1/persistentvolumes";
    const metadata = { name: "of-status", labels: { of: "pv-status" } };
    const spec = { ...storage, capacity: { storage: "2Mi" }, hostPath: { path: "/var/empty" } };
    await expectStatus(201, "POST", volumes, { apiVersion: "v1", kind: "PersistentVolume", metadata, spec });
    const claim = { ...storage, resources: { requests: { storage: "8Mi" } } };
    await expectStatus(201, "POST", claims, { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata, spec: claim });
    expect((await expectStatus(200, "GET", `${volumes}?labelSelector=of%3Dpv-status`)).items.length).toBe(1);
    expect((await expectStatus(200, "GET", `${claims}?labelSelector=of%3Dpv-status`)).items.length).toBe(1);
    expect((await expectStatus(200, "GET", `${claims}/of-status/status`)).status.phase).toBe("Pending");
    expect(["Available", "Pending"]).toContain(
      (await expectStatus(200, "GET", `${volumes}/of-status/status`)).status.phase,
    );
    const condition = (type: string) => ({ type, status: "True", reason: "Test", message: "Set by a test" });
    const patch = { status: { conditions: [condition("StatusPatched")] } };
    const patched = await expectStatus(200, "PATCH", `${claims}/of-status/status`, patch, LABELS);
    expect(patched.status.conditions).toMatchObject([{ type: "StatusPatched" }]);
    const words = { message: "StatusPatched", reason: "E2E" };
    expect(
      (await expectStatus(200, "PATCH", `${volumes}/of-status/status`, { status: words }, LABELS)).status,
    ).toMatchObject(words);
    const updated = await changed(`${claims}/of-status/status`, (object) => {
      object.status.conditions = [condition("StatusUpdated")];
    });
    expect(updated.status.conditions).toMatchObject([{ type: "StatusUpdated" }]);
    const later = { message: "StatusUpdated", reason: "E2E again" };
    const told = await changed(`${volumes}/of-status/status`, (object) => {
      Object.assign(object.status, later);
    });
    expect(told.status).toMatchObject(later);
    await expectStatus(200, "DELETE", `${claims}/of-status`);
    await expectStatus(200, "DELETE", `${volumes}/of-status`);
  },
);

test(
  conformance(
    "[sig-scheduling] LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied. [Conformance]",
  ),
  async () => {
    await expectStatus(201, "POST", "/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "of-defaults" },
    });
    const place = "/api/v1/namespaces/of-defaults";
    const limits = (min: string) => [
      {
        type: "Container",
        min: { cpu: min, memory: "100Mi" },
        max: { cpu: "500m", memory: "500Mi" },
        default: { cpu: "300m", memory: "300Mi" },
        defaultRequest: { cpu: "100m", memory: "200Mi" },
      },
    ];
    const range = {
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: { name: "range" },
      spec: { limits: limits("50m") },
    };
    const made = await expectStatus(201, "POST", `${place}/limitranges`, range);
    expect(made.spec.limits).toEqual(limits("50m"));
    const pod = (name: string, resources: object) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      // A scheduler that nobody is: the pod waits.
      spec: { schedulerName: "nobody", containers: [{ name: "c", image: "none:1", resources }] },
    });
    const resourcesOf = (made: { spec: { containers: { resources: unknown }[] } }) =>
      made.spec.containers[0]?.resources;
    const plain = await expectStatus(201, "POST", `${place}/pods`, pod("plain", {}));
    expect(resourcesOf(plain)).toEqual({
      requests: { cpu: "100m", memory: "200Mi" },
      limits: { cpu: "300m", memory: "300Mi" },
    });
    const partial = await expectStatus(
      201,
      "POST",
      `${place}/pods`,
      pod("partial", { requests: { cpu: "150m" }, limits: { memory: "250Mi" } }),
    );
    expect(resourcesOf(partial)).toEqual({
      requests: { cpu: "150m", memory: "250Mi" },
      limits: { cpu: "300m", memory: "250Mi" },
    });
    const refused = async (name: string, resources: object) =>
      (await expectStatus(403, "POST", `${place}/pods`, pod(name, resources))).message;
    expect(await refused("below", { requests: { cpu: "10m" } })).toContain("minimum cpu usage per Container is 50m");
    expect(await refused("above", { requests: { cpu: "600m" }, limits: { cpu: "600m" } })).toContain(
      "maximum cpu usage per Container is 500m",
    );
    await changed(`${place}/limitranges/range`, (object) => {
      object.spec.limits = limits("9m");
    });
    await expectStatus(201, "POST", `${place}/pods`, pod("now-fine", { requests: { cpu: "10m" } }));
    await expectStatus(200, "DELETE", `${place}/limitranges/range`);
    await isGone(`${place}/limitranges/range`);
    await expectStatus(
      201,
      "POST",
      `${place}/pods`,
      pod("unbounded", { requests: { cpu: "600m" }, limits: { cpu: "600m" } }),
    );
    await expectStatus(200, "DELETE", place);
  },
);
