import { expect, test } from "bun:test";
import { metadataField } from "../../../../src/cli/kubectl/metadata-field.ts";

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
