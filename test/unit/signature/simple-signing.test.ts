import { describe, expect, test } from "bun:test";
import { hasAnnotations, readPayload, writePayload } from "../../../src/signature/simple-signing.ts";

const DIGEST = `sha256:${"a".repeat(64)}` as const;
const CRITICAL = {
  identity: { "docker-reference": "registry.test/app" },
  image: { "docker-manifest-digest": DIGEST },
  type: "cosign container image signature",
};

test("a payload says what cosign's and containers/image's readers expect, in their types", () => {
  const text = writePayload(
    { dockerReference: "registry.test/app:1", digest: DIGEST, annotations: { env: "prod" } },
    5999,
  );
  expect(JSON.parse(text)).toEqual({
    critical: { ...CRITICAL, identity: { "docker-reference": "registry.test/app:1" } },
    optional: { creator: expect.stringMatching(/^naru \d/), timestamp: 5, env: "prod" },
  });
  expect(readPayload(text)).toMatchObject({ dockerReference: "registry.test/app:1", digest: DIGEST });
});

test.each([
  ["null", null],
  ["absent", undefined],
  ["an object", {}],
])("optional may be %s", (_, optional) => {
  expect(readPayload(JSON.stringify({ critical: CRITICAL, optional })).optional).toEqual({});
});

test.each([
  ["no JSON", "{", "JSON"],
  ["a list", "[]", "the text is no object"],
  ["another part", JSON.stringify({ critical: CRITICAL, more: 1 }), 'unknown part "more"'],
  ["a critical part that is not understood", JSON.stringify({ critical: { ...CRITICAL, until: 1 } }), '"until"'],
  ["another type", JSON.stringify({ critical: { ...CRITICAL, type: "atomic container signature" } }), "its type is"],
  ["no digest", JSON.stringify({ critical: { ...CRITICAL, image: {} } }), "it names no digest"],
  [
    "a digest that is none",
    JSON.stringify({ critical: { ...CRITICAL, image: { "docker-manifest-digest": "sha256:x" } } }),
    "it names no digest",
  ],
  ["no name", JSON.stringify({ critical: { ...CRITICAL, identity: {} } }), "it names no image"],
  ["a list of annotations", JSON.stringify({ critical: CRITICAL, optional: [] }), "optional is no object"],
])("refuses %s", (_, text, words) => {
  expect(() => readPayload(text)).toThrow(words);
});

describe("annotations", () => {
  const claims = { dockerReference: "x", digest: DIGEST, type: CRITICAL.type, optional: { env: "prod", build: 7 } };
  test.each([
    [{}, true],
    [{ env: "prod" }, true],
    [{ build: "7" }, true],
    [{ env: "test" }, false],
    [{ env: "prod", who: "x" }, false],
    [{ toString: "x" }, false],
  ])("%j", (wanted, expected) => {
    expect(hasAnnotations(claims, wanted as Record<string, string>)).toBe(expected);
  });
});
