import { describe, expect, test } from "bun:test";
import { parseRoute, type RegistryRoute } from "../../../src/registry/http/route.ts";

describe("parseRoute()", () => {
  const rows: [path: string, route: RegistryRoute | undefined][] = [
    ["/v2", { kind: "base" }],
    ["/v2/", { kind: "base" }],
    ["/v2/_catalog", { kind: "catalog" }],
    ["/v2/a/tags/list", { kind: "tags", name: "a" }],
    ["/v2/a/b/c/tags/list", { kind: "tags", name: "a/b/c" }],
    ["/v2/tags/list/tags/list", { kind: "tags", name: "tags/list" }],
    ["/v2/a/manifests/v1", { kind: "manifest", name: "a", reference: "v1" }],
    ["/v2/manifests/manifests/manifests", { kind: "manifest", name: "manifests", reference: "manifests" }],
    ["/v2/a/manifests/sha256%3Aab", { kind: "manifest", name: "a", reference: "sha256:ab" }],
    ["/v2/a/blobs/sha256:ab", { kind: "blob", name: "a", digest: "sha256:ab" }],
    ["/v2/a/blobs/uploads/", { kind: "uploads", name: "a" }],
    ["/v2/a/blobs/uploads", { kind: "uploads", name: "a" }],
    ["/v2/a/blobs/uploads/id", { kind: "upload", name: "a", id: "id" }],
    ["/v2/a/blobs/blobs/uploads/", { kind: "uploads", name: "a/blobs" }],
    ["/v2/a/referrers/sha256:ab", { kind: "referrers", name: "a", digest: "sha256:ab" }],
    ["/v2/_naru/collection", { kind: "collection" }],
    ["/v2/_naru/repositories/a/b", { kind: "repository", name: "a/b" }],
    ["/", undefined],
    ["/v1/", undefined],
    ["/v2/a", undefined],
    ["/v2/a/tags", undefined],
    ["/v2/a/manifests/", undefined],
    ["/v2/manifests/x", undefined],
  ];
  for (const [path, route] of rows) test(path, () => expect(parseRoute(path)).toEqual(route));
  test("refuses what cannot be decoded", () =>
    expect(() => parseRoute("/v2/%ff/tags/list")).toThrow("cannot be decoded"));
});
