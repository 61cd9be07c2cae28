import type { Step, StepAction } from "../contract.ts";
import type { UpdateOrder } from "./update-order.ts";

/**
 * The steps between a group of an update and the next: it must be ready, and stay so for `monitor`. After the last group only what is
 * watched for longer, or may have to be taken back, is waited for.
 */
export function gateSteps(
  service: string,
  containers: readonly string[],
  update: UpdateOrder,
  { isLast, started }: { isLast: boolean; started: readonly string[] },
): Step[] {
  const isWatched = update.monitor > 0 || update.failure.rollsBack;
  if (isLast && !isWatched) return [];
  const names = containers.join(" ");
  const condition = update.isChecked ? "service_healthy" : "running_or_healthy";
  const { tolerated } = update.failure;
  const wait: StepAction = { kind: "wait", service, condition, isRequired: true, containers, tolerated };
  const reason = "one group of containers after the other is replaced";
  const steps: Step[] = [{ id: `ready ${names}`, action: wait, needs: started, reason }];
  // Where nothing tells whether it serves, it gets a moment.
  const moment = update.isChecked ? 0 : 1;
  const seconds = Math.max(update.monitor, isLast ? 0 : Math.max(update.delay, moment));
  const add = (id: string, action: StepAction, words: string) =>
    steps.push({ id, action, needs: [steps.at(-1)!.id], reason: words });
  if (seconds > 0) add(`delay ready ${names}`, { kind: "delay", service, seconds }, "between two groups of containers");
  if (update.monitor > 0) add(`monitored ${names}`, wait, "it must go on running (update_config.monitor)");
  return steps;
}
