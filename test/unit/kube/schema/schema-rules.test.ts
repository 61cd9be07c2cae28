/** Rules of custom resources: what they say of objects and of changes, and which rules are refused. */
import { expect, test } from "bun:test";
import { compileCustomSchema } from "../../../../src/kube/schema/custom/compile-custom-schema.ts";
import { structuralFaults } from "../../../../src/kube/schema/custom/structural-schema.ts";
import type { CustomResourceDefinition, JSONSchemaProps } from "../../../../src/model/kubernetes/apiextensions.ts";

const SCHEMA: JSONSchemaProps = {
  type: "object",
  "x-kubernetes-validations": [{ rule: "self.metadata.name != 'bad'", message: "not this name" }],
  properties: {
    spec: {
      type: "object",
      "x-kubernetes-validations": [
        {
          rule: "self.min <= self.max",
          messageExpression: "'min ' + string(self.min) + ' is above max'",
          fieldPath: ".min",
        },
        {
          rule: "!has(oldSelf.fixed) || self.fixed == oldSelf.fixed",
          message: "fixed never changes",
          reason: "FieldValueForbidden",
        },
      ],
      properties: {
        min: { type: "integer" },
        max: { type: "integer" },
        fixed: { type: "string" },
        share: { type: "number", "x-kubernetes-validations": [{ rule: "self <= 1.0" }] },
        items: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: {
              name: { type: "string" },
              size: {
                type: "integer",
                "x-kubernetes-validations": [{ rule: "self >= oldSelf", message: "only grows" }],
              },
            },
          },
        },
      },
    },
  },
};
const definition = {
  spec: {
    group: "g",
    names: { kind: "Foo", plural: "foos" },
    scope: "Namespaced",
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: SCHEMA } }],
  },
} as unknown as CustomResourceDefinition;
const { schema } = compileCustomSchema(definition, "v1");
const foo = (spec: object, name = "f") => ({ apiVersion: "g/v1", kind: "Foo", metadata: { name }, spec });
const told = (now: object, before?: object, name?: string) =>
  schema
    .validate?.(foo(now, name), before === undefined ? undefined : foo(before))
    .map((one) => `${one.field}: ${one.message}`);

test.each([
  [{ min: 1, max: 2 }, undefined, undefined, []],
  [{ min: 3, max: 2 }, undefined, undefined, ['spec.min: Invalid value: "object": min 3 is above max']],
  [{ min: 1, max: 2 }, undefined, "bad", ['<nil>: Invalid value: "object": not this name']],
  [{ min: 1, max: 2, share: 1 }, undefined, undefined, []],
  [
    { min: 1, max: 2, share: 1.5 },
    undefined,
    undefined,
    ['spec.share: Invalid value: "number": failed rule: self <= 1.0'],
  ],
  [{ min: 1, max: 2, fixed: "b" }, { min: 1, max: 2, fixed: "a" }, undefined, ["spec: Forbidden: fixed never changes"]],
  [
    { min: 1 },
    undefined,
    undefined,
    ['spec: Invalid value: "object": failed rule: self.min <= self.max: no such key: max'],
  ],
  [
    {
      min: 1,
      max: 2,
      items: [
        { name: "n", size: 9 },
        { name: "a", size: 1 },
      ],
    },
    { min: 1, max: 2, items: [{ name: "a", size: 2 }] },
    undefined,
    ['spec.items[1].size: Invalid value: "integer": only grows'],
  ],
  [
    { min: "x", max: 2 },
    undefined,
    undefined,
    ['spec.min: Invalid value: "string": spec.min in body must be of type integer: "string"'],
  ],
])("%j after %j", (now, before, name, faults) => {
  expect(told(now, before, name)).toEqual(faults);
});

test("a definition tells which of its rules is none", () => {
  const rules = (...list: string[]) => ({ "x-kubernetes-validations": list.map((rule) => ({ rule })) });
  const list = { type: "array", items: { type: "integer", ...rules("self >= oldSelf") } };
  const faults = structuralFaults(
    {
      type: "object",
      properties: { a: { type: "string", ...rules("self ==", "other", "") }, list },
    } as JSONSchemaProps,
    "schema",
  );
  expect(faults.map((one) => `${one.field}: ${one.message}`)).toEqual([
    "schema.properties[a].x-kubernetes-validations[0].rule: Invalid value: \"self ==\": compilation failed: ERROR: <input>:1:8: Syntax error: mismatched input '<EOF>'",
    "schema.properties[a].x-kubernetes-validations[1].rule: Invalid value: \"other\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'other' (in container '')",
    "schema.properties[a].x-kubernetes-validations[2].rule: Required value: rule is not specified",
    'schema.properties[list].items.x-kubernetes-validations[0].rule: Invalid value: "self >= oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema',
  ]);
});
