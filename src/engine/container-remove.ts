/** Removing a container with everything that was made for it. */
import { rm } from "node:fs/promises";
import { errorText, NaruError } from "../lib/errors.ts";
import type { Container } from "./container.ts";
import { cancelRestart } from "./container-exit.ts";
import { hasProcess, moveState } from "./container-state.ts";
import { killAndWait } from "./container-stop.ts";
import { containerDir, containerRunDir, type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { removeAnonymousVolumes } from "./mount-points.ts";

/** @throws {NaruError} conflict while it runs (without force) or is being removed already */
export async function removeContainer(
  context: EngineContext,
  container: Container,
  options: { force: boolean; volumes: boolean },
): Promise<void> {
  if (container.isRemovalUnderWay) {
    throw new NaruError("conflict", `removal of container ${container.id} is already in progress`);
  }
  if (!options.force) refuseRunning(container);
  container.isRemovalUnderWay = true;
  try {
    for (;;) {
      if (options.force && hasProcess(container.record.state)) await killAndWait(context, container);
      using _turn = await context.locks.acquire(container.id);
      if (hasProcess(container.record.state)) {
        // A start that was under way when the removal began is over now: what it started is killed as well.
        if (options.force) continue;
        refuseRunning(container);
      }
      await cancelRestart(context, container);
      await removeEverything(context, container, options.volumes);
      return;
    }
  } catch (error) {
    container.isRemovalUnderWay = false;
    if (context.containers.find(container.id) === undefined) return;
    throw error;
  }
}

function refuseRunning({ name, record }: Container): void {
  const { status } = record.state;
  const advice: Record<string, string> = {
    running: "container is running: stop the container before removing or force remove",
    paused: "container is paused and must be unpaused first",
    restarting: "container is restarting: stop the container before removing or force remove",
  };
  const words = advice[status];
  if (words !== undefined) throw new NaruError("conflict", `cannot remove container "${name}": ${words}`);
}

async function removeEverything(context: EngineContext, container: Container, volumes: boolean): Promise<void> {
  const { record, id } = container;
  if (record.state.status !== "removing") {
    // Not awaited for durability: a crash now leaves a container that can be removed again.
    void context.containers.note(container, { state: moveState(record.state, "removing") });
  }
  container.output.disconnect();
  const layers = record.mounts.flatMap(({ layerId }) => (layerId === undefined ? [] : [layerId]));
  try {
    await Promise.all([
      ...[id, ...layers].map((layer) => context.images.removeContainerLayer(layer)),
      context.runtime.delete(id, containerRunDir(context, id)),
      removeDirectory(containerDir(context, id)),
    ]);
  } catch (error) {
    await context.containers.note(container, { state: moveState(container.record.state, "dead") });
    throw new NaruError("internal", `cannot remove container "${container.name}": ${errorText(error)}`, {
      cause: error,
    });
  }
  await context.containers.remove(container);
  if (volumes) await removeAnonymousVolumes(context, record);
  publishContainerEvent(context, container, "destroy");
  container.tellRemoved();
}

/** `rm --link`: takes a legacy link away. The name is "/container/alias". */
export async function removeLink(context: EngineContext, name: string): Promise<void> {
  const parts = name.replace(/^\//, "").split("/");
  const owner = context.containers.get(parts[0]!);
  if (parts.length < 2) {
    throw new NaruError("internal", "Conflict, cannot remove the default link name of the container");
  }
  const links = owner.record.links.filter(({ alias }) => alias !== parts[1]);
  if (links.length === owner.record.links.length) throw new NaruError("not-found", `No such link: ${name}`);
  const texts = owner.record.hostConfig.Links?.filter((text) => !text.endsWith(`/${parts[1]}`)) ?? null;
  const hostConfig = { ...owner.record.hostConfig, Links: texts?.length ? texts : null };
  await context.containers.save(owner, { links, hostConfig });
}

/** A second look: a rotated log whose compression ended in between has come back under its other name. */
async function removeDirectory(path: string): Promise<void> {
  const remove = () => rm(path, { recursive: true, force: true });
  await remove().catch(remove);
}
