import { minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { bringUp } from "./bring-up.ts";
import { defineComposeCommand } from "./declaration.ts";
import { interruptible } from "./interruptible.ts";
import { startWatching, UNCHANGED } from "./watch/start-watching.ts";

export const command = defineComposeCommand({
  usage: "[SERVICE...]",
  summary: "Bring changes of sources into the containers, as they happen",
  args: minArgs(0),
  flags: {
    "no-up": bool("Do not build and start the services first"),
    prune: bool("Remove images that a rebuild left without a name", { initial: true }),
    quiet: bool("Show nothing of builds"),
  },
  async run({ flags, args: services, context }) {
    await interruptible(async (signal) => {
      if (!flags["no-up"]) {
        await bringUp(context, { ...UNCHANGED, services, build: true, quietBuild: flags.quiet }, signal);
      }
      const tell = (line: string) => context.print(`${line}\n`);
      await startWatching(context, { services, quiet: flags.quiet, prunes: flags.prune, tell }, signal);
    });
  },
});
