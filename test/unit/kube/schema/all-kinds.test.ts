/** Every builtin kind is in the table of types, and a plain object of it is taken. */
import { expect, test } from "bun:test";
import { BUILTIN_DEFINITIONS } from "../../../../src/kube/resources/builtin.ts";
import { findKind } from "../../../../src/kube/schema/builtin-types.ts";
import { createSchemaSet } from "../../../../src/kube/schema/schema-set.ts";
import { JANE } from "../../../support/signing-requests.ts";
import { createTestCluster } from "../../../support/test-cluster.ts";

const container = { name: "a", image: "a:1" };
const template = { metadata: { labels: { app: "a" } }, spec: { containers: [container] } };
const selector = { matchLabels: { app: "a" } };
const workload = { selector, template };
const once = { template: { spec: { ...template.spec, restartPolicy: "Never" } } };
const role = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "r" };
const backend = { service: { name: "s", port: { number: 80 } } };
const request = Buffer.from(JANE).toString("base64");

/** What a kind needs beside a name. */
const OBJECTS: Record<string, object> = {
  Pod: { spec: { containers: [container] } },
  PodTemplate: { template },
  Service: { spec: { ports: [{ port: 80 }] } },
  Event: { involvedObject: { kind: "Pod", namespace: "default", name: "p" }, reason: "R" },
  Endpoints: { subsets: [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80 }] }] },
  PersistentVolume: {
    spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, hostPath: { path: "/srv" } },
  },
  PersistentVolumeClaim: { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } },
  ReplicationController: { spec: { template } },
  ResourceQuota: { spec: { hard: { pods: "4" } } },
  LimitRange: { spec: { limits: [{ type: "Container", max: { cpu: "1" } }] } },
  Deployment: { spec: workload },
  ReplicaSet: { spec: workload },
  StatefulSet: { spec: { ...workload, serviceName: "s" } },
  DaemonSet: { spec: workload },
  ControllerRevision: { revision: 1, data: {} },
  Job: { spec: once },
  CronJob: { spec: { schedule: "* * * * *", jobTemplate: { spec: once } } },
  HorizontalPodAutoscaler: { spec: { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "d" } } },
  PodDisruptionBudget: { spec: { minAvailable: 1, selector } },
  EndpointSlice: { addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"] }], ports: [{ port: 80 }] },
  Ingress: { spec: { rules: [{ host: "a.b", http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }] } },
  IngressClass: { spec: { controller: "a.b/c" } },
  ServiceCIDR: { spec: { cidrs: ["10.9.0.0/24"] } },
  IPAddress: { metadata: { name: "10.9.0.7" }, spec: { parentRef: { resource: "services", name: "s" } } },
  NetworkPolicy: { spec: { podSelector: {} } },
  Role: { rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] },
  RoleBinding: { roleRef: role, subjects: [{ kind: "User", name: "u" }] },
  ClusterRoleBinding: { roleRef: role },
  PriorityClass: { value: 5 },
  RuntimeClass: { handler: "h" },
  StorageClass: { provisioner: "a.b/c" },
  VolumeAttributesClass: { driverName: "a.b", parameters: { iops: "1000" } },
  CSIDriver: { spec: {} },
  CSINode: { spec: { drivers: [] } },
  CSIStorageCapacity: { storageClassName: "s", capacity: "1Gi" },
  VolumeAttachment: { spec: { attacher: "a", nodeName: "n", source: { persistentVolumeName: "v" } } },
  FlowSchema: {
    spec: {
      priorityLevelConfiguration: { name: "l" },
      rules: [
        {
          subjects: [{ kind: "User", user: { name: "u" } }],
          resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }],
        },
      ],
    },
  },
  PriorityLevelConfiguration: { spec: { type: "Limited", limited: { limitResponse: { type: "Queue", queuing: {} } } } },
  CertificateSigningRequest: { spec: { request, signerName: "a.b/c" } },
  ValidatingAdmissionPolicy: {
    spec: {
      matchConstraints: {
        resourceRules: [{ operations: ["*"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
      },
      validations: [{ expression: "true" }],
    },
  },
  ValidatingAdmissionPolicyBinding: { spec: { policyName: "p", validationActions: ["Deny"] } },
  APIService: {
    metadata: { name: "v1.a.b" },
    spec: {
      group: "a.b",
      version: "v1",
      groupPriorityMinimum: 1,
      versionPriority: 1,
      service: { namespace: "default", name: "s" },
    },
  },
  CustomResourceDefinition: {
    metadata: { name: "things.a.b" },
    spec: {
      group: "a.b",
      scope: "Cluster",
      names: { plural: "things", kind: "Thing" },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
    },
  },
};

test("every builtin kind", async () => {
  await using cluster = await createTestCluster({ definitions: BUILTIN_DEFINITIONS, schemas: createSchemaSet() });
  for (const { type, versions } of BUILTIN_DEFINITIONS) {
    for (const { group, version } of [type, ...(versions ?? [])]) {
      expect(findKind(group, version, type.kind)?.fields.get("metadata")).toBeDefined();
    }
    const apiVersion = type.group === "" ? type.version : `${type.group}/${type.version}`;
    const object = { apiVersion, kind: type.kind, metadata: { name: "one" }, ...OBJECTS[type.kind] };
    const client = cluster.client.resource(type);
    const namespace = type.namespaced ? "default" : undefined;
    const made = await client.create(namespace, object, { fieldValidation: "Strict" });
    if (OBJECTS[type.kind] !== undefined) expect(made.metadata.managedFields?.length).toBe(1);
    // Written again as it was read, it is the same: defaults are complete.
    const again = await client.update(structuredClone(made));
    expect({ kind: type.kind, version: again.metadata.resourceVersion }).toEqual({
      kind: type.kind,
      version: made.metadata.resourceVersion,
    });
  }
});
