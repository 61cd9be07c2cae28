import { humanSize } from "../../lib/human-size.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, noArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, filter } from "../flag-types.ts";
import { pruneVolumes } from "../prune.ts";

const warning = (which: string) =>
  `WARNING! This will remove ${which} volumes not used by at least one container.\nAre you sure you want to continue?`;

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Remove volumes that nobody uses",
  args: noArgs,
  flags: {
    all: bool("Every volume that no container uses, not only unnamed ones", { short: "a" }),
    filter: filter('Provide filter values (e.g. "label=<label>")', { short: undefined }),
    force: bool("Do not ask first", { short: "f" }),
  },
  async run({ flags, context }) {
    const { all } = flags;
    if (all && flags.filter.all) {
      throw new CliError(`conflicting options: cannot specify both --all and --filter all=${flags.filter.all[0]}`);
    }
    if (!flags.force && !confirm(context, warning(all ? "all local" : "anonymous local"))) return;
    const filters = all ? { ...flags.filter, all: ["true"] } : flags.filter;
    const report = await pruneVolumes(await context.client(), filters);
    if (report.text !== "") context.print(`${report.text}\n`);
    context.print(`Total reclaimed space: ${humanSize(report.reclaimedBytes)}\n`);
  },
});
