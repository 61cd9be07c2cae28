import { expect, test } from "bun:test";
import { withOverrides } from "../../../../src/cli/kubectl/overrides.ts";
import { strategicMerge } from "../../../../src/cli/kubectl/strategic-merge.ts";

const named = (...names: string[]) => names.map((name) => ({ name }));
const merged = (order: "patch first" | "interleaved", containers: object[]) =>
  strategicMerge({ containers: named("a", "b", "c") }, { containers }, { byKeys: true, order });

test("lists are merged by their keys; where the others stand depends on who merges", () => {
  expect(merged("patch first", named("new", "b"))).toEqual({ containers: named("new", "b", "a", "c") });
  expect(merged("interleaved", named("new", "b"))).toEqual({ containers: named("new", "a", "b", "c") });
});

test("elements are taken away, and whole lists replaced, where the patch says so", () => {
  const gone = { name: "b", $patch: "delete" };
  expect(merged("interleaved", [gone])).toEqual({ containers: named("a", "c") });
  expect(merged("interleaved", [{ name: "x" }, { $patch: "replace" }])).toEqual({ containers: named("x") });
});

test.each([
  ["merge", '{"spec":{"a":null,"list":[3]}}', { spec: { b: 2, list: [3] } }],
  ["json", '[{"op":"replace","path":"/spec/a","value":5}]', { spec: { a: 5, b: 2, list: [1] } }],
  ["strategic", '{"spec":{"a":null}}', { spec: { b: 2, list: [1] } }],
])("overrides of the type %s", (type, overrides, wanted) => {
  const object = { spec: { a: 1, b: 2, list: [1] } };
  expect(withOverrides(object, { overrides, "override-type": type }) as object).toEqual(wanted);
  expect(object).toEqual({ spec: { a: 1, b: 2, list: [1] } });
});

test.each(['{"a":1}', '[{"op":"add"}]', "[1]"])("%s is no JSON patch", (overrides) => {
  expect(() => withOverrides({}, { overrides, "override-type": "json" })).toThrow("Invalid JSON Patch");
});
