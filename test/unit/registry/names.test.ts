import { describe, expect, test } from "bun:test";
import {
  blobKey,
  digestOfKey,
  linkKey,
  manifestKey,
  partsOfLink,
  referrerKey,
  tagKey,
} from "../../../src/registry/keys.ts";
import {
  checkRepository,
  checkTag,
  checkUploadId,
  digestOf,
  newUploadId,
  parseDigest,
} from "../../../src/registry/names.ts";

const HEX = "a".repeat(64);
const code = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("checkRepository()", () => {
  const good = [
    "a",
    "0",
    "a/b",
    "library/debian",
    "a.b",
    "a_b",
    "a__b",
    "a-b",
    "a---b",
    `${"a".repeat(255)}`,
    "a1/b2/c3",
  ];
  const bad = [
    "",
    "A",
    "a/",
    "/a",
    "a//b",
    "a..b",
    "a___b",
    "-a",
    "a-",
    ".a",
    "a b",
    "a@b",
    "..",
    "a/../b",
    "é",
    "a\n",
    "a".repeat(256),
  ];
  for (const name of good)
    test(`takes ${name.slice(0, 20)}`, () => expect(code(() => checkRepository(name))).toBeUndefined());
  for (const name of bad) {
    test(`refuses ${JSON.stringify(name.slice(0, 20))}`, () =>
      expect(code(() => checkRepository(name))).toBe("NAME_INVALID"));
  }
});

describe("checkTag()", () => {
  for (const tag of ["a", "_", "1", "v1.0-rc_2", "A".repeat(128)]) {
    test(`takes ${tag.slice(0, 20)}`, () => expect(code(() => checkTag(tag))).toBeUndefined());
  }
  for (const tag of ["", ".", "..", "-a", ".a", "a/b", "a b", "a\n", "ü", "A".repeat(129)]) {
    test(`refuses ${JSON.stringify(tag.slice(0, 20))}`, () => expect(code(() => checkTag(tag))).toBe("TAG_INVALID"));
  }
});

describe("parseDigest()", () => {
  for (const digest of [`sha256:${HEX}`, `sha512:${HEX}${HEX}`]) {
    test(`takes ${digest.slice(0, 10)}`, () => expect(parseDigest(digest)).toBe(digest as never));
  }
  for (const digest of [
    "",
    "sha256",
    "sha256:",
    `sha256:${HEX.slice(1)}`,
    `sha256:${HEX.toUpperCase()}`,
    `md5:${HEX}`,
    HEX,
    `sha512:${HEX}`,
    `SHA256:${HEX}`,
    `sha256:${HEX}/..`,
    "__proto__:x",
    `constructor:${HEX}`,
  ]) {
    test(`refuses ${digest.slice(0, 20)}`, () => expect(code(() => parseDigest(digest))).toBe("DIGEST_INVALID"));
  }
});

test("an upload's id is good for its repository only", () => {
  const id = newUploadId("team/app");
  expect(code(() => checkUploadId("team/app", id))).toBeUndefined();
  for (const [repository, other] of [
    ["team/other", id],
    ["team/app", `${id}x`],
    ["team/app", "../root.lock"],
    ["team/app", ""],
  ]) {
    expect(code(() => checkUploadId(repository!, other!))).toBe("BLOB_UPLOAD_UNKNOWN");
  }
});

test("keys name one thing each, and can be read back", () => {
  const digest = digestOf(new TextEncoder().encode("x"));
  const hex = digest.slice(7);
  expect(blobKey(digest)).toBe(`blobs/sha256/${hex.slice(0, 2)}/${hex}`);
  expect(linkKey("team/app", digest)).toBe(`links/sha256/${hex.slice(0, 2)}/${hex}/team@app`);
  expect(tagKey("team/app", "v1")).toBe("repositories/team@app/tags/v1");
  expect(manifestKey("sha256", digest)).toBe(`repositories/sha256/manifests/sha256/${hex}`);
  expect(referrerKey("a", digest, digest)).toBe(`repositories/a/referrers/sha256/${hex}/sha256/${hex}`);
  for (const key of [blobKey(digest), manifestKey("sha256", digest), referrerKey("sha512", digest, digest)]) {
    expect(digestOfKey(key)).toBe(digest);
  }
  expect(partsOfLink(linkKey("sha512/a.b", digest))).toEqual({ digest, repository: "sha512/a.b" });
});
