import type { Plan, Step } from "../../compose/contract.ts";
import { explainChange } from "../../compose/plan/explain-change.ts";
import { CONFIGURATION_CHANGED } from "../../compose/plan/recreate-reason.ts";
import { imageOf } from "../../compose/service-containers/container-name.ts";
import { containerOrder } from "../../compose/service-containers/create-request.ts";
import { type BringUpWishes, type PreparedUp, prepareUp, warn } from "./bring-up.ts";
import type { ComposeContext } from "./declaration.ts";
import { HttpEngine } from "./http-engine.ts";
import type { ImageTask } from "./service-images.ts";

/** Prints what `up`, `create` or `scale` would do and why, a line a step; nothing is changed. */
export async function printPlan(context: ComposeContext, wishes: BringUpWishes): Promise<void> {
  const prepared = await prepareUp(context, wishes);
  const steps = await Promise.all(prepared.plan.steps.map((step) => explained(context, prepared, step)));
  tellPlan(context, { ...prepared.plan, steps }, prepared.images, prepared.provided);
}

/** Says what changed about the container that a step makes anew. */
async function explained(context: ComposeContext, { model, observed }: PreparedUp, step: Step): Promise<Step> {
  const { action, reason } = step;
  if (action.kind !== "recreate-container" || reason !== CONFIGURATION_CHANGED) return step;
  const engine = new HttpEngine(await context.client(), context);
  const { service, number, replaces } = action;
  const separator = context.separator;
  const image = observed.images.get(imageOf(model.name, service, model.services[service]!.image, separator));
  const containersOf = (name: string) => observed.containers.filter((one) => one.service === name && !one.isOneOff);
  const wish = { service, number, separator, containersOf, imageId: image?.Id };
  const [{ request }, present] = await Promise.all([containerOrder(model, wish), engine.inspectContainer(replaces.id)]);
  const changed = explainChange(request, present, image);
  return changed.length === 0 ? step : { ...step, reason: `${reason}: ${changed.join(", ")}` };
}

/** Prints a plan. Of services that a program provides it cannot tell what they would tell others. */
export function tellPlan(
  context: ComposeContext,
  plan: Plan,
  images: readonly ImageTask[],
  provided: readonly string[] = [],
): void {
  for (const warning of plan.warnings) warn(context, warning);
  const lines = [
    ...provided.map((name) => ["call", `Provider of ${name}`, "what it tells is not known before"]),
    ...images.map(({ what, image, service, reason }) => [what, `Image ${image}`, `for ${service}: ${reason}`]),
    ...plan.steps.map((step) => [...wordsOf(step), step.reason]),
  ];
  const changes = plan.steps.filter(({ action }) => action.kind !== "keep-container").length;
  const all = changes + images.length + provided.length;
  const widths = [0, 1].map((column) => Math.max(0, ...lines.map((line) => line[column]!.length)));
  for (const [verb, subject, reason] of lines)
    context.print(`${verb!.padEnd(widths[0]!)}  ${subject!.padEnd(widths[1]!)}  ${reason}\n`);
  const steps = all === 1 ? "1 step" : `${all} steps`;
  context.print(all === 0 ? "Nothing would change.\n" : `${steps}. Nothing was changed.\n`);
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

/** A command as one would type it. */
export function commandText(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}

const verbOf = (kind: string) => kind.split("-")[0]!;
