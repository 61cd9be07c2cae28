/** What BuildKit clients name as caches, and what of it is refused. */
import { describe, expect, test } from "bun:test";
import { cacheOriginOf, cacheTargetOf } from "../../../src/build/buildkit/client-caches.ts";

const { signal } = new AbortController();
const target =
  (Type: string, Attrs: Record<string, string> = {}) =>
  () =>
    cacheTargetOf({ Type, Attrs }, undefined, signal);
const origin =
  (Type: string, Attrs: Record<string, string> = {}) =>
  () =>
    cacheOriginOf({ Type, Attrs }, undefined);

describe("caches of BuildKit clients", () => {
  test("those in registries and images", () => {
    expect(target("inline")()).toEqual({ type: "inline" });
    const wanted = { ref: "r/c:1", mode: "max", compression: "zstd" };
    expect(target("registry", wanted)()).toEqual({
      type: "registry",
      ref: "r/c:1",
      mode: "max",
      attributes: { compression: "zstd" },
    });
    expect(origin("registry", { ref: "r/c:1" })()).toEqual({ type: "registry", ref: "r/c:1", attributes: {} });
  });

  test.each([
    ["an unknown service", target("gha"), "cache export to gha (GitHub's cache service) is not supported"],
    ["another one", origin("s3"), "cache import from s3 (an S3 bucket) is not supported: use type=registry or local"],
    [
      "the third",
      target("azblob"),
      "azblob (Azure's blob storage) is not supported: use type=registry, inline or local",
    ],
    ["an unknown kind", origin("zz"), "cache import from zz is not supported"],
    ["a bad mode", target("registry", { ref: "c", mode: "mid" }), "invalid mode mid of a cache export: use min or max"],
    [
      "a compression of others",
      target("registry", { ref: "c", compression: "estargz" }),
      "compression estargz of a cache export is not supported: use gzip, zstd or uncompressed",
    ],
    ["no reference", origin("registry"), "needs ref=NAME"],
    ["no directory", target("local"), "a cache of type local needs dest=DIRECTORY"],
    ["no session", origin("local", { src: "/x" }), "without a session"],
  ])("%s is refused", (_, make, text) => {
    expect(make).toThrow(text);
  });
});
