/** Ending a pod's containers in their order, and taking away what was made for them. */

import { errorText, isKind } from "../../lib/errors.ts";
import type { ContainerSlot } from "./container-slot.ts";
import type { NodeContext } from "./node-context.ts";
import type { PodWorker } from "./pod-worker.ts";
import { removePodFiles } from "./volumes/pod-volumes.ts";

/** How long traffic may take to be led elsewhere before the containers are told to stop all the same. */
const MAX_DRAIN_MS = 2000;

/**
 * Containers first, sidecars after them in reverse order; then the sandbox. Files go only with a pod that was deleted.
 * @param hurry aborted when the time for an orderly end is over
 */
export async function stopPod(context: NodeContext, worker: PodWorker, hurry: AbortSignal): Promise<void> {
  const slots = [...worker.slots.values()];
  const sidecars = slots.filter(({ container }) => container.kind === "sidecar");
  const others = slots.filter(({ container }) => container.kind !== "sidecar");
  const isDeleted = worker.pod.metadata.deletionTimestamp !== undefined;
  if (isDeleted && context.connectionsEnded !== undefined && slots.some(({ isRunning }) => isRunning)) {
    const limit = AbortSignal.any([hurry, AbortSignal.timeout(MAX_DRAIN_MS)]);
    await context.connectionsEnded(worker.pod, limit).catch(() => {});
  }
  await Promise.all(others.map((slot) => stop(slot, hurry)));
  for (const slot of sidecars.reverse()) await stop(slot, hurry);
  await context.engine.pods.close(worker.pod.metadata.uid);
}

function stop(slot: ContainerSlot, hurry: AbortSignal): Promise<void> {
  return slot.stop(`Stopping container ${slot.name}`, hurry);
}

/** Containers and files of a pod that is gone. Idempotent. */
export async function removePod(
  context: Pick<NodeContext, "engine" | "log" | "dataRoot" | "runRoot">,
  uid: string,
  containerIds: readonly string[],
): Promise<void> {
  await Promise.all(
    containerIds.map((id) =>
      context.engine.containers.remove(id, { force: true, volumes: true, link: false }).catch((error) => {
        if (!isKind(error, "not-found")) context.log.warn(`container ${id} of a pod stays: ${errorText(error)}`);
      }),
    ),
  );
  await context.engine.pods.close(uid);
  await removePodFiles(context, uid);
}
