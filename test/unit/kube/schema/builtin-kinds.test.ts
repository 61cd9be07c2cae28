/** Builtin kinds through the machinery: defaults, faults in Kubernetes' words, patches, ownership of fields. */
import { expect, test } from "bun:test";
import { BUILTIN_DEFINITIONS } from "../../../../src/kube/resources/builtin.ts";
import { createServiceAddresses } from "../../../../src/kube/resources/service-addresses.ts";
import { createSchemaSet } from "../../../../src/kube/schema/schema-set.ts";
import type { StatusError } from "../../../../src/kube/status.ts";
import type { Deployment } from "../../../../src/model/kubernetes/apps.ts";
import type { Service } from "../../../../src/model/kubernetes/core.ts";
import { CONFIG_MAPS, DEPLOYMENTS, PODS, SECRETS, SERVICES } from "../../../../src/model/kubernetes/names.ts";
import { createTestCluster } from "../../../support/test-cluster.ts";

async function open() {
  return await createTestCluster({ definitions: BUILTIN_DEFINITIONS, schemas: createSchemaSet() });
}

const web = (): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", labels: { app: "web" } },
  spec: {
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "web", image: "web", ports: [{ containerPort: 80 }] }] },
    },
  },
});

async function failure(action: Promise<unknown>): Promise<StatusError> {
  try {
    await action;
  } catch (error) {
    return error as StatusError;
  }
  throw new Error("it did not fail");
}

test("a deployment is completed as Kubernetes completes it", async () => {
  await using cluster = await open();
  const made = await cluster.client.resource(DEPLOYMENTS).create("default", web());
  expect(made.spec).toMatchObject({
    replicas: 1,
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 10,
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
  });
  expect(made.spec?.template.spec).toMatchObject({
    dnsPolicy: "ClusterFirst",
    restartPolicy: "Always",
    schedulerName: "default-scheduler",
    terminationGracePeriodSeconds: 30,
    securityContext: {},
    containers: [
      {
        imagePullPolicy: "Always",
        resources: {},
        terminationMessagePath: "/dev/termination-log",
        terminationMessagePolicy: "File",
        ports: [{ containerPort: 80, protocol: "TCP" }],
      },
    ],
  });
  expect(made.metadata.generation).toBe(1);
});

test("faults are told in Kubernetes' words, all of them, with causes", async () => {
  await using cluster = await open();
  const deployment = web();
  deployment.spec!.replicas = -1;
  deployment.spec!.template.spec!.containers[0] = { name: "Web" };
  deployment.spec!.template.metadata!.labels = { app: "other" };
  const error = await failure(cluster.client.resource(DEPLOYMENTS).create("default", deployment));
  expect(error.code).toBe(422);
  expect(error.message).toStartWith('Deployment.apps "web" is invalid: [');
  const words = error.details?.causes?.map((cause) => `${cause.field}: ${cause.message}`);
  expect(words).toContain("spec.replicas: Invalid value: -1: must be greater than or equal to 0");
  expect(words).toContain("spec.template.spec.containers[0].image: Required value");
  expect(words).toContain(
    'spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`',
  );
  expect(
    words?.some((line) =>
      line.startsWith('spec.template.spec.containers[0].name: Invalid value: "Web": a lowercase RFC 1123 label'),
    ),
  ).toBe(true);
});

test("unknown fields and wrong types are refused", async () => {
  await using cluster = await open();
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p" },
    spec: { containers: [{ name: "a", image: "i", imagee: 1 }], replicas: 2 },
  };
  const unknown = await failure(
    cluster.client.resource(PODS).create("default", pod as never, { fieldValidation: "Strict" }),
  );
  expect(unknown.code).toBe(400);
  expect(unknown.message).toBe(
    'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.containers[0].imagee", unknown field "spec.replicas"',
  );
  const warnings: string[] = [];
  await cluster.client
    .resource(PODS)
    .create("default", pod as never, { fieldValidation: "Warn", warn: (text) => warnings.push(text) });
  expect(warnings).toEqual(['unknown field "spec.containers[0].imagee"', 'unknown field "spec.replicas"']);
  const wrong = structuredClone(pod) as { spec: { containers: unknown[] } };
  wrong.spec.containers = [{ name: "a", image: "i", ports: [{ containerPort: "80" }] }];
  const type = await failure(cluster.client.resource(PODS).create("default", wrong as never));
  expect(type.message).toBe(
    'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
  );
});

test("strategic merge patch merges containers by name and keeps the rest", async () => {
  await using cluster = await open();
  const deployments = cluster.client.resource(DEPLOYMENTS);
  await deployments.create("default", web());
  const patch = {
    spec: {
      template: {
        spec: {
          containers: [
            { name: "web", image: "web:2" },
            { name: "side", image: "side:1" },
          ],
        },
      },
    },
  };
  const patched = await deployments.patch("default", "web", "strategic", patch);
  expect(patched.spec?.template.spec?.containers.map((one) => [one.name, one.image, one.ports?.length])).toEqual([
    ["web", "web:2", 1],
    ["side", "side:1", undefined],
  ]);
  expect(patched.metadata.generation).toBe(2);
  const removal = { spec: { template: { spec: { containers: [{ name: "side", $patch: "delete" }] } } } };
  const less = await deployments.patch("default", "web", "strategic", removal);
  expect(less.spec?.template.spec?.containers.map((one) => one.name)).toEqual(["web"]);
});

