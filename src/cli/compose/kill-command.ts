import { observeContainers } from "../../compose/observe/observe-project.ts";
import { orphansOf } from "../../compose/plan/orphans.ts";
import { minArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { eachContainer } from "./each-container.ts";
import { findProject } from "./stop-project.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Send a signal to containers",
  args: minArgs(0),
  dryRun: "tells",
  flags: {
    "remove-orphans": bool("Remove containers whose services are not in the files any more"),
    signal: string("The signal", { short: "s", initial: "SIGKILL" }),
  },
  async run({ flags, args, context }) {
    const { containers, engine, model, name } = await findProject(context, args);
    if (flags["remove-orphans"] && model) {
      const orphans = orphansOf(model, await observeContainers(engine, name));
      await eachContainer(context, orphans, ["Removing", "Removed"], ({ id }) =>
        engine.removeContainer(id, { force: true }),
      );
    }
    const running = containers.filter(
      ({ state }) => state === "running" || state === "paused" || state === "restarting",
    );
    if (running.length === 0) context.printError("no container to kill\n");
    await eachContainer(context, running, ["Killing", "Killed"], ({ id }) => engine.killContainer(id, flags.signal));
  },
});
