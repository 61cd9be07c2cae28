/** Rules of kinds, in Kubernetes' words; conversions between versions. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { BUILTIN_DEFINITIONS } from "../../../../src/kube/resources/builtin.ts";
import { createSchemaSet } from "../../../../src/kube/schema/schema-set.ts";
import type { StatusError } from "../../../../src/kube/status.ts";
import { CORE_EVENTS, HORIZONTAL_POD_AUTOSCALERS, NAMESPACES, PODS } from "../../../../src/model/kubernetes/names.ts";
import type { KubeObject } from "../../../../src/model/kubernetes/object.ts";
import { createTestCluster, type TestCluster } from "../../../support/test-cluster.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ definitions: BUILTIN_DEFINITIONS, schemas: createSchemaSet() });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Creates an object without storing it. */
async function faultsOf(kind: string, content: object, name = "x"): Promise<string[]> {
  const definition = BUILTIN_DEFINITIONS.find((one) => one.type.kind === kind)!;
  const { group, version, namespaced } = definition.type;
  const object = { apiVersion: group === "" ? version : `${group}/${version}`, kind, metadata: { name }, ...content };
  try {
    await cluster.client
      .resource(definition.type)
      .create(namespaced ? "default" : undefined, object as KubeObject, { dryRun: true });
    return [];
  } catch (error) {
    return ((error as StatusError).details?.causes ?? []).map((cause) => `${cause.field}: ${cause.message}`);
  }
}

const pod = (spec: object, container: object = {}) => ({
  spec: { containers: [{ name: "a", image: "i", ...container }], ...spec },
});
const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "a", image: "i" }] } };
const once = { ...template, spec: { ...template.spec, restartPolicy: "Never" } };
const selector = { matchLabels: { app: "a" } };
const requests = (name: string, amount: string, limit?: string) => ({
  resources: { requests: { [name]: amount }, ...(limit === undefined ? {} : { limits: { [name]: limit } }) },
});