test("server-side apply: owners, conflicts, force, fields that are no longer named", async () => {
  await using cluster = await open();
  const deployments = cluster.client.resource(DEPLOYMENTS);
  const config = { ...web(), spec: { ...web().spec, replicas: 3 } };
  const first = await deployments.patch("default", "web", "apply", config, { fieldManager: "alice" });
  expect(first.spec?.replicas).toBe(3);
  expect(first.metadata.managedFields).toMatchObject([{ manager: "alice", operation: "Apply", apiVersion: "apps/v1" }]);
  expect(first.metadata.managedFields?.[0]?.fieldsV1).toMatchObject({
    "f:metadata": { "f:labels": { "f:app": {} } },
    "f:spec": {
      "f:replicas": {},
      "f:selector": {},
      "f:template": { "f:spec": { "f:containers": { 'k:{"name":"web"}': { ".": {}, "f:image": {}, "f:name": {} } } } },
    },
  });

  const other = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec: { replicas: 5 } };
  const error = await failure(deployments.patch("default", "web", "apply", other, { fieldManager: "bob" }));
  expect(error.code).toBe(409);
  expect(error.message).toBe('Apply failed with 1 conflict: conflict with "alice": .spec.replicas');
  expect(error.details?.causes).toEqual([
    { reason: "FieldManagerConflict", message: 'conflict with "alice"', field: ".spec.replicas" },
  ]);
  const forced = await deployments.patch("default", "web", "apply", other, { fieldManager: "bob", force: true });
  expect(forced.spec?.replicas).toBe(5);
  const alice = forced.metadata.managedFields?.find((entry) => entry.manager === "alice");
  expect((alice?.fieldsV1?.["f:spec"] as object | undefined) ?? {}).not.toHaveProperty("f:replicas");

  const without = web();
  without.metadata.labels = {};
  const last = await deployments.patch("default", "web", "apply", without, { fieldManager: "alice" });
  expect(last.metadata.labels ?? {}).toEqual({});
  expect(last.spec?.replicas).toBe(5);
  const again = await deployments.patch("default", "web", "apply", without, { fieldManager: "alice" });
  expect(again.metadata.resourceVersion).toBe(last.metadata.resourceVersion);
});

test("updates take over the fields that they change", async () => {
  await using cluster = await open();
  const deployments = cluster.client.resource(DEPLOYMENTS);
  await deployments.create("default", web(), { fieldManager: "kubectl-create" });
  await deployments.patch("default", "web", "merge", { spec: { replicas: 4 } }, { fieldManager: "kubectl-scale" });
  const applied = { ...web(), spec: { ...web().spec, replicas: 2 } };
  const error = await failure(deployments.patch("default", "web", "apply", applied, { fieldManager: "kubectl" }));
  expect(error.message).toBe(
    'Apply failed with 1 conflict: conflict with "kubectl-scale" using apps/v1: .spec.replicas',
  );
});

test("secrets keep texts as data; immutable ones never change", async () => {
  await using cluster = await open();
  const secrets = cluster.client.resource(SECRETS);
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, stringData: { a: "x" }, immutable: true };
  const made = await secrets.create("default", secret);
  expect(made).toMatchObject({ type: "Opaque", data: { a: "eA==" } });
  const error = await failure(secrets.patch("default", "s", "merge", { data: { a: "eQ==" } }));
  expect(error.message).toBe('Secret "s" is invalid: data: Forbidden: field is immutable when `immutable` is set');
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data: { "a b": "x" } };
  expect((await failure(cluster.client.resource(CONFIG_MAPS).create("default", map))).code).toBe(422);
});

test("services get addresses and node ports, and keep them", async () => {
  await using cluster = await open();
  const list = () => cluster.client.informer(SERVICES).list();
  cluster.core.admission.push(
    createServiceAddresses({ cidrs: () => ["10.96.0.0/24"], isHeld: () => false, nodePorts: [30000, 30010] }, list),
  );
  const services = cluster.client.resource(SERVICES);
  const service: Service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: { type: "NodePort", ports: [{ port: 80 }], selector: { app: "web" } },
  };
  const made = await services.create("default", service);
  expect(made.spec?.clusterIP).toMatch(/^10\.96\.0\.\d+$/);
  expect(made.spec?.clusterIPs).toEqual([made.spec?.clusterIP as string]);
  expect(made.spec?.ports?.[0]).toMatchObject({ port: 80, targetPort: 80, protocol: "TCP" });
  const nodePort = made.spec?.ports?.[0]?.nodePort as number;
  expect(nodePort).toBeGreaterThanOrEqual(30000);
  const updated = await services.update({ ...service, spec: { ...service.spec, sessionAffinity: "ClientIP" } });
  expect(updated.spec).toMatchObject({ clusterIP: made.spec?.clusterIP, ports: [{ nodePort }] });
  const twin = structuredClone(service);
  twin.metadata.name = "twin";
  twin.spec!.ports![0]!.nodePort = nodePort;
  const error = await failure(services.create("default", twin));
  expect(error.message).toBe(
    `Service "twin" is invalid: spec.ports[0].nodePort: Invalid value: ${nodePort}: provided port is already allocated`,
  );
  const inside = await services.patch("default", "web", "merge", { spec: { type: "ClusterIP" } });
  expect(inside.spec?.ports?.[0]?.nodePort).toBeUndefined();
});
