/** The cluster ends for good: what runs for it ends too, and what was made for its pods goes. Their objects stay. */

import type { Engine } from "../../engine/contract.ts";
import { errorText } from "../../lib/errors.ts";
import { findPodContainers } from "./found-containers.ts";
import type { NodeLog } from "./node-context.ts";
import { removePodNetwork } from "./pod-network.ts";
import { removePod } from "./stop-pod.ts";

/** After the node agent has ended. Containers have `graceSeconds` to end. What cannot be removed is told in the log. */
export async function endAllPods(
  engine: Engine,
  roots: { dataRoot: string; runRoot: string; log: NodeLog },
  graceSeconds: number,
): Promise<void> {
  const found = await findPodContainers(engine);
  const uids = new Set([...found.keys(), ...engine.pods.list().map(({ id }) => id)]);
  await Promise.all(
    [...uids].map(async (uid) => {
      const runs = [...(found.get(uid)?.values() ?? [])].flat();
      const running = runs.filter(({ phase }) => phase === "running");
      // One that ends meanwhile has ended.
      const stops = running.map(({ containerId }) =>
        engine.containers.stop(containerId, { timeoutSeconds: graceSeconds }),
      );
      await Promise.allSettled(stops);
      await removePod(
        { ...roots, engine },
        uid,
        runs.map(({ containerId }) => containerId),
      ).catch((error) => roots.log.warn(`what a pod left was not removed: ${errorText(error)}`));
    }),
  );
  await removePodNetwork(engine).catch((error) => roots.log.warn(`the network of pods stays: ${errorText(error)}`));
}
