/** Pods that do not bear a NoExecute taint of their node leave it, at once or when their time is over. */

import type { Pod } from "../../../model/kubernetes/core.ts";
import { NODES, PODS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import type { EventRecorder } from "../../machinery/event-recorder.ts";
import { isStatus } from "../../status.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { markDisrupted } from "../disruption-budgets/eviction.ts";
import { isTerminating } from "../pod-state.ts";
import { indexByNode, podsOn } from "./pods-on-node.ts";
import { stayMs } from "./stay-time.ts";

const NAME = "taint-eviction-controller";
type Tools = ControllerTools & { events: EventRecorder };

export function taintEviction(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController(tools: Tools): Controller {
  const nodes = tools.client.informer(NODES);
  const pods = tools.client.informer(PODS);
  /** Since when a pod's stay is limited (by its uid). */
  const limitedSince = new Map<string, number>();
  indexByNode(pods);
  return {
    name: NAME,
    workers: 8,
    informers: [nodes, pods] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      nodes.subscribe({
        updated: (before, after) => {
          if (sameJson(before.spec?.taints, after.spec?.taints)) return;
          for (const pod of podsOn(pods, after.metadata.name)) enqueue(pod);
        },
      }),
      pods.subscribe({
        added: (pod) => {
          if (pod.spec?.nodeName) enqueue(pod);
        },
        updated: (before, pod) => {
          const isSame =
            before.spec?.nodeName === pod.spec?.nodeName && sameJson(before.spec?.tolerations, pod.spec?.tolerations);
          if (!isSame) enqueue(pod);
        },
        deleted: (pod) => limitedSince.delete(pod.metadata.uid),
      }),
    ],
    async sync({ namespace, name }) {
      const pod = pods.get(namespace, name);
      if (pod === undefined || isTerminating(pod)) return undefined;
      const node = nodes.get(undefined, pod.spec?.nodeName ?? "");
      const stay = stayMs(node?.spec?.taints ?? [], pod.spec?.tolerations ?? []);
      return decide(tools, pod, stay, limitedSince);
    },
  };
}

async function decide(
  tools: Tools,
  pod: Stored<Pod>,
  stay: number | undefined,
  limitedSince: Map<string, number>,
): Promise<number | undefined> {
  const { namespace, name, uid } = pod.metadata;
  const subject = { type: PODS, object: pod };
  if (stay === undefined) {
    if (!limitedSince.delete(uid)) return undefined;
    tools.events.record(subject, "Normal", "TaintManagerEviction", `Cancelling deletion of Pod ${namespace}/${name}`);
    return undefined;
  }
  const since = limitedSince.get(uid) ?? tools.now();
  limitedSince.set(uid, since);
  const left = since + stay - tools.now();
  if (left > 0) return left;
  tools.events.record(subject, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${namespace}/${name}`);
  const text = "Taint manager: deleting due to NoExecute taint";
  await markDisrupted(tools.client, pod, "DeletionByTaintManager", text);
  try {
    await tools.client.resource(PODS).delete(namespace, name, { preconditions: { uid } });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
  limitedSince.delete(uid);
  return undefined;
}
