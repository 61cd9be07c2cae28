/** What schedules and scaling change about a plan. */
import type { Tree } from "../document.ts";
import type { ProjectModel } from "../service-model.ts";
import { autoscaledReplicas, autoscaleOf } from "./autoscale.ts";
import { scheduleOf } from "./schedule.ts";

/** Why `up` makes a service's container but does not start it; undefined for services without a schedule. */
export function scheduleReason(name: string, tree: Tree | undefined): string | undefined {
  const schedule = tree && scheduleOf(name, tree);
  return schedule && `it runs at its times (${schedule.cron.join(", ")} ${schedule.zone})`;
}

/** Whether a command over all services passes over this one, since the daemon starts it at its times; one that is named it takes. */
export function isLeftToItsTimes(
  service: string,
  project: Pick<ProjectModel, "trees"> | undefined,
  named: readonly string[],
): boolean {
  return named.length === 0 && scheduleReason(service, project?.trees[service]) !== undefined;
}

/** The replicas of a service that is scaled by its load, when `present` of them are there; undefined for others. */
export function automaticReplicas(name: string, tree: Tree | undefined, present: number): number | undefined {
  const autoscale = tree && autoscaleOf(name, tree);
  return autoscale && autoscaledReplicas(autoscale, present);
}
