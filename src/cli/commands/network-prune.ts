import { defineCommand, noArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, filter } from "../flag-types.ts";
import { pruneNetworks } from "../prune.ts";

const WARNING =
  "WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?";

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Remove every network that no container uses",
  args: noArgs,
  flags: {
    filter: filter('Provide filter values (e.g. "until=<timestamp>")', { short: undefined }),
    force: bool("Do not ask first", { short: "f" }),
  },
  async run({ flags, context }) {
    if (!flags.force && !confirm(context, WARNING)) return;
    const { text } = await pruneNetworks(await context.client(), flags.filter);
    if (text !== "") context.print(`${text}\n`);
  },
});
