/** What schedules and scaling change about a plan. */
import type { Tree } from "../document.ts";
import { autoscaledReplicas, autoscaleOf } from "./autoscale.ts";
import { scheduleOf } from "./schedule.ts";

/** Why `up` makes a service's container but does not start it; undefined for services without a schedule. */
export function scheduleReason(name: string, tree: Tree | undefined): string | undefined {
  const schedule = tree && scheduleOf(name, tree);
  return schedule && `it runs at its times (${schedule.cron.join(", ")} ${schedule.zone})`;
}

/** The replicas of a service that is scaled by its load, when `present` of them are there; undefined for others. */
export function automaticReplicas(name: string, tree: Tree | undefined, present: number): number | undefined {
  const autoscale = tree && autoscaleOf(name, tree);
  return autoscale && autoscaledReplicas(autoscale, present);
}