test.each<[string, object, string[]]>([
  ["Pod", pod({}), []],
  [
    "Pod",
    pod({}, { livenessProbe: {} }),
    ["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
  ],
  [
    "Pod",
    pod({}, { livenessProbe: { exec: { command: ["a"] }, successThreshold: 2 } }),
    ["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"],
  ],
  [
    "Pod",
    pod(
      {},
      {
        ports: [
          { containerPort: 1, hostPort: 5 },
          { containerPort: 2, hostPort: 5 },
        ],
      },
    ),
    ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//5"'],
  ],
  [
    "Pod",
    pod({}, requests("cpu", "2", "1")),
    ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  ],
  [
    "Pod",
    pod({}, requests("example.com/gpu", "1")),
    ["spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources"],
  ],
  [
    "Pod",
    pod({}, { env: [{ name: "a=b", value: "x" }] }),
    [
      "spec.containers[0].env[0].name: Invalid value: \"a=b\": a valid environment variable name must consist only of printable ASCII characters other than '='",
    ],
  ],
  [
    "Pod",
    pod({}, { env: [{ name: "a", valueFrom: { fieldRef: { fieldPath: "spec.nope" } } }] }),
    [
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.nope": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.hostname", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
    ],
  ],
  ["Pod", pod({ volumes: [{ name: "v", secret: {} }] }), ["spec.volumes[0].secret.secretName: Required value"]],
  [
    "Pod",
    pod({ volumes: [{ name: "v", hostPath: { path: "/a" }, emptyDir: {} }] }),
    ["spec.volumes[0].emptyDir: Forbidden: may not specify more than 1 volume type"],
  ],
  [
    "Pod",
    pod(
      { volumes: [{ name: "v", emptyDir: {} }] },
      { volumeMounts: [{ name: "v", mountPath: "/a", subPath: "../b" }] },
    ),
    ["spec.containers[0].volumeMounts[0].subPath: Invalid value: \"../b\": must not contain '..'"],
  ],
  ["Pod", pod({ initContainers: [{ name: "a", image: "i" }] }), ['spec.initContainers[0].name: Duplicate value: "a"']],
  [
    "Pod",
    pod({ initContainers: [{ name: "b", image: "i", readinessProbe: { tcpSocket: { port: 1 } } }] }),
    [
      "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
    ],
  ],
  [
    "Pod",
    pod({ tolerations: [{ operator: "Equal" }] }),
    [
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  ],
  [
    "Pod",
    pod({ dnsPolicy: "None" }),
    ["spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None"],
  ],
  [
    "Pod",
    pod({ topologySpreadConstraints: [{ maxSkew: 0, topologyKey: "k", whenUnsatisfiable: "DoNotSchedule" }] }),
    ["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"],
  ],
  [
    "Pod",
    pod({ securityContext: { sysctls: [{ name: "a b", value: "1" }] } }),
    [
      'spec.securityContext.sysctls[0].name: Invalid value: "a b": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
    ],
  ],
  [
    "Service",
    { spec: { ports: [{ port: 1 }, { port: 2 }] } },
    ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
  ],
  ["Service", { spec: { type: "ExternalName" } }, ["spec.externalName: Required value"]],
  [
    "Service",
    { spec: { type: "NodePort", clusterIP: "None", ports: [{ port: 1 }] } },
    ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
  ],
  [
    "Deployment",
    { spec: { selector, template, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } } },
    ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
  ],
  [
    "Deployment",
    { spec: { selector: {}, template } },
    ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
  ],
  [
    "DaemonSet",
    { spec: { selector, template: once } },
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    "Job",
    { spec: { template } },
    ['spec.template.spec.restartPolicy: Unsupported value: "Always": supported values: "Never", "OnFailure"'],
  ],
  [
    "Job",
    { spec: { template: once, completionMode: "Indexed", parallelism: 1 } },
    ["spec.completions: Required value: when completion mode is Indexed"],
  ],
  [
    "CronJob",
    { spec: { schedule: "* * * * *", timeZone: "Nowhere/Land", jobTemplate: { spec: { template: once } } } },
    ['spec.timeZone: Invalid value: "Nowhere/Land": unknown time zone Nowhere/Land'],
  ],
  ["Ingress", { spec: {} }, ["spec: Invalid value: []: either `defaultBackend` or `rules` must be specified"]],
  [
    "PersistentVolumeClaim",
    { spec: {} },
    ["spec.accessModes: Required value: at least 1 access mode is required", "spec.resources[storage]: Required value"],
  ],
  [
    "VolumeAttributesClass",
    { driverName: "a.b" },
    ["parameters: Required value: must contain at least one key/value pair"],
  ],
  [
    "VolumeAttributesClass",
    { driverName: "", parameters: { "": "x" } },
    ["driverName: Required value", 'parameters: Invalid value: "": field can not be empty.'],
  ],
  [
    "VolumeAttributesClass",
    { driverName: "a.b", parameters: { a: "x".repeat(256 * 1024) } },
    ["parameters: Too long: may not be more than 262144 bytes"],
  ],
  [
    "VolumeAttributesClass",
    { driverName: "A.b", parameters: Object.fromEntries(Array.from({ length: 513 }, (_, at) => [`p${at}`, ""])) },
    ["parameters: Too long: may not be more than 512 bytes"],
  ],
  [
    "RoleBinding",
    { roleRef: { kind: "Nope", name: "x" } },
    ['roleRef.kind: Unsupported value: "Nope": supported values: "ClusterRole", "Role"'],
  ],
  [
    "HorizontalPodAutoscaler",
    { spec: { maxReplicas: 1, minReplicas: 2, scaleTargetRef: { kind: "D", name: "d" } } },
    ["spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`"],
  ],
  [
    "PodDisruptionBudget",
    { spec: { minAvailable: 1, maxUnavailable: "x" } },
    [
      'spec: Invalid value: {"minAvailable":1,"maxUnavailable":"x"}: minAvailable and maxUnavailable cannot be both set',
      "spec.maxUnavailable: Invalid value: \"x\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ],
  ],
  [
    "PriorityClass",
    { value: 2_000_000_000 },
    ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
  ],
  [
    "LimitRange",
    { spec: { limits: [{ type: "Container", min: { cpu: "2" }, max: { cpu: "1" } }] } },
    [
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than default request value 1',
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
    ],
  ],
])("%s %j", async (kind, content, faults) => {
  expect(await faultsOf(kind, content)).toEqual(faults);
});

test("a horizontal pod autoscaler of v1 is one of v2, and back", async () => {
  const old = cluster.client.resource({ ...HORIZONTAL_POD_AUTOSCALERS, version: "v1" });
  const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "d" };
  const made = await old.create("default", {
    apiVersion: "autoscaling/v1",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "h" },
    spec: { maxReplicas: 5, scaleTargetRef, targetCPUUtilizationPercentage: 70 },
  } as unknown as KubeObject as never);
  expect(made).toMatchObject({
    apiVersion: "autoscaling/v1",
    spec: { minReplicas: 1, targetCPUUtilizationPercentage: 70 },
  });
  const current = cluster.client.resource(HORIZONTAL_POD_AUTOSCALERS);
  const read = await current.get("default", "h");
  const cpu = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } };
  expect(read.spec?.metrics).toEqual([cpu]);
  const memory = {
    type: "Resource",
    resource: { name: "memory", target: { type: "AverageValue", averageValue: "1Gi" } },
  };
  await current.patch("default", "h", "merge", { spec: { metrics: [cpu, memory], behavior: { scaleDown: {} } } });
  // Through v1 and back nothing is lost.
  const seen = structuredClone(await old.get("default", "h"));
  (seen as unknown as { spec: { maxReplicas: number } }).spec.maxReplicas = 6;
  await old.update(seen);
  const last = await current.get("default", "h");
  expect(last.spec).toMatchObject({ maxReplicas: 6, metrics: [cpu, memory] });
  expect(last.spec?.behavior?.scaleDown?.policies).toEqual([{ type: "Percent", value: 100, periodSeconds: 15 }]);
});

test("an event of events.k8s.io is one of the core group", async () => {
  const other = { ...CORE_EVENTS, group: "events.k8s.io" };
  const regarding = { kind: "Pod", namespace: "default", name: "p" };
  await cluster.client.resource(other).create("default", {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: "e" },
    regarding,
    note: "n",
    eventTime: "2026-01-01T00:00:00.000000Z",
    reportingController: "c",
  } as unknown as KubeObject as never);
  const core = await cluster.client.resource(CORE_EVENTS).get("default", "e");
  expect(core).toMatchObject({ apiVersion: "v1", involvedObject: regarding, message: "n", reportingComponent: "c" });
});

test("namespaces carry their name as a label and wait for their finalizer; pods end with grace", async () => {
  const namespaces = cluster.client.resource(NAMESPACES);
  const made = await namespaces.create(undefined, { apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } });
  expect(made).toMatchObject({
    metadata: { labels: { "kubernetes.io/metadata.name": "n" } },
    spec: { finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  });
  expect((await namespaces.delete(undefined, "n")).status?.phase).toBe("Terminating");
  const pods = cluster.client.resource(PODS);
  const one = { apiVersion: "v1", kind: "Pod", metadata: { name: "g" }, ...pod({ nodeName: "node" }) };
  const running = await pods.create("default", one as never);
  expect(running.status).toMatchObject({ phase: "Pending", qosClass: "BestEffort" });
  expect((await pods.delete("default", "g")).metadata.deletionGracePeriodSeconds).toBe(30);
});
