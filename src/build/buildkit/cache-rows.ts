/** The build cache's rows as BuildKit clients see and filter them. */
import { NaruError } from "../../lib/errors.ts";
import type { BuildCacheRecord } from "../contract.ts";
import { timestamp } from "./build-job.ts";
import type { UsageRecord } from "./messages.ts";

interface RowFilter {
  field: string;
  operator: "==" | "!=" | "~=";
  value: string;
}

/**
 * Alternatives, of which one must hold: each text lists conditions that must all hold, "id==x,type!=y,description~=z", or a
 * field alone, which must be there (containerd's filters). @throws {NaruError} invalid
 */
export function parseRowFilters(texts: readonly string[]): RowFilter[][] {
  return texts.filter(Boolean).map((text) => text.split(",").map(parseCondition));
}

function parseCondition(text: string): RowFilter {
  const match = /^([\w.]+)(?:(==|!=|~=)(.*))?$/.exec(text.trim());
  if (match === null) throw new NaruError("invalid", `failed to parse filter ${JSON.stringify(text)}`);
  const [, field = "", operator, value = ""] = match;
  if (FIELDS[field] === undefined) throw new NaruError("invalid", `invalid filter ${field}`);
  const plain = value.replace(/^"(.*)"$/, "$1");
  return operator === undefined
    ? { field, operator: "!=", value: "" }
    : { field, operator: operator as RowFilter["operator"], value: plain };
}

const FIELDS: Record<string, (row: BuildCacheRecord) => string> = {
  id: ({ ID }) => ID,
  type: ({ Type }) => Type,
  description: ({ Description }) => Description,
  // A field without a value is one that is not there.
  inuse: ({ InUse }) => (InUse ? "true" : ""),
  mutable: (row) => (isMutable(row) ? "true" : ""),
  immutable: (row) => (isMutable(row) ? "" : "true"),
  shared: ({ Shared }) => (Shared ? "true" : ""),
  private: ({ Shared }) => (Shared ? "" : "true"),
  parent: ({ Parents }) => (Parents ?? []).join(";"),
  parents: ({ Parents }) => (Parents ?? []).join(";"),
};

export function matchesRow(filters: readonly RowFilter[][], row: BuildCacheRecord): boolean {
  return filters.length === 0 || filters.some((conditions) => conditions.every((one) => holds(one, row)));
}

function holds({ field, operator, value }: RowFilter, row: BuildCacheRecord): boolean {
  const found = FIELDS[field]!(row);
  if (operator === "~=") return patternOf(value).test(found);
  const isEqual = found === value || (value === "false" && found === "" && /inuse|mutable|shared|private/.test(field));
  return (operator === "==") === isEqual;
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw new NaruError("invalid", `the filter's pattern ${JSON.stringify(text)} is no regular expression`, { cause });
  }
}

function isMutable({ Type }: BuildCacheRecord): boolean {
  return Type === "exec.cachemount" || Type === "source.local";
}

export function usageRow(row: BuildCacheRecord): UsageRecord {
  return {
    ID: row.ID,
    Mutable: isMutable(row),
    InUse: row.InUse,
    Size: row.Size,
    Parent: "",
    CreatedAt: timestamp(Date.parse(row.CreatedAt)),
    ...(row.LastUsedAt === null ? {} : { LastUsedAt: timestamp(Date.parse(row.LastUsedAt)) }),
    UsageCount: row.UsageCount,
    Description: row.Description,
    RecordType: row.Type,
    Shared: row.Shared,
    Parents: row.Parents ?? [],
  };
}

/** The same for a prune, whose filters are names with one value each. @throws {NaruError} invalid */
export function pruneFilters(texts: readonly string[]): Map<string, string[]> {
  const alternatives = parseRowFilters(texts);
  if (alternatives.length > 1)
    throw new NaruError("invalid", "a prune takes one filter: join its conditions by commas");
  const filters = new Map<string, string[]>();
  for (const { field, operator, value } of alternatives[0] ?? []) {
    const isPresence = operator === "!=" && value === "";
    if (operator === "!=" && !isPresence) {
      throw new NaruError("invalid", `the filter ${field}!=${value} is not supported in a prune: use ${field}==VALUE`);
    }
    filters.set(field, isPresence ? ["true"] : [value]);
  }
  return filters;
}
