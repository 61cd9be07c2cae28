import { isKind } from "../../lib/errors.ts";
import { runHooks } from "./hooks.ts";
import type { RunContext } from "./run-context.ts";

interface Named {
  id: string;
  name: string;
  service: string;
}

/** Runs its hooks and stops a container. */
export async function stopContainer(context: RunContext, container: Named): Promise<void> {
  const { engine, options, project } = context;
  const id = `Container ${container.name}`;
  options.onProgress({ id, state: "working", text: "Stopping" });
  try {
    await runHooks(context, container, "pre_stop", project?.services[container.service]?.pre_stop);
    await engine.stopContainer(container.id, { timeout: options.timeout });
  } catch (error) {
    if (!isKind(error, "not-found")) {
      options.onProgress({ id, state: "error", text: "Error while Stopping" });
      throw error;
    }
  }
  options.onProgress({ id, state: "done", text: "Stopped" });
}

/** Stops a container that runs, and removes it. */
export async function removeContainer(context: RunContext, container: Named, isRunning: boolean): Promise<void> {
  const { engine, options, live } = context;
  if (isRunning) await stopContainer(context, container);
  const id = `Container ${container.name}`;
  options.onProgress({ id, state: "working", text: "Removing" });
  try {
    await engine.removeContainer(container.id, { force: true, volumes: options.removesAnonymousVolumes });
  } catch (error) {
    const isGoing = isKind(error, "not-found") || /removal .* already in progress/.test((error as Error).message);
    if (!isGoing) {
      options.onProgress({ id, state: "error", text: "Error while Removing" });
      throw error;
    }
  }
  live.remove(container.id);
  options.onProgress({ id, state: "done", text: "Removed" });
}
