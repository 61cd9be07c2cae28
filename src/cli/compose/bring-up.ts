import type { ObservedProject, Plan } from "../../compose/contract.ts";
import { isTree, type Tree } from "../../compose/document.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import { observeProject, wantedOf } from "../../compose/observe/observe-project.ts";
import { changedVolumes } from "../../compose/plan/plan-resources.ts";
import { planUp, type UpWishes } from "../../compose/plan/plan-up.ts";
import type { LiveContainers, RunOptions } from "../../compose/run/run-context.ts";
import { runPlan } from "../../compose/run/run-plan.ts";
import { imageOf, type Separator } from "../../compose/service-containers/container-name.ts";
import { type ProjectModel, projectModel } from "../../compose/service-model.ts";
import { CliError } from "../cli-error.ts";
import type { ApiClient } from "../client.ts";
import { isSwitchedOn } from "../go-bool.ts";
import { registerAutomation, whileHeld } from "./automation-registration.ts";
import type { ComposeContext } from "./declaration.ts";
import { supplyServices } from "./from-outside/supply-services.ts";
import { HttpEngine } from "./http-engine.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { openProgressDisplay } from "./progress-display.ts";
import { getImages, type ImageTask, type ImageWishes, imageTasks } from "./service-images.ts";

/** What brings services up: `up`, `create`, `scale`, `watch`. */
export interface BringUpWishes
  extends ImageWishes,
    Pick<UpWishes, "services" | "recreate" | "recreateDependencies" | "starts" | "waits">,
    Pick<RunOptions, "timeout" | "waitTimeout" | "beforeStart" | "onHookOutput" | "renewsAnonymousVolumes"> {
  /** Leaves out what the services depend on. */
  noDependencies: boolean;
  /** Calls their providers nevertheless: they tell the services variables. */
  callsProviders?: boolean;
  removesOrphans: boolean;
  scale: readonly string[];
  /** Answers questions with yes. */
  saysYes: boolean;
  /** The project, where it was read already. */
  loaded?: ComposeProject;
}
/** A project that was looked at, with what has to be done. */
export interface PreparedUp {
  model: ProjectModel;
  observed: ObservedProject;
  images: ImageTask[];
  plan: Plan;
  /** Services that a program provides. */
  provided: readonly string[];
}
/** What was brought up. */
interface BroughtUp {
  model: ProjectModel;
  live: LiveContainers;
  /** What was there before. */
  observed: ObservedProject;
}

export const NO_IMAGE_WISHES: ImageWishes = {
  build: false,
  noBuild: false,
  pull: "policy",
  quietPull: false,
  quietBuild: false,
};

/**
 * Brings services of a project to the state that its files wish: images, networks, volumes, containers. Shows progress on standard
 * error. Throws CliError or NaruError with the service that failed and why.
 */
export async function bringUp(context: ComposeContext, wishes: BringUpWishes, signal: AbortSignal): Promise<BroughtUp> {
  const [read, client] = await Promise.all([
    wishes.loaded ?? context.loadProject({ services: wishes.services }),
    context.client().then((each) => {
      each.warm(WARM_CONNECTIONS);
      return each;
    }),
  ]);
  const { project: loaded } = await supplyServices(context, read, supplyWishes(wishes, signal));
  const trees = isTree(loaded.tree.services) ? (loaded.tree.services as Record<string, Tree>) : {};
  const isPartial = wishes.services.length > 0;
  const project = { name: loaded.name, trees };
  return await whileHeld(client, project, { isPartial }, () => bringUpNow(context, client, loaded, wishes, signal));
}

async function bringUpNow(
  context: ComposeContext,
  client: ApiClient,
  loaded: ComposeProject,
  wishes: BringUpWishes,
  signal: AbortSignal,
): Promise<BroughtUp> {
  const engine = new HttpEngine(client, context);
  const found = await look(engine, loaded, wishes, context.separator, signal);
  if (found.images.length > 0) {
    const fresh = await getImages(context, engine, { loaded, model: found.model }, found.images, wishes, signal);
    found.observed = { ...found.observed, images: new Map([...found.observed.images, ...fresh]) };
  }
  const plan = planOf(context, found, wishes, askLostVolumes(context, found, wishes.saysYes));
  const display = openProgressDisplay(context, "Running");
  try {
    const live = await runPlan(engine, found.model, found.observed, plan, {
      separator: context.separator,
      onProgress: display.take,
      warn: (text) => warn(context, text),
      parallel: parallelLimit(context),
      signal,
      proxies: await proxiesOf(context, client.host),
      timeout: wishes.timeout,
      waitTimeout: wishes.waitTimeout,
      renewsAnonymousVolumes: wishes.renewsAnonymousVolumes,
      beforeStart: wishes.beforeStart,
      onHookOutput: wishes.onHookOutput,
    });
    const isPartial = wishes.services.length > 0;
    const warning = await registerAutomation(client, found.model, { isPartial });
    if (warning !== undefined) warn(context, warning);
    return { model: found.model, live, observed: found.observed };
  } finally {
    display.finish();
  }
}

