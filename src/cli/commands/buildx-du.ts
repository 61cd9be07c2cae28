import { cacheTotals, listCache } from "../build/cache-records.ts";
import { builderFlags, refuseOtherBuilder } from "../build/one-builder.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, noArgs } from "../command.ts";
import { bool, filter, string } from "../flag-types.ts";
import { recordTable } from "./buildx-prune.ts";

export const command = defineCommand({
  usage: "",
  summary: "Disk space of the builder's cache",
  args: noArgs,
  flags: {
    ...builderFlags,
    filter: filter('Provide filter values (e.g. "type=regular")', { short: undefined }),
    format: string('"json" for an object a line'),
    verbose: bool("A paragraph a record"),
  },
  async run({ flags, context }) {
    refuseOtherBuilder(flags.builder);
    if (!["", "json", "pretty", "table"].includes(flags.format)) {
      throw new CliError("the format of du is json, pretty or table: use 'system df -v --format' for templates");
    }
    const records = await listCache(await context.client(), flags.filter);
    if (flags.format === "json") {
      for (const record of records) context.print(`${JSON.stringify({ ...record, Reclaimable: !record.InUse })}\n`);
      return;
    }
    if (records.length > 0) context.print(recordTable(records, flags.verbose || flags.format === "pretty"));
    context.print(cacheTotals(records));
  },
});
