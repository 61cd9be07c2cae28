/**
 * Rules that say which tags and untagged manifests stay. A tag goes when at least one rule judges it and none keeps it, so
 * rules only ever add reasons to stay:
 *
 *     - repositories: ["team/**"]
 *       tags: ["ci-*"]          # the tags this rule judges; left out: all
 *       keepNewest: 10          # the newest ten of them
 *       keepYounger: 30d        # those set less than 30 days ago
 *       keep: ["latest", "/^v\d+/"]
 *       untagged: 7d            # manifests without a tag go after 7 days
 */
import { NaruError } from "../../lib/errors.ts";
import type { SettingReader } from "../config/setting-reader.ts";
import { anyOf, type NamePattern, parsePattern } from "../repository-pattern.ts";

export interface RetentionRule {
  /** Where the rule stands, for the plan's reasons: "retention.rules[0]". */
  name: string;
  repositories: NamePattern;
  /** Undefined: the rule judges no tags, only untagged manifests. */
  tags: NamePattern | undefined;
  keep: NamePattern;
  keepNewest: number | undefined;
  keepYoungerMs: number | undefined;
  untaggedMs: number | undefined;
}

/** @throws {NaruError} invalid naming the key */
export function parseRetentionRule(section: SettingReader): RetentionRule {
  const name = section.pathOf("").replace(/\.$/, "");
  const patterns = (key: string) => section.texts(key)?.map(parsePattern);
  const [repositories, tags, keep] = [patterns("repositories"), patterns("tags"), patterns("keep")];
  const rule = {
    keepNewest: section.integer("keepNewest"),
    keepYoungerMs: section.duration("keepYounger"),
    untaggedMs: section.duration("untagged"),
  };
  section.done();
  if (repositories === undefined) throw new NaruError("invalid", `${name}.repositories is missing`);
  const judgesTags =
    tags !== undefined || keep !== undefined || rule.keepNewest !== undefined || rule.keepYoungerMs !== undefined;
  if (!judgesTags && rule.untaggedMs === undefined) {
    throw new NaruError("invalid", `${name} removes nothing: give keepNewest, keepYounger, keep or untagged`);
  }
  return {
    name,
    repositories: anyOf(repositories),
    tags: judgesTags ? anyOf(tags ?? [() => true]) : undefined,
    keep: anyOf(keep ?? []),
    ...rule,
  };
}
