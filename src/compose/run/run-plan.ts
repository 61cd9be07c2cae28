import type { ComposeEngine, ObservedProject, Plan, Step } from "../contract.ts";
import type { ProjectModel } from "../service-model.ts";
import { awaitService } from "./await-service.ts";
import { removeContainer, stopContainer } from "./container-ends.ts";
import { createContainer, recreateContainer, startContainer } from "./container-steps.ts";
import {
  createNetwork,
  createVolume,
  recreateNetwork,
  recreateVolume,
  removeImage,
  removeNetwork,
  removeVolume,
} from "./resource-steps.ts";
import { finishUpdate, rollBack } from "./roll-back.ts";
import { LiveContainers, type RunContext, type RunOptions } from "./run-context.ts";
import { runSteps } from "./step-graph.ts";

/**
 * Carries out a plan, in parallel as far as its steps allow. A container that is being replaced is never left without either the old
 * or the new one. Throws the first failure, with the service it concerns; an aborted signal ends it between steps.
 * Resolves to the containers as they are then.
 */
export async function runPlan(
  engine: ComposeEngine,
  project: ProjectModel | undefined,
  observed: ObservedProject,
  plan: Plan,
  options: RunOptions,
): Promise<LiveContainers> {
  const stop = new AbortController();
  const outer = options.signal;
  const pass = () => stop.abort(outer?.reason);
  if (outer?.aborted) pass();
  outer?.addEventListener("abort", pass, { once: true });
  const live = new LiveContainers(observed);
  const own = { ...options, signal: stop.signal };
  const progress = { live, kept: [], failed: new Map() };
  const context: RunContext = { engine, project, projectName: plan.project, observed, options: own, ...progress };
  for (const warning of plan.warnings) options.warn(warning);
  try {
    await runSteps(plan.steps, (step) => runStep(context, step), { limit: options.parallel, stop });
  } catch (error) {
    await rollBack(context);
    throw error;
  } finally {
    outer?.removeEventListener("abort", pass);
  }
  return live;
}

async function runStep(context: RunContext, { action }: Step): Promise<void> {
  const { onProgress, signal } = context.options;
  switch (action.kind) {
    case "create-network":
      return await createNetwork(context, action);
    case "recreate-network":
      return await recreateNetwork(context, action);
    case "remove-network":
      return await removeNetwork(context, action);
    case "create-volume":
      return await createVolume(context, action);
    case "recreate-volume":
      return await recreateVolume(context, action);
    case "remove-volume":
      return await removeVolume(context, action);
    case "remove-image":
      return await removeImage(context, action);
    case "create-container":
      return await createContainer(context, action);
    case "recreate-container":
      return await recreateContainer(context, action);
    case "start-container":
      return await startContainer(context, action);
    case "stop-container":
      return await stopContainer(context, { ...action, name: action.container });
    case "remove-container":
      return await removeContainer(context, { ...action, name: action.container }, action.isRunning);
    case "keep-container": {
      const text = action.state === "running" ? "Running" : action.state === "paused" ? "Paused" : "Created";
      return onProgress({ id: `Container ${action.container}`, state: "done", text });
    }
    case "finish-update":
      return await finishUpdate(context, action.id);
    case "wait":
      return await awaitService(context, action);
    case "delay":
      return await pause(action.seconds, signal);
  }
}

async function pause(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, seconds * 1000);
  const stop = () => reject(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
