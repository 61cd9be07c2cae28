import type { ImageHistoryItem } from "../../model/image.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { bool, format, string } from "../flag-types.ts";
import { printRows } from "../format.ts";
import { objectPath } from "../object-path.ts";
import { platformQuery } from "../platform.ts";
import { historyKind, historyRow } from "../rows/history-row.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE",
  summary: "Show how an image came about",
  aliases: ["image history", "history"],
  args: exactArgs(1),
  flags: {
    format: format(),
    human: bool("Sizes and dates for people rather than machines", { short: "H", initial: true }),
    "no-trunc": bool("Show whole ids and texts"),
    platform: string('Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")'),
    quiet: bool("Ids only", { short: "q" }),
  },
  async run({ flags, args, context }) {
    const client = await context.client();
    const items = await client.get<ImageHistoryItem[]>(`${objectPath("image", args[0]!)}/history`, {
      query: { platform: platformQuery(flags.platform) },
    });
    const rows = items.map((item) => historyRow(item, !flags["no-trunc"], flags.human));
    printRows(context, historyKind(flags.human), rows, { format: flags.format, quiet: flags.quiet });
  },
});
