import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { builtinAdmission } from "../../../../src/kube/admission/builtin-steps.ts";
import type { LimitRangeItem, Pod, PodSpec } from "../../../../src/model/kubernetes/core.ts";
import {
  LIMIT_RANGES,
  NAMESPACES,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  PRIORITY_CLASSES,
  RUNTIME_CLASSES,
  SERVICE_ACCOUNTS,
  STORAGE_CLASSES,
} from "../../../../src/model/kubernetes/names.ts";
import type { KubeObject } from "../../../../src/model/kubernetes/object.ts";
import { createTestCluster, type TestCluster } from "../../../support/test-cluster.ts";

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await createTestCluster();
  cluster.core.admission.push(...builtinAdmission(cluster.client));
  await account("default");
});
afterEach(() => cluster[Symbol.asyncDispose]());

const account = (name: string, more: object = {}) =>
  cluster.client
    .resource(SERVICE_ACCOUNTS)
    .create("default", { apiVersion: "v1", kind: "ServiceAccount", metadata: { name }, ...more });
function podOf(spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p" },
    spec: { containers: [{ name: "c", image: "x" }], ...spec },
  };
}
const create = async (spec: Partial<PodSpec> = {}) =>
  (await cluster.client.resource(PODS).create("default", podOf(spec))).spec!;
const refusal = (spec: Partial<PodSpec>) =>
  cluster.client
    .resource(PODS)
    .create("default", podOf(spec))
    .then(
      () => "created",
      (error) => `${error.code} ${error.message}`,
    );
const kind = <T extends KubeObject>(apiVersion: string, name: string, rest: object) =>
  ({ apiVersion, kind: "", metadata: { name }, ...rest }) as unknown as T;

