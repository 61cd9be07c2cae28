/** Pods whose node is gone: nobody else can end them. */

import type { Pod } from "../../../model/kubernetes/core.ts";
import { NODES, PODS } from "../../../model/kubernetes/names.ts";
import type { KubeObject } from "../../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart, Informer } from "../../contract.ts";
import { isStatus } from "../../status.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { markDisrupted } from "../disruption-budgets/eviction.ts";
import { hasEnded } from "../pod-state.ts";
import { indexByNode, podsOn } from "./pods-on-node.ts";

const NAME = "pod-garbage-collector";
/** A node may come back, or be made a moment after its first pod. */
const QUARANTINE_MS = 40_000;

export function lostPodCollector(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController({ client, now }: ControllerTools): Controller {
  const nodes = client.informer(NODES);
  const pods = client.informer(PODS);
  const missingSince = new Map<string, number>();
  indexByNode(pods);
  return {
    name: NAME,
    workers: 1,
    informers: [nodes, pods] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      nodes.subscribe({ added: (node) => missingSince.delete(node.metadata.name), deleted: (node) => enqueue(node) }),
      pods.subscribe({
        added: ({ spec }) => {
          if (spec?.nodeName) enqueue({ metadata: { name: spec.nodeName } });
        },
        updated: (before, { spec }) => {
          if (spec?.nodeName && spec.nodeName !== before.spec?.nodeName) enqueue({ metadata: { name: spec.nodeName } });
        },
      }),
    ],
    async sync({ name }) {
      if (nodes.get(undefined, name) !== undefined || podsOn(pods, name).length === 0) {
        missingSince.delete(name);
        return undefined;
      }
      const since = missingSince.get(name) ?? now();
      missingSince.set(name, since);
      const left = since + QUARANTINE_MS - now();
      if (left > 0) return left;
      await collect(client, pods, name);
      missingSince.delete(name);
      return undefined;
    },
  };
}

async function collect(client: ClusterClient, pods: Informer<Pod>, node: string) {
  for (const pod of podsOn(pods, node)) {
    const { namespace, name, uid } = pod.metadata;
    const phase = hasEnded(pod) ? undefined : "Failed";
    await markDisrupted(client, pod, "DeletionByPodGC", "PodGC: node no longer exists", phase);
    try {
      await client.resource(PODS).delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }
}
