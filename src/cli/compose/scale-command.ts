import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { type BringUpWishes, bringUp, NO_IMAGE_WISHES } from "./bring-up.ts";
import { defineComposeCommand } from "./declaration.ts";
import { interruptible } from "./interruptible.ts";

export const command = defineComposeCommand({
  usage: "[SERVICE=REPLICAS...]",
  summary: "Change how many containers services have",
  args: minArgs(1),
  dryRun: "tells",
  flags: { "no-deps": bool("Leave alone what the services depend on") },
  async run({ flags, args, context }) {
    for (const word of args)
      if (!/^[^=]+=\d+$/.test(word)) throw new CliError(`invalid scale specifier: ${word}: give SERVICE=REPLICAS`);
    const wishes: BringUpWishes = {
      ...NO_IMAGE_WISHES,
      services: args.map((word) => word.split("=")[0]!),
      noDependencies: flags["no-deps"],
      recreate: "diverged",
      recreateDependencies: "diverged",
      starts: true,
      removesOrphans: false,
      scale: args,
      saysYes: false,
    };
    if (context.isDryRun) {
      const { printPlan } = await import("./print-plan.ts");
      return await printPlan(context, wishes);
    }
    await interruptible((signal) => bringUp(context, wishes, signal));
  },
});
