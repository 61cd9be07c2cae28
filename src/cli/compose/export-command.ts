import { exactArgs } from "../command.ts";
import { command as exportContainer } from "../commands/export.ts";
import { int } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { findServiceContainer, nameOf } from "./project-containers.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] SERVICE",
  summary: "Write the files of a service's container as a tar",
  args: exactArgs(1),
  dryRun: "tells",
  flags: { ...exportContainer.flags, index: int("Which of the service's containers") },
  async run({ flags, args: [service = ""], given, context }) {
    const name = await context.projectName();
    const choice = { index: flags.index, all: true };
    const container = nameOf(await findServiceContainer(await context.client(), name, service, choice));
    if (context.isDryRun) return context.print(`Would write the files of ${container} as a tar\n`);
    await exportContainer.run({ flags, args: [container], given, context });
  },
});
