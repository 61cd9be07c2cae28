/** Decoding, patches and server-side apply, case by case. */
import { expect, test } from "bun:test";
import { findKind } from "../../../../src/kube/schema/builtin-types.ts";
import { DecodeError, decodeObject } from "../../../../src/kube/schema/decode-object.ts";
import { findDuplicateFields } from "../../../../src/kube/schema/duplicate-fields.ts";
import { FieldSet, pathText } from "../../../../src/kube/schema/field-set.ts";
import { applyJsonPatch } from "../../../../src/kube/schema/json-patch.ts";
import { applyMergePatch } from "../../../../src/kube/schema/merge-patch.ts";
import { applyConfiguration } from "../../../../src/kube/schema/server-side-apply.ts";
import { applyStrategicMergePatch } from "../../../../src/kube/schema/strategic-merge-patch.ts";
import type { StatusError } from "../../../../src/kube/status.ts";
import type { KubeObject, Stored } from "../../../../src/model/kubernetes/object.ts";

const POD = findKind("", "v1", "Pod")!;
const SERVICE = findKind("", "v1", "Service")!;

test.each([
  ['{"a":1,"b":{"a":2}}', []],
  ['{"a":1,"a":2}', ["a"]],
  ['{"a":[{"b":1},{"b":1,"c":{"d":0,"d":1}}]}', ["a[1].c.d"]],
  ['{"a\\"b":1,"a\\u0022b":2}', ['a"b']],
  ['{"a":"{\\"a\\":1,","b":"a","c":["b","b"]}', []],
  ["[]", []],
])("findDuplicateFields(%s)", (text, found) => {
  expect(findDuplicateFields(text)).toEqual(found);
});

const pod = (container: object) => ({ metadata: { name: "p" }, spec: { containers: [container] } });
test.each([
  [
    pod({ name: 1 }),
    "json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string",
  ],
  [
    pod({ name: "a", tty: "yes" }),
    "json: cannot unmarshal string into Go struct field Container.spec.containers.tty of type bool",
  ],
  [
    pod({ name: "a", args: {} }),
    "json: cannot unmarshal object into Go struct field Container.spec.containers.args of type []string",
  ],
  [
    pod({ name: "a", ports: [{ containerPort: 1.5 }] }),
    "json: cannot unmarshal number 1.5 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
  ],
  [
    { metadata: { labels: { a: 1 } } },
    "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
  ],
  [{ spec: [] }, "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec"],
  [
    pod({ name: "a", resources: { limits: { cpu: "x" } } }),
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  ],
])("a value of a wrong type: %j", (value, message) => {
  expect(() => decodeObject(POD, value)).toThrow(new DecodeError(message));
});

test("nulls go, quantities become canonical, unknown fields are named with their place", () => {
  const value = pod({ name: "a", command: null, foo: 1, resources: { requests: { cpu: 0.5, memory: "1024Mi" } } });
  const { object, unknown } = decodeObject(POD, value);
  expect(object).toEqual(pod({ name: "a", resources: { requests: { cpu: "500m", memory: "1Gi" } } }));
  expect(unknown).toEqual(["spec.containers[0].foo"]);
});

test.each([
  [[{ op: "add", path: "/a/-", value: 3 }], { a: [1, 2, 3] }],
  [[{ op: "add", path: "/a/0", value: 0 }], { a: [0, 1, 2] }],
  [[{ op: "remove", path: "/a/1" }], { a: [1] }],
  [[{ op: "replace", path: "/a", value: "x" }], { a: "x" }],
  [[{ op: "move", from: "/a", path: "/b" }], { b: [1, 2] }],
  [[{ op: "copy", from: "/a/0", path: "/x~1y" }], { a: [1, 2], "x/y": 1 }],
  [[{ op: "test", path: "/a", value: [1, 2] }], { a: [1, 2] }],
  [[{ op: "add", path: "/__proto__", value: { b: 1 } }], JSON.parse('{"a":[1,2],"__proto__":{"b":1}}')],
])("JSON patch %j", (operations, result) => {
  const before = Object.freeze({ a: Object.freeze([1, 2]) });
  expect(applyJsonPatch(before, operations)).toEqual(result);
  expect(({} as { b?: number }).b).toBeUndefined();
});

test.each([
  [[{ op: "test", path: "/a", value: 1 }], 422],
  [[{ op: "remove", path: "/b" }], 422],
  [[{ op: "replace", path: "/a/5", value: 1 }], 422],
  [[{ op: "add", path: "/a/01", value: 1 }], 422],
  [[{ op: "add", path: "/b/c", value: 1 }], 422],
  [[{ op: "remove", path: "" }], 422],
  [[{ op: "jump", path: "/a" }], 400],
  [[{ op: "move", path: "/a" }], 400],
  [{}, 400],
  ["x", 400],
])("JSON patch %j is refused", (operations, code) => {
  let error: StatusError | undefined;
  try {
    applyJsonPatch({ a: [1, 2] }, operations);
  } catch (thrown) {
    error = thrown as StatusError;
  }
  expect(error?.code).toBe(code);
});