describe("service accounts", () => {
  test("the default account, and its token where programs look for it", async () => {
    const spec = await create();
    expect(spec.serviceAccountName).toBe("default");
    const volume = spec.volumes![0]!;
    expect(volume.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
    expect(volume.projected!.sources!.map((source) => Object.keys(source)[0])).toEqual([
      "serviceAccountToken",
      "configMap",
      "downwardAPI",
    ]);
    expect(spec.containers[0]!.volumeMounts).toEqual([
      { name: volume.name, readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
    ]);
  });
  test("no token where the pod or the account does not want it", async () => {
    expect((await create({ automountServiceAccountToken: false })).volumes).toBeUndefined();
    await account("quiet", { automountServiceAccountToken: false, imagePullSecrets: [{ name: "login" }] });
    await cluster.client.resource(PODS).delete("default", "p", { gracePeriodSeconds: 0 });
    const spec = await create({ serviceAccountName: "quiet" });
    expect([spec.volumes, spec.imagePullSecrets]).toEqual([undefined, [{ name: "login" }]]);
  });
  test("an account that is not there", async () => {
    expect(await refusal({ serviceAccountName: "nobody" })).toBe(
      '403 pods "p" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found',
    );
  });
});

describe("priorities", () => {
  test.each<[string, Partial<PodSpec>, unknown]>([
    ["none", {}, 0],
    ["a system class", { priorityClassName: "system-node-critical" }, 2_000_001_000],
    ["a class of one's own", { priorityClassName: "high" }, 1000],
  ])("%s", async (_name, wanted, expected) => {
    await cluster.client
      .resource(PRIORITY_CLASSES)
      .create(undefined, kind("scheduling.k8s.io/v1", "high", { value: 1000 }));
    expect((await create(wanted)).priority as unknown).toBe(expected);
  });
  test("the default class; an unknown one; a number of one's own", async () => {
    const classes = cluster.client.resource(PRIORITY_CLASSES);
    await classes.create(
      undefined,
      kind("scheduling.k8s.io/v1", "usual", { value: 7, globalDefault: true, preemptionPolicy: "Never" }),
    );
    expect(await create()).toMatchObject({ priority: 7, priorityClassName: "usual", preemptionPolicy: "Never" });
    expect(await refusal({ priorityClassName: "zzz" })).toBe(
      '403 pods "p" is forbidden: no PriorityClass with name zzz was found',
    );
    expect(await refusal({ priority: 9 })).toContain(
      "the integer value of priority (9) must not be provided in pod spec",
    );
    const second = classes.create(undefined, kind("scheduling.k8s.io/v1", "other", { value: 8, globalDefault: true }));
    await expect(second).rejects.toThrow(
      "PriorityClass usual is already marked as default. Only one default can exist",
    );
  });
});

test("five minutes on a node that is out of reach, unless the pod says otherwise", async () => {
  const own = { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 2 };
  expect((await create({ tolerations: [own] })).tolerations).toEqual([
    own,
    { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
  ]);
});

describe("limit ranges", () => {
  const limited = async (...limits: LimitRangeItem[]) => {
    await cluster.client.resource(LIMIT_RANGES).create("default", kind("v1", "limits", { spec: { limits } }));
  };
  const resources = (requests: Record<string, string>, limits: Record<string, string> = {}): Partial<PodSpec> => ({
    containers: [{ name: "c", image: "x", resources: { requests, limits } }],
  });
  test("defaults", async () => {
    await limited({ type: "Container", default: { cpu: "500m" }, defaultRequest: { cpu: "100m", memory: "1Mi" } });
    expect((await create(resources({ memory: "2Mi" }))).containers[0]!.resources).toEqual({
      limits: { cpu: "500m" },
      requests: { cpu: "100m", memory: "2Mi" },
    });
  });
  test.each<[string, LimitRangeItem, Partial<PodSpec>, string]>([
    [
      "too much",
      { type: "Container", max: { cpu: "1" } },
      resources({}, { cpu: "1500m" }),
      "maximum cpu usage per Container is 1, but limit is 1500m",
    ],
    [
      "no limit",
      { type: "Container", max: { cpu: "1" } },
      resources({}),
      "maximum cpu usage per Container is 1. No limit is specified",
    ],
    [
      "too little",
      { type: "Container", min: { memory: "64Mi" } },
      resources({ memory: "1Mi" }),
      "minimum memory usage per Container is 64Mi, but request is 1Mi",
    ],
    [
      "the pod as a whole",
      { type: "Pod", max: { cpu: "1" } },
      resources({}, { cpu: "2" }),
      "maximum cpu usage per Pod is 1, but limit is 2",
    ],
    [
      "ratio",
      { type: "Container", maxLimitRequestRatio: { cpu: "2" } },
      resources({ cpu: "1" }, { cpu: "3" }),
      "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
    ],
  ])("%s", async (_name, item, spec, message) => {
    await limited(item);
    expect(await refusal(spec)).toBe(`403 pods "p" is forbidden: ${message}`);
  });
  test("several faults are told together; claims have bounds too", async () => {
    await limited(
      { type: "Container", max: { cpu: "1", memory: "1Mi" } },
      { type: "PersistentVolumeClaim", max: { storage: "1Gi" } },
    );
    expect(await refusal(resources({}, { cpu: "2", memory: "2Mi" }))).toMatch(
      /^403 pods "p" is forbidden: \[maximum cpu .*, maximum memory .*\]$/,
    );
    const claim = kind<KubeObject>("v1", "data", { spec: { resources: { requests: { storage: "2Gi" } } } });
    await expect(cluster.client.resource(PERSISTENT_VOLUME_CLAIMS).create("default", claim as never)).rejects.toThrow(
      "maximum storage usage per PersistentVolumeClaim is 1Gi, but limit is 2Gi",
    );
  });
});

test("a claim without a class gets the default one, an empty class stays", async () => {
  const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
  const standard = {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: "standard", annotations },
    provisioner: "p",
  };
  await cluster.client.resource(STORAGE_CLASSES).create(undefined, standard);
  const claims = cluster.client.resource(PERSISTENT_VOLUME_CLAIMS);
  const made = await claims.create("default", kind("v1", "a", { spec: {} }));
  const plain = await claims.create("default", kind("v1", "b", { spec: { storageClassName: "" } }));
  expect([made.spec!.storageClassName, plain.spec!.storageClassName]).toEqual(["standard", ""]);
});

test("runtime classes bring overhead, selector and tolerations", async () => {
  const toleration = { key: "sandbox", operator: "Exists" };
  const sandbox = kind("node.k8s.io/v1", "sandbox", {
    handler: "crun",
    overhead: { podFixed: { cpu: "10m" } },
    scheduling: { nodeSelector: { kind: "safe" }, tolerations: [toleration] },
  });
  await cluster.client.resource(RUNTIME_CLASSES).create(undefined, sandbox as never);
  expect(await create({ runtimeClassName: "sandbox" })).toMatchObject({
    overhead: { cpu: "10m" },
    nodeSelector: { kind: "safe" },
    tolerations: expect.arrayContaining([toleration]),
  });
  expect(await refusal({ runtimeClassName: "zzz" })).toContain('RuntimeClass "zzz" not found');
  expect(await refusal({ overhead: { cpu: "1" } })).toContain("without corresponding RuntimeClass");
});

test("the namespaces that every cluster needs stay", async () => {
  await expect(cluster.client.resource(NAMESPACES).delete(undefined, "default")).rejects.toThrow(
    'namespaces "default" is forbidden: this namespace may not be deleted',
  );
});
