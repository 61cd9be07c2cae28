import { expect, test } from "bun:test";
import type { Digest } from "../../../src/model/image.ts";
import { SettingReader } from "../../../src/registry/config/setting-reader.ts";
import { type ManifestFact, planRetention, type TagFact } from "../../../src/registry/retention/plan.ts";
import { parseRetentionRule } from "../../../src/registry/retention/rules.ts";

const DAY = 86_400_000;
const NOW = 1000 * DAY;
const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;

/** "v1=a@3": the tag v1 names manifest a…, set 3 days ago. */
function tags(...texts: string[]): TagFact[] {
  return texts.map((text) => {
    const [, name, letter, days] = /^(.+)=(.)@(\d+)$/.exec(text)!;
    return { name: name!, digest: digest(letter!), updatedAt: NOW - Number(days) * DAY };
  });
}
/** "i@3>ab" holds a and b; "s@3^a" belongs to a. */
function manifests(...texts: string[]): ManifestFact[] {
  return texts.map((text) => {
    const [, letter, days, children = "", subject] = /^(.)@(\d+)(?:>(\w+))?(?:\^(.))?$/.exec(text)!;
    return {
      digest: digest(letter!),
      storedAt: NOW - Number(days) * DAY,
      children: [...children].map(digest),
      subject: subject === undefined ? undefined : digest(subject),
      bytes: 1,
    };
  });
}
const rules = (...sections: Record<string, unknown>[]) =>
  sections.map((section, index) =>
    parseRetentionRule(SettingReader.of({ repositories: ["**"], ...section }, `rules[${index}]`)),
  );
const planned = (facts: { tags: TagFact[]; manifests: ManifestFact[] }, ...sections: Record<string, unknown>[]) =>
  planRetention({ repository: "team/app", ...facts }, rules(...sections), NOW)
    .map(({ tag, digest, reason }) => `${tag ?? digest[7]}: ${reason}`)
    .join("\n");

test("planRetention() keeps the newest N and takes the manifests of the others along", () => {
  const facts = { tags: tags("v1=a@9", "v2=b@5", "v3=c@1", "also=c@8"), manifests: manifests("a@9", "b@5", "c@1") };
  expect(planned(facts, { tags: ["v*"], keepNewest: 1 })).toBe(
    [
      "v1: number 3 by age, of which 1 stay (rules[0])",
      "v2: number 2 by age, of which 1 stay (rules[0])",
      "a: its last tag goes (v1)",
      "b: its last tag goes (v2)",
    ].join("\n"),
  );
});

test("planRetention() lets every rule add reasons to stay", () => {
  const facts = { tags: tags("a=a@40", "latest=b@50", "c=c@2"), manifests: manifests("a@40", "b@50", "c@2") };
  expect(planned(facts, { keepYounger: "30d" }, { tags: ["latest"], keep: ["latest"] })).toBe(
    "a: set 40 d ago, kept for 30 d (rules[0])\na: its last tag goes (a)",
  );
});

test("planRetention() never removes what an index that stays holds", () => {
  const facts = { tags: tags("multi=i@1", "amd=a@90"), manifests: manifests("i@1>ab", "a@90", "b@90") };
  expect(planned(facts, { keepYounger: "30d", untagged: "1d" })).toBe("amd: set 90 d ago, kept for 30 d (rules[0])");
});

test("planRetention() removes an index before its children, and what is attached to any of them with it", () => {
  const facts = {
    tags: tags("old=i@90", `sha256-${"a".repeat(64)}.sig=t@1`),
    manifests: manifests("i@90>a", "a@90", "s@1^i", "b@1^s", "t@1"),
  };
  expect(planned(facts, { keepYounger: "30d" })).toBe(
    [
      "old: set 90 d ago, kept for 30 d (rules[0])",
      `sha256-${"a".repeat(64)}.sig: belongs to sha256:aaaaaaaaaaaa, which goes`,
      "i: its last tag goes (old)",
      "a: the index that held it goes (sha256:iiiiiiiiiiii)",
      "t: no tag names it",
      "s: belongs to sha256:iiiiiiiiiiii, which goes",
      "b: belongs to sha256:ssssssssssss, which goes",
    ].join("\n"),
  );
});

test("planRetention() keeps signatures of what stays, by referrer and by tag, whatever the rules say of their age", () => {
  const facts = {
    tags: tags("v1=a@1", `sha256-${"a".repeat(64)}=t@90`, `sha256-${"f".repeat(64)}.sig=u@90`),
    manifests: manifests("a@1", "s@90^a", "t@90", "u@90"),
  };
  // f is not here: what u belongs to may still come, so its tag stays and with it its manifest.
  expect(planned(facts, { keepYounger: "30d", untagged: "1d" })).toBe("");
});

test("planRetention() removes untagged manifests only after their time, and only where a rule says so", () => {
  const facts = { tags: tags("v=a@1"), manifests: manifests("a@1", "x@9", "y@2") };
  expect(planned(facts, { untagged: "7d" })).toBe("x: no tag names it");
  expect(planned(facts, { keepNewest: 5 })).toBe("");
  expect(
    planRetention({ repository: "other", ...facts }, rules({ repositories: ["team/**"], untagged: "0s" }), NOW),
  ).toEqual([]);
});

test("parseRetentionRule() refuses what removes nothing or is unknown", () => {
  expect(() => rules({})).toThrow("rules[0] removes nothing: give keepNewest, keepYounger, keep or untagged");
  expect(() => rules({ keepNewst: 3 })).toThrow("rules[0].keepNewst is no setting; in rules[0] are: keep, keepNewest");
  expect(() => rules({ keepYounger: "soon" })).toThrow('rules[0].keepYounger is "soon"; write a duration such as');
  expect(() => rules({ keep: ["/(/"], keepNewest: 1 })).toThrow("the pattern /(/ cannot be read");
});
