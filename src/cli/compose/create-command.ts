import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool, list, string } from "../flag-types.ts";
import { type BringUpWishes, bringUp } from "./bring-up.ts";
import { defineComposeCommand } from "./declaration.ts";
import { oneOf } from "./global-flags.ts";
import { interruptible } from "./interruptible.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Make the project's containers without starting them",
  args: minArgs(0),
  dryRun: "tells",
  flags: {
    build: bool("Build images first"),
    "force-recreate": bool("Make containers anew even where nothing changed"),
    "no-build": bool("Build nothing, even where an image is missing"),
    "no-recreate": bool("Keep containers that are there, whatever changed"),
    pull: string('Get images first: "always", "missing", "never" or "build" (default: as the services wish)', {
      initial: "policy",
      defaultText: "",
      check: oneOf("policy", "always", "missing", "never", "build"),
    }),
    "quiet-pull": bool("Show nothing of pulls"),
    "remove-orphans": bool("Remove containers whose services are not in the files any more"),
    scale: list("How many containers of a service, as SERVICE=NUM", { type: "stringArray" }),
    yes: bool('Answer questions with "yes"', { short: "y" }),
  },
  async run({ flags, args, context }) {
    if (flags["force-recreate"] && flags["no-recreate"])
      throw new CliError("--force-recreate and --no-recreate are incompatible");
    if (flags.build && flags["no-build"]) throw new CliError("--build and --no-build are incompatible");
    const recreate = flags["force-recreate"] ? "force" : flags["no-recreate"] ? "never" : "diverged";
    const wishes: BringUpWishes = {
      services: args,
      noDependencies: false,
      build: flags.build,
      noBuild: flags["no-build"],
      pull: flags.pull,
      quietPull: flags["quiet-pull"],
      quietBuild: false,
      recreate,
      recreateDependencies: flags["no-recreate"] ? "never" : "diverged",
      starts: false,
      removesOrphans: flags["remove-orphans"],
      scale: flags.scale,
      saysYes: flags.yes,
    };
    if (context.isDryRun) {
      const { printPlan } = await import("./print-plan.ts");
      return await printPlan(context, wishes);
    }
    await interruptible((signal) => bringUp(context, wishes, signal));
  },
});
