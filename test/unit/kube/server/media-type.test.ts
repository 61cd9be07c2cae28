import { expect, test } from "bun:test";
import { jsonBody, plainWishOf, wishOf } from "../../../../src/kube/server/media-type.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";

test.each([
  [undefined, { format: "json", shape: "object" }],
  ["*/*", { format: "json", shape: "object" }],
  ["application/yaml", { format: "yaml", shape: "object" }],
  [`${TABLE},application/json`, { format: "json", shape: "table", version: "v1" }],
  ["application/vnd.kubernetes.protobuf,application/json", { format: "json", shape: "object" }],
  [
    "application/json;as=Table;v=v9;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io",
    { shape: "table", version: "v1beta1" },
  ],
  ["application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", { shape: "metadata" }],
  ["application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json", { discovery: "v2" }],
  ["text/plain;q=0.9, application/json;q=0.2, application/yaml;q=0.5", { format: "yaml" }],
])("Accept: %s", (accept, wish) => {
  expect(wishOf(accept)).toMatchObject(wish);
});

test("what cannot be had is refused", () => {
  expect(() => wishOf("image/png")).toThrow("only the following media types are accepted");
  expect(() => plainWishOf(TABLE)).toThrow("only the following media types are accepted");
  expect(plainWishOf(`${TABLE},application/json`)).toMatchObject({ shape: "object" });
});

test("bodies: JSON, YAML 1.1, nothing else", () => {
  expect(jsonBody("application/json; charset=utf-8", Buffer.from('{"a":1}'))).toBe('{"a":1}');
  expect(jsonBody("application/yaml", Buffer.from("a: yes\nb: 0644\nc: 'no'"))).toBe('{"a":true,"b":420,"c":"no"}');
  expect(() => jsonBody("text/csv", Buffer.from("a"))).toThrow("unknown format");
  expect(() => jsonBody("application/yaml", Buffer.from("a: ["))).toThrow("error converting YAML to JSON");
});
