import { rangeArgs } from "../command.ts";
import { command as commitContainer } from "../commands/commit.ts";
import { int } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { findServiceContainer, nameOf } from "./project-containers.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] SERVICE [REPOSITORY[:TAG]]",
  summary: "Make an image of what a service's container has changed",
  args: rangeArgs(1, 2),
  dryRun: "tells",
  flags: { ...commitContainer.flags, index: int("Which of the service's containers") },
  async run({ flags, args: [service = "", ...image], given, context }) {
    const name = await context.projectName();
    const choice = { index: flags.index, all: true };
    const container = nameOf(await findServiceContainer(await context.client(), name, service, choice));
    if (context.isDryRun) return context.print(`Would make an image of ${container}\n`);
    await commitContainer.run({ flags, args: [container, ...image], given, context });
  },
});
