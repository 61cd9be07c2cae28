import type { ComposeProject } from "../../compose/load-project.ts";
import { observeProject, wantedOf } from "../../compose/observe/observe-project.ts";
import { planDown } from "../../compose/plan/plan-down.ts";
import { runPlan } from "../../compose/run/run-plan.ts";
import { projectModel } from "../../compose/service-model.ts";
import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool, int, string } from "../flag-types.ts";
import { forgetAutomation } from "./automation-registration.ts";
import { warn } from "./bring-up.ts";
import { defineComposeCommand } from "./declaration.ts";
import { callProvider, providedServices } from "./from-outside/providers.ts";
import { oneOf } from "./global-flags.ts";
import { HttpEngine } from "./http-engine.ts";
import { interruptible } from "./interruptible.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { tellPlan } from "./print-plan.ts";
import { openProgressDisplay } from "./progress-display.ts";

const NO_RESOURCES = { networks: [], volumes: [], images: [] };

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICES]",
  summary: "Stop and remove the project's containers and networks",
  args: minArgs(0),
  dryRun: "tells",
  flags: {
    "remove-orphans": bool("Containers too whose services are not in the files any more"),
    rmi: string('Images too: "local" without a name of their own, or "all"', { check: oneOf("", "local", "all") }),
    timeout: int("Seconds until containers that stop are killed", { short: "t" }),
    volumes: bool("The volumes of the files too, and anonymous ones", { short: "v" }),
  },
  async run({ flags, args, given, context }) {
    const [{ name, project }, client] = await Promise.all([context.projectOrName(), context.client()]);
    client.warm(4);
    const engine = new HttpEngine(client, context);
    const model = project && projectModel(project);
    if (model)
      for (const service of args) if (!model.services[service]) throw new CliError(`no such service: ${service}`);
    await interruptible(async (signal) => {
      const observed = await observeProject(engine, name, model ? wantedOf(model, []) : NO_RESOURCES, signal);
      const separator = context.separator;
      const plan = planDown(name, model, observed, {
        services: args,
        removesOrphans: flags["remove-orphans"] || process.env.COMPOSE_REMOVE_ORPHANS === "true",
        volumes: flags.volumes,
        images: flags.rmi === "" ? "none" : (flags.rmi as "local" | "all"),
        separator,
      });
      const provided = project ? providedHere(project, args) : [];
      if (context.isDryRun) return tellPlan(context, plan, [], provided);
      // First: what is being taken down must not be scaled up again.
      if (args.length === 0) await forgetAutomation(client, name);
      const display = openProgressDisplay(context, "Running");
      try {
        await runPlan(engine, model, observed, plan, {
          separator,
          onProgress: display.take,
          warn: (text) => warn(context, text),
          parallel: parallelLimit(context),
          signal,
          timeout: given("timeout") ? flags.timeout : undefined,
          removesAnonymousVolumes: flags.volumes,
        });
      } finally {
        display.finish();
      }
      for (const service of provided) await callProvider(context, project!, service, "down", signal);
    });
  },
});

/** What programs provide goes after the containers, and what others depend on last. */
function providedHere(project: ComposeProject, services: readonly string[]): string[] {
  const all = providedServices(project).reverse();
  return services.length === 0 ? all : all.filter((name) => services.includes(name));
}
