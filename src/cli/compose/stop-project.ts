import type { ObservedContainer, Plan } from "../../compose/contract.ts";
import { observeContainers } from "../../compose/observe/observe-project.ts";
import { planStop } from "../../compose/plan/plan-stop.ts";
import type { RunOptions } from "../../compose/run/run-context.ts";
import { runPlan } from "../../compose/run/run-plan.ts";
import { type ProjectModel, projectModel } from "../../compose/service-model.ts";
import { CliError } from "../cli-error.ts";
import { warn } from "./bring-up.ts";
import type { ComposeContext } from "./declaration.ts";
import { HttpEngine } from "./http-engine.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { tellPlan } from "./print-plan.ts";
import { openProgressDisplay } from "./progress-display.ts";

/** A project as commands find it that need no files. */
interface FoundProject {
  name: string;
  /** Undefined where only the name is known. */
  model: ProjectModel | undefined;
  engine: HttpEngine;
  /** Without one-off ones, by name. */
  containers: ObservedContainer[];
}

/**
 * Finds a project and its containers; `services` keeps only those of these services. Throws CliError for services that are
 * neither in the files nor have containers.
 */
export async function findProject(context: ComposeContext, services: readonly string[]): Promise<FoundProject> {
  const [{ name, project }, client] = await Promise.all([context.projectOrName(), context.client()]);
  const engine = new HttpEngine(client, context);
  const model = project && projectModel(project);
  const all = (await observeContainers(engine, name)).filter(({ isOneOff }) => !isOneOff);
  const known = new Set([
    ...all.map(({ service }) => service),
    ...Object.keys(model?.services ?? {}),
    ...(model?.disabled ?? []),
  ]);
  for (const service of services) if (!known.has(service)) throw new CliError(`no such service: ${service}`);
  const isOurs = ({ service }: ObservedContainer) =>
    services.length > 0
      ? services.includes(service)
      : model === undefined || Object.hasOwn(model.services, service) || model.disabled.includes(service);
  return { name, model, engine, containers: all.filter(isOurs) };
}

/** Carries out a plan over containers, with progress on standard error. */
export async function runOver(
  context: ComposeContext,
  { engine, model, name, containers }: FoundProject,
  plan: Plan,
  options: Partial<RunOptions> = {},
): Promise<void> {
  if (context.isDryRun) return tellPlan(context, plan, []);
  const display = openProgressDisplay(context, "Running");
  const observed = { name, containers, networks: new Map(), volumes: new Map(), images: new Map() };
  try {
    await runPlan(engine, model, observed, plan, {
      separator: context.separator,
      onProgress: display.take,
      warn: (text) => warn(context, text),
      parallel: parallelLimit(context),
      ...options,
    });
  } finally {
    display.finish();
  }
}

/** Stops the containers of services that run, those that others depend on last. */
export async function stopProject(
  context: ComposeContext,
  engine: HttpEngine,
  model: ProjectModel,
  { services, timeout, onHookOutput }: { services: readonly string[] } & Pick<RunOptions, "timeout" | "onHookOutput">,
): Promise<void> {
  const all = await observeContainers(engine, model.name);
  const containers = all.filter(
    ({ service, isOneOff, state }) =>
      services.includes(service) && !isOneOff && state !== "exited" && state !== "created",
  );
  const found = { engine, model, name: model.name, containers };
  await runOver(context, found, planStop(model.name, containers, model, all), { timeout, onHookOutput });
}
