import type { Plan, Step } from "../../compose/contract.ts";
import { type BringUpWishes, prepareUp, warn } from "./bring-up.ts";
import type { ComposeContext } from "./declaration.ts";
import type { ImageTask } from "./service-images.ts";

/** Prints what `up`, `create` or `scale` would do and why, a line a step; nothing is changed. */
export async function printPlan(context: ComposeContext, wishes: BringUpWishes): Promise<void> {
  const { plan, images } = await prepareUp(context, wishes);
  tellPlan(context, plan, images);
}

/** Prints a plan. */
export function tellPlan(context: ComposeContext, plan: Plan, images: readonly ImageTask[]): void {
  for (const warning of plan.warnings) warn(context, warning);
  const lines = [
    ...images.map(({ what, image, service, reason }) => [what, `Image ${image}`, `for ${service}: ${reason}`]),
    ...plan.steps.map((step) => [...wordsOf(step), step.reason]),
  ];
  const changes = plan.steps.filter(({ action }) => action.kind !== "keep-container").length + images.length;
  const widths = [0, 1].map((column) => Math.max(0, ...lines.map((line) => line[column]!.length)));
  for (const [verb, subject, reason] of lines)
    context.print(`${verb!.padEnd(widths[0]!)}  ${subject!.padEnd(widths[1]!)}  ${reason}\n`);
  const steps = changes === 1 ? "1 step" : `${changes} steps`;
  context.print(changes === 0 ? "Nothing would change.\n" : `${steps}. Nothing was changed.\n`);
}

function wordsOf({ action }: Step): [verb: string, subject: string] {
  switch (action.kind) {
    case "create-network":
    case "recreate-network":
    case "remove-network":
      return [verbOf(action.kind), `Network ${action.network}`];
    case "create-volume":
    case "recreate-volume":
    case "remove-volume":
      return [verbOf(action.kind), `Volume ${action.volume}`];
    case "remove-image":
      return ["remove", `Image ${action.image}`];
    case "recreate-container":
      return [action.order === "start-first" ? "replace" : "recreate", `Container ${action.container}`];
    case "wait":
      return ["wait", `${action.service} ${action.condition.replace("service_", "").replaceAll("_", " ")}`];
    case "delay":
      return ["pause", `${action.seconds} s`];
    default:
      return [verbOf(action.kind), `Container ${action.container}`];
  }
}

const verbOf = (kind: string) => kind.split("-")[0]!;
