import { humanSize } from "../../lib/human-size.ts";
import { type CacheRecord, lastUsedText, listCache } from "../build/cache-records.ts";
import { builderFlags, refuseOtherBuilder } from "../build/one-builder.ts";
import { defineCommand, noArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, bytes, filter } from "../flag-types.ts";
import { alignColumns } from "../tabwriter.ts";
import { pruneCache, pruneQuestion } from "./builder-prune.ts";

export const command = defineCommand({
  usage: "",
  summary: "Remove what builds have cached",
  args: noArgs,
  flags: {
    all: bool("Everything, not only what no image has", { short: "a" }),
    ...builderFlags,
    filter: filter('Provide filter values (e.g. "until=24h")', { short: undefined }),
    force: bool("Do not ask first", { short: "f" }),
    "max-used-space": bytes("What the cache may take at most"),
    "min-free-space": bytes("What is free on the disk afterwards"),
    "reserved-space": bytes("What the cache always keeps"),
    verbose: bool("Say more of each record"),
  },
  async run({ flags, context }) {
    refuseOtherBuilder(flags.builder);
    if (!flags.force && !confirm(context, pruneQuestion(flags.all))) return;
    const before = await listCache(await context.client(), {});
    const { ids, bytes: reclaimed } = await pruneCache(context, {
      all: flags.all,
      filters: flags.filter,
      "max-used-space": flags["max-used-space"] || undefined,
      "min-free-space": flags["min-free-space"] || undefined,
      "reserved-space": flags["reserved-space"] || undefined,
    });
    const gone = new Set(ids);
    const records = before.filter(({ ID }) => gone.has(ID));
    if (records.length > 0) context.print(recordTable(records, flags.verbose));
    context.print(`Total:\t${humanSize(reclaimed, 4)}\n`);
  },
});

/** As `buildx du` shows records: in a table, or a paragraph each. */
export function recordTable(records: readonly CacheRecord[], isVerbose: boolean): string {
  if (isVerbose) return records.map(recordParagraph).join("");
  const rows = records.map((record) => [
    record.ID,
    String(!record.InUse),
    `${humanSize(record.Size, 4)}${record.Shared ? "*" : ""}`,
    lastUsedText(record),
  ]);
  return alignColumns(
    `${[["ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED"], ...rows].map((row) => row.join("\t")).join("\n")}\n`,
  );
}

function recordParagraph(record: CacheRecord): string {
  const parents = record.Parents?.length ? `Parents:\n${record.Parents.map((id) => ` - ${id}\n`).join("")}` : "";
  const facts: [string, string][] = [
    ["Created at:", record.CreatedAt],
    ["Mutable:", String(record.Type === "exec.cachemount" || record.Type === "source.local")],
    ["Reclaimable:", String(!record.InUse)],
    ["Shared:", String(record.Shared)],
    ["Size:", humanSize(record.Size, 4)],
    ["Description:", record.Description],
    ["Usage count:", String(record.UsageCount)],
    ["Last used:", lastUsedText(record)],
    ["Type:", record.Type],
  ];
  const lines = facts.map(([name, value]) => `${name.padEnd(14)}${value}\n`).join("");
  return `${"ID:".padEnd(14)}${record.ID}\n${parents}${lines}\n`;
}
