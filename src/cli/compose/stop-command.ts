import { planStop } from "../../compose/plan/plan-stop.ts";
import { minArgs } from "../command.ts";
import { int } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { interruptible } from "./interruptible.ts";
import { findProject, runOver } from "./stop-project.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Stop containers",
  args: minArgs(0),
  dryRun: "tells",
  flags: { timeout: int("Seconds until containers that stop are killed", { short: "t" }) },
  async run({ flags, args, given, context }) {
    const found = await findProject(context, args);
    const running = found.containers.filter(
      ({ state }) => state !== "exited" && state !== "created" && state !== "dead",
    );
    const timeout = given("timeout") ? flags.timeout : undefined;
    await interruptible((signal) =>
      runOver(context, found, planStop(found.name, running, found.model, found.containers), { signal, timeout }),
    );
  },
});
