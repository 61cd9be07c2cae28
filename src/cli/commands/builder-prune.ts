import { humanSize } from "../../lib/human-size.ts";
import { type CommandContext, defineCommand, noArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, bytes, filter } from "../flag-types.ts";

export const command = defineCommand({
  usage: "",
  summary: "Remove what builds have cached",
  args: noArgs,
  flags: {
    all: bool("Everything, not only what no image has", { short: "a" }),
    filter: filter('Provide filter values (e.g. "until=24h")', { short: undefined }),
    force: bool("Do not ask first", { short: "f" }),
    "keep-storage": bytes("Disk space that the cache keeps"),
  },
  async run({ flags, context }) {
    if (!flags.force && !confirm(context, pruneQuestion(flags.all))) return;
    const { filter: filters, all } = flags;
    const reserved = flags["keep-storage"] || undefined;
    const report = await pruneCache(context, { all, filters, "keep-storage": reserved });
    if (report.ids.length > 0) context.print(`Deleted build cache objects:\n${report.ids.join("\n")}\n\n`);
    context.print(`Total:\t${humanSize(report.bytes, 4)}\n`);
  },
});

export function pruneQuestion(all: boolean): string {
  const what = all ? "all build cache" : "all dangling build cache";
  return `WARNING! This will remove ${what}. Are you sure you want to continue?`;
}

/** `POST /build/prune`. */
export async function pruneCache(
  context: CommandContext,
  query: Record<string, boolean | number | undefined | Record<string, string[]>>,
): Promise<{ ids: string[]; bytes: number }> {
  const client = await context.client();
  const report = await client.post<{ CachesDeleted: string[] | null; SpaceReclaimed: number }>("/build/prune", {
    query,
  });
  return { ids: report.CachesDeleted ?? [], bytes: report.SpaceReclaimed };
}
