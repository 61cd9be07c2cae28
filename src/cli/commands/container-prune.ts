import { humanSize } from "../../lib/human-size.ts";
import { defineCommand, noArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, filter } from "../flag-types.ts";
import { pruneContainers } from "../prune.ts";

const WARNING = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?";

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Remove every container that does not run",
  args: noArgs,
  flags: {
    filter: filter('Provide filter values (e.g. "until=<timestamp>")', { short: undefined }),
    force: bool("Do not ask first", { short: "f" }),
  },
  async run({ flags, context }) {
    if (!flags.force && !confirm(context, WARNING)) return;
    const report = await pruneContainers(await context.client(), flags.filter);
    if (report.text !== "") context.print(`${report.text}\n`);
    context.print(`Total reclaimed space: ${humanSize(report.reclaimedBytes)}\n`);
  },
});
