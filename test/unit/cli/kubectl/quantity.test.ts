import { expect, test } from "bun:test";
import { metadataField } from "../../../../src/cli/kubectl/metadata-field.ts";
import { parseQuantity, wholeUnits } from "../../../../src/cli/kubectl/quantity.ts";

test.each([
  ["500m", 1, 1],
  ["500m", 1e-3, 500],
  ["570m", 1e-3, 570],
  ["2500001n", 1e-3, 3],
  ["128Mi", 1, 134_217_728],
  ["1e3", 1, 1000],
  ["2", 1e-3, 2000],
  ["0", 1, 0],
])("%p in units of %p", (text, unit, whole) => {
  expect(wholeUnits(parseQuantity(text), unit)).toBe(whole);
});

test("an amount knows its system", () => {
  expect(parseQuantity("1Gi")).toEqual({ value: 1024 ** 3, isBinary: true });
  expect(parseQuantity("1G")).toEqual({ value: 1e9, isBinary: false });
  expect(parseQuantity(undefined)).toEqual({ value: 0, isBinary: false });
});

const METADATA = { name: "web", labels: { "app.kubernetes.io/name": "web", b: 'two "words"' } };
test.each([
  ["metadata.name", "web"],
  ["metadata.uid", ""],
  ["metadata.labels['app.kubernetes.io/name']", "web"],
  ["metadata.annotations['x']", ""],
  ["metadata.labels", 'app.kubernetes.io/name="web"\nb="two \\"words\\""'],
  ["spec.nodeName", undefined],
])("the field %p", (path, value) => {
  expect(metadataField(METADATA, path)).toBe(value);
});
