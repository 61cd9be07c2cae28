import { expect, test } from "bun:test";
import { objectPatch } from "../../../../src/cli/kubectl/apply-patch.ts";

const STRATEGIC = "application/strategic-merge-patch+json";
const MERGE = "application/merge-patch+json";
const patchOf = (last: object, wanted: object, live: object) => objectPatch({ group: "" }, { last, wanted, live });
const service = (ports: readonly object[]) => ({ spec: { ports } });
const UDP = { name: "dns", port: 53, protocol: "UDP" };
const TCP = { name: "dns-tcp", port: 53, protocol: "TCP" };
const known = [
  { ...UDP, targetPort: 53 },
  { ...TCP, targetPort: 53 },
];

test("two ports of one number stay two", () => {
  const file = service([UDP, TCP]);
  expect(patchOf(file, file, service(known))).toEqual({ body: {}, contentType: STRATEGIC });
});

test("one of two ports of one number changes: the whole list is sent", () => {
  const wanted = service([UDP, { ...TCP, targetPort: 5353 }]);
  expect(patchOf(service([UDP, TCP]), wanted, service(known))).toEqual({
    body: { spec: { ports: [UDP, { ...TCP, targetPort: 5353 }] } },
    contentType: MERGE,
  });
});

test("elements with keys of their own are merged", () => {
  const before = service([{ name: "a", port: 1 }, { name: "b", port: 2 }]); // biome-ignore format: short
  const live = service([{ name: "a", port: 1, protocol: "TCP" }, { name: "b", port: 2, protocol: "TCP" }]); // biome-ignore format: short
  expect(patchOf(before, service([{ name: "c", port: 1 }]), live).body).toEqual({
    spec: {
      "$setElementOrder/ports": [{ port: 1 }],
      ports: [{ name: "c", port: 1 }, { $patch: "delete", port: 2 }],
    },
  }); // biome-ignore format: short
});

test("what left the file goes, what others added stays", () => {
  const live = { data: { a: "1", b: "2", other: "3" } };
  expect(patchOf({ data: { a: "1", b: "2" } }, { data: { a: "5" } }, live).body).toEqual({
    data: { a: "5", b: null },
  });
});

test("lists of custom resources take the place of what is there", () => {
  const parts = { last: service([UDP]), wanted: service([UDP, TCP]), live: service([{ ...UDP, targetPort: 53 }]) };
  expect(objectPatch({ group: "example.com" }, parts)).toEqual({
    body: { spec: { ports: [UDP, TCP] } },
    contentType: MERGE,
  });
});
