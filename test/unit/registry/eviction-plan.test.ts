import { expect, test } from "bun:test";
import type { Digest } from "../../../src/model/image.ts";
import { type CachedManifest, planEviction } from "../../../src/registry/cache/eviction.ts";

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;

/** "a@5 x10 y20": manifest a, used at 5, with blobs x of 10 bytes and y of 20; ">bc" holds b and c. */
function manifests(...texts: string[]): CachedManifest[] {
  return texts.map((text) => {
    const [head = "", ...blobs] = text.split(" ");
    const [, letter = "", usedAt = "", children = ""] = /^(.)@(\d+)(?:>(\w+))?$/.exec(head)!;
    return {
      repository: "up/app",
      digest: digest(letter),
      usedAt: Number(usedAt),
      tags: [],
      content: blobs.map((blob) => ({ digest: digest(blob[0]!), size: Number(blob.slice(1)) })),
      children: [...children].map(digest),
    };
  });
}
const evicted = (texts: string[], limits: { maxBytes?: number; maxAgeMs?: number }) => {
  const plan = planEviction(manifests(...texts), { maxBytes: limits.maxBytes, maxAgeMs: limits.maxAgeMs }, 100);
  return `${plan.evicted.map((manifest) => manifest.digest[7]).join("")} ${plan.bytes}`;
};

test.each([
  ["nothing is too much", ["a@1 x10"], { maxBytes: 10 }, " 10"],
  ["the longest unused goes first", ["a@5 x10", "b@1 y10", "c@9 z10"], { maxBytes: 20 }, "b 20"],
  ["what others share frees nothing", ["a@1 x90 p1", "b@2 x90 q1", "c@3 r1"], { maxBytes: 90 }, "ab 1"],
  ["age alone", ["a@1 x10", "b@60 y10"], { maxAgeMs: 50 }, "a 10"],
  ["an image is as young as its index", ["i@90>ab m1", "a@1 x10", "b@1 y10", "c@50 z10"], { maxBytes: 21 }, "c 21"],
  ["using an image is using its index", ["i@1>a m1", "a@90 x10", "c@50 z10"], { maxBytes: 11 }, "c 11"],
] as [string, string[], { maxBytes?: number; maxAgeMs?: number }, string][])(
  "planEviction(): %s",
  (_, texts, limits, plan) => {
    expect(evicted(texts, limits)).toBe(plan);
  },
);
