import { maxArgs } from "../command.ts";
import { command as showStats } from "../commands/stats.ts";
import { defineComposeCommand } from "./declaration.ts";
import { listProjectContainers } from "./project-containers.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE]",
  summary: "Show what the services' containers use, again and again",
  args: maxArgs(1),
  dryRun: "reads",
  flags: showStats.flags,
  async run({ flags, args, given, context }) {
    const name = await context.projectName();
    const client = await context.client();
    const containers = await listProjectContainers(client, name, { all: flags.all, services: args });
    if (containers.length === 0) {
      const whose = args.length === 0 ? `project ${name}` : `service ${args[0]}`;
      context.printError(`no container of ${whose} ${flags.all ? "is there" : "runs"}\n`);
      return 0;
    }
    return (await showStats.run({ flags, args: containers.map(({ Id }) => Id), given, context })) ?? 0;
  },
});