/** Connections that are opened while the files are read. */
const WARM_CONNECTIONS = 6;

/** What bringUp would do, and nothing of it. */
export async function prepareUp(context: ComposeContext, wishes: BringUpWishes): Promise<PreparedUp> {
  const read = await context.loadProject({ services: wishes.services });
  const { project: loaded, provided } = await supplyServices(context, read, supplyWishes(wishes));
  const engine = new HttpEngine(await context.client(), context);
  const found = await look(engine, loaded, wishes, context.separator);
  const lost = new Set(wishes.saysYes ? changedVolumes(found.model, found.observed) : []);
  return { ...found, plan: planOf(context, found, wishes, lost), provided };
}

const supplyWishes = ({ noDependencies, callsProviders, services }: BringUpWishes, signal?: AbortSignal) => ({
  providers: noDependencies && !callsProviders ? services : [],
  signal,
});

async function look(
  engine: HttpEngine,
  loaded: ComposeProject,
  wishes: BringUpWishes,
  separator: Separator,
  signal?: AbortSignal,
) {
  const model = onlyNamed(projectModel(loaded), wishes);
  for (const name of wishes.services)
    if (!model.services[name] && !loaded.unchosen.includes(name)) throw new CliError(`no such service: ${name}`);
  const names = Object.entries(model.services).map(([name, { image }]) => imageOf(model.name, name, image, separator));
  const observed = await observeProject(engine, model.name, wantedOf(model, names), signal);
  return { model, observed, images: imageTasks(model, observed.images, wishes, { now: Date.now(), separator }) };
}

function onlyNamed(model: ProjectModel, { services, noDependencies }: BringUpWishes): ProjectModel {
  if (!noDependencies || services.length === 0) return model;
  const kept = Object.entries(model.services).filter(([name]) => services.includes(name));
  const others = Object.keys(model.services).filter((name) => !services.includes(name));
  return { ...model, services: Object.fromEntries(kept), disabled: [...model.disabled, ...others] };
}

function planOf(
  context: ComposeContext,
  { model, observed }: Omit<PreparedUp, "plan" | "provided">,
  wishes: BringUpWishes,
  lostVolumes: ReadonlySet<string>,
): Plan {
  const variable = (name: string) => isSwitchedOn(model.variables.get(name));
  const removes = wishes.removesOrphans || variable("COMPOSE_REMOVE_ORPHANS");
  return planUp(model, observed, {
    services: wishes.services,
    recreate: wishes.recreate,
    recreateDependencies: wishes.recreateDependencies,
    starts: wishes.starts,
    waits: wishes.waits,
    orphans: removes ? "remove" : variable("COMPOSE_IGNORE_ORPHANS") ? "ignore" : "warn",
    scale: scaleWishes(wishes.scale, model),
    separator: context.separator,
    lostVolumes,
  });
}

/** `web=3`, several. Throws CliError. */
function scaleWishes(words: readonly string[], model: ProjectModel): Record<string, number> {
  const scale: Record<string, number> = {};
  for (const word of words) {
    const [name = "", count = ""] = word.split("=");
    if (!word.includes("=") || name === "" || !/^\d+$/.test(count))
      throw new CliError(`invalid --scale option ${JSON.stringify(word)}. Should be SERVICE=NUM`);
    if (!model.services[name]) throw new CliError(`no such service: ${name}`);
    scale[name] = Number(count);
  }
  return scale;
}

/** Asks about each volume whose configuration changed: making it anew loses what is in it. */
function askLostVolumes(
  context: ComposeContext,
  found: Omit<PreparedUp, "plan" | "provided">,
  saysYes: boolean,
): Set<string> {
  const lost = new Set<string>();
  for (const volume of changedVolumes(found.model, found.observed)) {
    if (saysYes || confirmLoss(context, volume)) lost.add(volume);
  }
  return lost;
}

function confirmLoss(context: ComposeContext, volume: string): boolean {
  const { confirm } = require("../confirm.ts") as typeof import("../confirm.ts");
  return confirm(
    context,
    `Volume ${JSON.stringify(volume)} exists but doesn't match configuration in compose file. Recreate (data will be lost)?`,
  );
}

/** Variables of the configuration for proxies. */
export async function proxiesOf(context: ComposeContext, host: string): Promise<Record<string, string>> {
  const config = await context.config();
  if (!config.proxies) return {};
  const { withProxies } = await import("../container-options/proxies.ts");
  const pairs = withProxies([], config, host) ?? [];
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}

/** Writes a warning as docker compose does. */
export function warn(context: ComposeContext, text: string): void {
  const time = `${new Date().toISOString().slice(0, 19)}Z`;
  context.printError(`time="${time}" level=warning msg=${JSON.stringify(text)}\n`);
}
