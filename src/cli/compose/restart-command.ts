import { isLeftToItsTimes } from "../../compose/automation/automated-plan.ts";
import { dependenciesOf, servicesInOrder } from "../../compose/plan/plan-stop.ts";
import { runHooks } from "../../compose/run/hooks.ts";
import { minArgs } from "../command.ts";
import { bool, int } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { eachContainer } from "./each-container.ts";
import { findProject } from "./stop-project.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Stop and start containers",
  args: minArgs(0),
  dryRun: "tells",
  flags: {
    "no-deps": bool("Leave alone what wants to restart with the services"),
    timeout: int("Seconds until containers that stop are killed", { short: "t" }),
  },
  async run({ flags, args, given, context }) {
    const found = await findProject(context, args);
    const all = args.length === 0 ? found.containers : (await findProject(context, [])).containers;
    const chosen = new Set(found.containers.map(({ service }) => service));
    // What depends on a service with `restart: true` goes with it, and what depends on that.
    const order = servicesInOrder(all, found.model);
    for (const service of flags["no-deps"] ? [] : order) {
      const wantsTo = all.some(
        (each) =>
          each.service === service &&
          dependenciesOf(each, found.model).some(({ restart, service: other }) => restart && chosen.has(other)),
      );
      if (wantsTo) chosen.add(service);
    }
    const timeout = given("timeout") ? flags.timeout : undefined;
    for (const service of order.filter((each) => chosen.has(each) && !isLeftToItsTimes(each, found.model, args))) {
      const containers = all.filter((each) => each.service === service);
      const hooks = found.model?.services[service];
      const run = { engine: found.engine, options: {} };
      await eachContainer(context, containers, ["Restarting", "Started", "restarted"], async (container) => {
        if (container.state === "running") await runHooks(run, container, "pre_stop", hooks?.pre_stop);
        await found.engine.restartContainer(container.id, { timeout });
        await runHooks(run, container, "post_start", hooks?.post_start);
      });
    }
  },
});
