import { minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { interruptible } from "./interruptible.ts";
import { openProgressDisplay } from "./progress-display.ts";
import { servicesOf } from "./project-services.ts";
import { builtImages, pushBuiltImages } from "./push-images.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Send the images that the project builds to their registries",
  args: minArgs(0),
  dryRun: "tells",
  flags: {
    "ignore-push-failures": bool("Send what can be sent"),
    "include-deps": bool("Those of the services that they depend on too"),
    quiet: bool("Show no progress", { short: "q" }),
  },
  async run({ flags, args, context }) {
    const project = await context.loadProject({ services: args, skips: ["environment"] });
    const named = args.length === 0 || flags["include-deps"] ? Object.keys(servicesOf(project)) : args;
    const display = openProgressDisplay(context, "Pushing", flags.quiet);
    const wanted = builtImages(project, named);
    if (context.isDryRun) return context.print(wanted.map(({ image }) => `Would push ${image}\n`).join(""));
    for (const name of new Set(named))
      if (!wanted.some(({ service }) => service === name)) display.take({ id: name, state: "done", text: "Skipped" });
    const failuresPass = flags["ignore-push-failures"];
    try {
      await interruptible((signal) =>
        pushBuiltImages(context, project, named, { onProgress: display.take, signal, failuresPass }),
      );
    } finally {
      display.finish();
    }
  },
});
