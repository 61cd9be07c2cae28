/** Pods that are told to go before they have a node, and that something holds back: no node will ever say that they ended. */

import type { Pod } from "../../../model/kubernetes/core.ts";
import { PODS } from "../../../model/kubernetes/names.ts";
import type { KubeObject } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { isStatus } from "../../status.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { hasEnded, isTerminating } from "../pod-state.ts";

const NAME = "unscheduled-pod-collector";

export function unscheduledPodCollector(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function isForgotten(pod: Pod): boolean {
  return isTerminating(pod) && !hasEnded(pod) && (pod.spec?.nodeName ?? "") === "";
}

function makeController({ client }: ControllerTools): Controller {
  const pods = client.informer(PODS);
  return {
    name: NAME,
    workers: 1,
    informers: [pods as unknown as Informer<KubeObject>],
    watch: (enqueue) => [
      pods.subscribe({
        added: (pod) => {
          if (isForgotten(pod)) enqueue(pod);
        },
        updated: (_, pod) => {
          if (isForgotten(pod)) enqueue(pod);
        },
      }),
    ],
    async sync({ namespace, name }) {
      const pod = pods.get(namespace, name);
      if (pod === undefined || !isForgotten(pod)) return undefined;
      try {
        // Whoever waits for its end (a job that counts it) is told that it has failed.
        await client.resource(PODS).updateStatus({ ...pod, status: { ...pod.status, phase: "Failed" } });
      } catch (error) {
        if (!isStatus(error, "NotFound")) throw error;
      }
      return undefined;
    },
  };
}
