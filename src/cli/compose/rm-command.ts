import { planStop } from "../../compose/plan/plan-stop.ts";
import { minArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { eachContainer } from "./each-container.ts";
import { findProject, runOver } from "./stop-project.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Remove containers that are stopped",
  args: minArgs(0),
  dryRun: "tells",
  flags: {
    force: bool("Do not ask", { short: "f" }),
    stop: bool("Stop containers first", { short: "s" }),
    volumes: bool("Anonymous volumes too", { short: "v" }),
    // Of older versions.
    all: bool("", { short: "a", hidden: true }),
  },
  async run({ flags, args, context }) {
    const found = await findProject(context, args);
    const isRunning = (state: string) => state === "running" || state === "paused" || state === "restarting";
    if (flags.stop) {
      const running = found.containers.filter(({ state }) => isRunning(state));
      await runOver(context, found, planStop(found.name, running, found.model, found.containers));
    }
    const stopped = found.containers.filter(({ state }) => flags.stop || !isRunning(state));
    if (stopped.length === 0) return context.printError("No stopped containers\n");
    const names = stopped.map(({ name }) => name).join(", ");
    const question = `Going to remove ${names}`;
    if (flags.force) context.print(`${question}\n`);
    else if (!context.isDryRun && !confirm(context, question)) return;
    await eachContainer(context, stopped, ["Removing", "Removed"], ({ id }) =>
      found.engine.removeContainer(id, { force: flags.force, volumes: flags.volumes }),
    );
  },
});