test("merge patch: null removes, objects are merged, lists replaced; what was frozen stays", () => {
  const before = Object.freeze({ a: Object.freeze({ b: 1, c: 2 }), l: Object.freeze([1]) });
  expect(applyMergePatch(before, { a: { b: null, d: 3 }, l: [2], n: { x: null, y: 1 } })).toEqual({
    a: { c: 2, d: 3 },
    l: [2],
    n: { y: 1 },
  });
  expect(before).toEqual({ a: { b: 1, c: 2 }, l: [1] });
});

const containers = (...list: object[]) => ({ spec: { containers: list } });
test.each([
  ["adds", containers({ name: "c" }), ["a", "b", "c"]],
  ["deletes", containers({ name: "a", $patch: "delete" }), ["b"]],
  ["replaces", containers({ name: "x" }, { $patch: "replace" }), ["x"]],
  ["orders", { spec: { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] } }, ["b", "a"]],
  [
    "orders and adds",
    { spec: { "$setElementOrder/containers": [{ name: "n" }, { name: "a" }], containers: [{ name: "n" }] } },
    ["n", "a", "b"],
  ],
])("strategic merge patch %s", (_, patch, names) => {
  const current = containers({ name: "a", image: "1" }, { name: "b", image: "2" });
  const patched = applyStrategicMergePatch(POD, current, patch) as typeof current;
  expect(patched.spec.containers.map((one) => (one as { name: string }).name)).toEqual(names);
});

test("strategic merge patch: unions keep named keys, lists of scalars, a missing key", () => {
  const volumes = { spec: { volumes: [{ name: "v", emptyDir: {} }] } };
  const other = { spec: { volumes: [{ name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/" } }] } };
  expect(applyStrategicMergePatch(POD, volumes, other)).toEqual({
    spec: { volumes: [{ name: "v", hostPath: { path: "/" } }] },
  });
  const finalizers = { metadata: { finalizers: ["a", "b"] } };
  expect(applyStrategicMergePatch(POD, finalizers, { metadata: { finalizers: ["c"] } })).toEqual({
    metadata: { finalizers: ["a", "b", "c"] },
  });
  const removal = { metadata: { "$deleteFromPrimitiveList/finalizers": ["a"] } };
  expect(applyStrategicMergePatch(POD, finalizers, removal)).toEqual({ metadata: { finalizers: ["b"] } });
  expect(() => applyStrategicMergePatch(POD, {}, containers({ image: "x" }))).toThrow(
    "does not contain declared merge key: name",
  );
});

test("sets of fields are written as they were read", () => {
  const fields = {
    "f:spec": { "f:ports": { ".": {}, 'k:{"port":80}': { ".": {}, "f:port": {} } }, "f:x": { 'v:"a"': {} } },
  };
  const set = FieldSet.parse(fields);
  expect(set.format()).toEqual(fields);
  expect(set.paths().map(pathText)).toEqual([
    ".spec.ports",
    ".spec.ports[port=80]",
    ".spec.ports[port=80].port",
    '.spec.x[="a"]',
  ]);
});

const writer = (manager: string) => ({ manager, time: "2026-01-01T00:00:00Z" });
const service = (ports: object[], labels?: object) =>
  ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s", ...(labels ? { labels } : {}) },
    spec: { ports },
  }) as unknown as KubeObject;

test("apply: items of keyed lists belong to those who name them; a default of a key counts", () => {
  const first = applyConfiguration(SERVICE, true, undefined, service([{ port: 80, name: "a" }]), writer("one"), false);
  const live = first as Stored<KubeObject>;
  const both = applyConfiguration(
    SERVICE,
    true,
    live,
    service([{ port: 81, protocol: "TCP", name: "b" }]),
    writer("two"),
    false,
  );
  const portsOf = (object: KubeObject) =>
    (object as unknown as { spec: { ports: { name: string }[] } }).spec.ports.map((one) => one.name);
  expect(portsOf(both)).toEqual(["a", "b"]);
  const less = applyConfiguration(SERVICE, true, both as Stored<KubeObject>, service([]), writer("one"), false);
  expect(portsOf(less)).toEqual(["b"]);
  const conflict = () =>
    applyConfiguration(
      SERVICE,
      true,
      both as Stored<KubeObject>,
      service([{ port: 80, name: "c" }]),
      writer("two"),
      false,
    );
  expect(conflict).toThrow(
    'Apply failed with 1 conflict: conflict with "one": .spec.ports[port=80,protocol="TCP"].name',
  );
});

test("apply: an object without owners belongs to those before; sent owners are refused", () => {
  const live = service([{ port: 80 }], { a: "1" }) as Stored<KubeObject>;
  const change = () =>
    applyConfiguration(SERVICE, true, live, service([{ port: 80 }], { a: "2" }), writer("one"), false);
  expect(change).toThrow('conflict with "before-first-apply" using v1: .metadata.labels.a');
  const sent = service([]);
  sent.metadata.managedFields = [{ manager: "x" }];
  expect(() => applyConfiguration(SERVICE, true, undefined, sent, writer("one"), false)).toThrow(
    "metadata.managedFields must be nil",
  );
});
