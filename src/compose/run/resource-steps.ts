import { isKind } from "../../lib/errors.ts";
import type { StepAction } from "../contract.ts";
import { networkRequest, volumeRequest } from "../service-containers/resource-requests.ts";
import { removeContainer, stopContainer } from "./container-ends.ts";
import type { RunContext } from "./run-context.ts";

type Action<K extends StepAction["kind"]> = Extract<StepAction, { kind: K }>;

/** Says that something is going on, does it, and says that it is done. */
async function told(context: RunContext, id: string, words: readonly [string, string], work: () => Promise<unknown>) {
  const { onProgress } = context.options;
  onProgress({ id, state: "working", text: words[0] });
  try {
    await work();
  } catch (error) {
    onProgress({ id, state: "error", text: "Error" });
    throw error;
  }
  onProgress({ id, state: "done", text: words[1] });
}

export async function createNetwork(context: RunContext, { key, network }: Action<"create-network">): Promise<void> {
  const request = networkRequest(context.projectName, key, context.project!.networks[key]!);
  await told(context, `Network ${network}`, ["Creating", "Created"], () => context.engine.createNetwork(request));
}

/** Containers on it stop and leave it; they are made anew afterwards. */
export async function recreateNetwork(
  context: RunContext,
  { key, network, id }: Action<"recreate-network">,
): Promise<void> {
  const { engine, observed } = context;
  const joined = observed.containers.filter((each) => each.networks[network] !== undefined);
  await Promise.all(
    joined.map(async (container) => {
      if (container.state === "running") await stopContainer(context, container);
      await engine.disconnectNetwork(id, container.id, { force: true }).catch((error: unknown) => {
        if (!isKind(error, "not-found") && !isKind(error, "conflict")) throw error;
      });
    }),
  );
  await told(context, `Network ${network}`, ["Removing", "Removed"], () => engine.removeNetwork(id));
  await createNetwork(context, { kind: "create-network", key, network });
}

/** A network that is in use by others stays, and that is said. */
export async function removeNetwork(context: RunContext, { network, id }: Action<"remove-network">): Promise<void> {
  const { engine, options } = context;
  options.onProgress({ id: `Network ${network}`, state: "working", text: "Removing" });
  try {
    await engine.removeNetwork(id);
    options.onProgress({ id: `Network ${network}`, state: "done", text: "Removed" });
  } catch (error) {
    const isGone = isKind(error, "not-found");
    const isUsed = /active endpoints/.test((error as Error).message);
    if (!isGone && !isUsed) throw error;
    options.onProgress({
      id: `Network ${network}`,
      state: "warning",
      text: isGone ? "No resource found to remove" : "Resource is still in use",
    });
  }
}

export async function createVolume(context: RunContext, { key, volume }: Action<"create-volume">): Promise<void> {
  const request = volumeRequest(context.projectName, key, context.project!.volumes[key]!);
  await told(context, `Volume ${volume}`, ["Creating", "Created"], () => context.engine.createVolume(request));
}

/** Its containers go with it. */
export async function recreateVolume(
  context: RunContext,
  { key, volume, usedBy }: Action<"recreate-volume">,
): Promise<void> {
  await Promise.all(usedBy.map((container) => removeContainer(context, container, container.state === "running")));
  await context.engine.removeVolume(volume);
  await createVolume(context, { kind: "create-volume", key, volume });
}

export async function removeVolume(context: RunContext, { volume }: Action<"remove-volume">): Promise<void> {
  await removed(context, `Volume ${volume}`, () => context.engine.removeVolume(volume, { force: true }));
}

export async function removeImage(context: RunContext, { image }: Action<"remove-image">): Promise<void> {
  await removed(context, `Image ${image}`, () => context.engine.removeImage(image));
}

async function removed(context: RunContext, id: string, work: () => Promise<unknown>): Promise<void> {
  const { onProgress } = context.options;
  onProgress({ id, state: "working", text: "Removing" });
  try {
    await work();
    onProgress({ id, state: "done", text: "Removed" });
  } catch (error) {
    if (isKind(error, "not-found")) onProgress({ id, state: "warning", text: "No resource found to remove" });
    else if (isKind(error, "conflict")) onProgress({ id, state: "warning", text: "Resource is still in use" });
    else throw error;
  }
}
