import { isLeftToItsTimes } from "../../compose/automation/automated-plan.ts";
import { planStart } from "../../compose/plan/plan-stop.ts";
import type { ServiceModel } from "../../compose/service-model.ts";
import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool, int } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { interruptible } from "./interruptible.ts";
import { findProject, runOver } from "./stop-project.ts";

/** Not so where none are wished, or a program provides the service. */
const hasContainers = (service: ServiceModel | undefined) => service?.scale !== 0 && service?.provider === undefined;

export const command = defineComposeCommand({
  usage: "[SERVICE...]",
  summary: "Start containers that are there",
  args: minArgs(0),
  dryRun: "tells",
  flags: {
    wait: bool("Come back when the services are running, or healthy where they have a check"),
    "wait-timeout": int("Most seconds to wait"),
  },
  async run({ flags, args, context }) {
    const all = await findProject(context, args);
    const { model, name } = all;
    const isLeft = (service: string) => isLeftToItsTimes(service, model, args);
    const containers = all.containers.filter(({ service }) => !isLeft(service));
    const found = { ...all, containers };
    const wished = args.length > 0 ? args : Object.keys(model?.services ?? {}).filter((service) => !isLeft(service));
    for (const service of wished)
      if (hasContainers(model?.services[service]) && !containers.some((each) => each.service === service))
        throw new CliError(`service ${JSON.stringify(service)} has no container to start`);
    const plan = planStart(name, containers, model);
    if (flags.wait) {
      const services = [...new Set(containers.map(({ service }) => service))];
      const needs = plan.steps.map(({ id }) => id);
      for (const service of services) {
        const action = { kind: "wait", service, condition: "running_or_healthy", isRequired: true } as const;
        plan.steps.push({ id: `wait ${service}`, action, needs, reason: "wished (--wait)" });
      }
    }
    const waitTimeout = flags["wait-timeout"] > 0 ? flags["wait-timeout"] : undefined;
    await interruptible((signal) => runOver(context, found, plan, { signal, waitTimeout }));
  },
});
