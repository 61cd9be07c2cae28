/** Limits of bytes: for the whole registry, for a pattern of repositories together, or for each repository of a pattern. */
import { NaruError } from "../../lib/errors.ts";
import { asBytes, type SettingReader } from "../config/setting-reader.ts";
import { anyOf, type NamePattern, parsePattern } from "../repository-pattern.ts";

export interface Quota {
  /** As it was written: "team/**". */
  name: string;
  repositories: NamePattern;
  maxBytes: number;
  /** What shares the limit: all that match, each repository, or each first part of a name. */
  per: "all" | "repository" | "namespace";
}

/** @throws {NaruError} invalid naming the key */
export function parseQuota(section: SettingReader): Quota {
  const patterns = section.texts("repositories") ?? ["**"];
  const quota = {
    name: patterns.join(" "),
    repositories: anyOf(patterns.map(parsePattern)),
    maxBytes: section.required("maxBytes", asBytes),
    per: section.oneOf("per", ["all", "repository", "namespace"]) ?? "all",
  } as const;
  section.done();
  if (quota.maxBytes === 0)
    throw new NaruError("invalid", `${section.pathOf("maxBytes")} is 0: nothing could be stored`);
  return quota;
}

/** True when both repositories count against the same limit. */
export function sharesLimit(quota: Quota, repository: string, other: string): boolean {
  if (!quota.repositories(other)) return false;
  if (quota.per === "repository") return repository === other;
  return quota.per === "all" || namespaceOf(repository) === namespaceOf(other);
}

/** What the limit is for, in words. */
export function limitSubject(quota: Quota, repository: string): string {
  if (quota.per === "repository") return `the repository ${repository}`;
  if (quota.per === "namespace") return `the namespace ${namespaceOf(repository)}`;
  return quota.name === "**" ? "this registry" : `the repositories ${quota.name}`;
}

function namespaceOf(repository: string): string {
  return repository.split("/")[0]!;
}
