import { exactArgs } from "../command.ts";
import { command as attachContainer } from "../commands/attach.ts";
import { int } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { findServiceContainer, nameOf } from "./project-containers.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] SERVICE",
  summary: "Connect this terminal to a service's container",
  args: exactArgs(1),
  dryRun: "tells",
  flags: { ...attachContainer.flags, index: int("Which of the service's containers") },
  async run({ flags, args: [service = ""], given, context }) {
    const name = await context.projectName();
    const container = await findServiceContainer(await context.client(), name, service, { index: flags.index });
    if (context.isDryRun) {
      context.print(`Would connect this terminal to ${nameOf(container)}\n`);
      return 0;
    }
    return (await attachContainer.run({ flags, args: [nameOf(container)], given, context })) ?? 0;
  },
});
