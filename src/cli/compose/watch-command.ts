import { minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { bringUp } from "./bring-up.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { interruptible } from "./interruptible.ts";
import { printPlan } from "./print-plan.ts";
import { startWatching, UNCHANGED } from "./watch/start-watching.ts";
import { projectRules } from "./watch/watch-session.ts";

export const command = defineComposeCommand({
  usage: "[SERVICE...]",
  summary: "Bring changes of sources into the containers, as they happen",
  args: minArgs(0),
  dryRun: "tells",
  flags: {
    "no-up": bool("Do not build and start the services first"),
    prune: bool("Remove images that a rebuild left without a name", { initial: true }),
    quiet: bool("Show nothing of builds"),
  },
  async run({ flags, args: services, context }) {
    if (context.isDryRun) return await tellWatching(context, services, !flags["no-up"]);
    await interruptible(async (signal) => {
      if (!flags["no-up"]) {
        await bringUp(context, { ...UNCHANGED, services, build: true, quietBuild: flags.quiet }, signal);
      }
      const tell = (line: string) => context.print(`${line}\n`);
      await startWatching(context, { services, quiet: flags.quiet, prunes: flags.prune, tell }, signal);
    });
  },
});

/** What would be brought up, and which changes would do what. */
async function tellWatching(context: ComposeContext, services: readonly string[], bringsUp: boolean): Promise<void> {
  const project = await context.loadProject({ services });
  const rules = await projectRules(project, services, (line) => context.printError(`${line}\n`));
  if (bringsUp) await printPlan(context, { ...UNCHANGED, services, build: true });
  for (const { service, path, action, target } of rules)
    context.print(`Would watch ${path} for ${service}: ${action}${target === "" ? "" : ` to ${target}`}\n`);
}
