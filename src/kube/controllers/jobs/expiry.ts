/** Removes finished jobs when their time to live is over. */

import type { Job } from "../../../model/kubernetes/batch.ts";
import { JOBS } from "../../../model/kubernetes/names.ts";
import type { KubeObject } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { isStatus } from "../../status.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { instant } from "../timestamps.ts";
import { isFinished } from "./outcome.ts";

const NAME = "ttl-after-finished-controller";

/** Milliseconds until the job goes; undefined when it stays. */
function lifeLeft(job: Job, now: number): number | undefined {
  const seconds = job.spec?.ttlSecondsAfterFinished;
  if (seconds === undefined || !isFinished(job) || job.metadata.deletionTimestamp !== undefined) return undefined;
  const end = job.status?.conditions?.find(
    (condition) => (condition.type === "Complete" || condition.type === "Failed") && condition.status === "True",
  );
  return Math.max(0, instant(end?.lastTransitionTime, now) + seconds * 1000 - now);
}

export function jobExpiry(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController({ client, now }: ControllerTools): Controller {
  const jobs = client.informer(JOBS);
  return {
    name: NAME,
    workers: 1,
    informers: [jobs as unknown as Informer<KubeObject>],
    watch: (enqueue) => [jobs.subscribe({ added: (job) => enqueue(job), updated: (_, job) => enqueue(job) })],
    async sync({ namespace, name }) {
      const job = jobs.get(namespace, name);
      const left = job === undefined ? undefined : lifeLeft(job, now());
      if (job === undefined || left === undefined || left > 0) return left;
      const { uid, resourceVersion } = job.metadata;
      try {
        const preconditions = { uid, resourceVersion };
        await client.resource(JOBS).delete(namespace, name, { preconditions, propagationPolicy: "Foreground" });
      } catch (error) {
        if (!isStatus(error, "NotFound")) throw error;
      }
      return undefined;
    },
  };
}
