/** Telling services of changes of their pods. */

import type { Pod, Service } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { Informer } from "../../contract.ts";
import type { Enqueue } from "../control-loop.ts";
import { isReady } from "../pod-state.ts";
import { hasManagedEndpoints } from "./pod-address.ts";

function selects(service: Service, labels: Readonly<Record<string, string>>): boolean {
  const pairs = Object.entries(service.spec?.selector ?? {});
  return hasManagedEndpoints(service) && pairs.every(([key, value]) => labels[key] === value);
}

/** The pods that a service's selector takes. */
export function podsOf(service: Stored<Service>, pods: Informer<Pod>): Stored<Pod>[] {
  return pods.list(service.metadata.namespace).filter((pod) => selects(service, pod.metadata.labels ?? {}));
}

/** What a service knows of a pod; a change of anything else (restart counts, messages …) is no news to it. */
function face(pod: Pod): unknown[] {
  const { phase, podIP, podIPs } = pod.status ?? {};
  const { nodeName, hostname, subdomain } = pod.spec ?? {};
  const { labels, deletionTimestamp } = pod.metadata;
  return [labels, deletionTimestamp === undefined, phase, podIP, podIPs, isReady(pod), nodeName, hostname, subdomain];
}

/** Queues services when they or their pods change. Returns the ends of the subscriptions. */
export function watchServices(services: Informer<Service>, pods: Informer<Pod>, enqueue: Enqueue): (() => void)[] {
  const tell = (namespace: string | undefined, ...labels: (Record<string, string> | undefined)[]) => {
    for (const service of services.list(namespace)) {
      if (labels.some((each) => selects(service, each ?? {}))) enqueue(service);
    }
  };
  return [
    services.subscribe({ added: (o) => enqueue(o), updated: (_, o) => enqueue(o), deleted: (o) => enqueue(o) }),
    pods.subscribe({
      added: ({ metadata }) => tell(metadata.namespace, metadata.labels),
      updated: (before, after) => {
        if (Bun.deepEquals(face(before), face(after))) return;
        tell(after.metadata.namespace, before.metadata.labels, after.metadata.labels);
      },
      deleted: ({ metadata }) => tell(metadata.namespace, metadata.labels),
    }),
  ];
}
