import { humanSize } from "../../lib/human-size.ts";
import { defineCommand, noArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, filter } from "../flag-types.ts";
import { pruneImages } from "../prune.ts";

const QUESTION = "Are you sure you want to continue?";
const DANGLING_WARNING = `WARNING! This will remove all dangling images.\n${QUESTION}`;
const ALL_WARNING = `WARNING! This will remove all images without at least one container associated to them.\n${QUESTION}`;

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Remove images that nobody uses",
  args: noArgs,
  flags: {
    all: bool("Every image that no container uses, not only nameless ones", { short: "a" }),
    filter: filter('Provide filter values (e.g. "until=<timestamp>")', { short: undefined }),
    force: bool("Do not ask first", { short: "f" }),
  },
  async run({ flags, context }) {
    if (!flags.force && !confirm(context, flags.all ? ALL_WARNING : DANGLING_WARNING)) return;
    const report = await pruneImages(await context.client(), flags.filter, flags.all);
    if (report.text !== "") context.print(`${report.text}\n`);
    context.print(`Total reclaimed space: ${humanSize(report.reclaimedBytes)}\n`);
  },
});
