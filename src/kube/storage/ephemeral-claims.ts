/** Makes the claims of pods' generic ephemeral volumes: owned by the pod, so that they go with it. */

import { PERSISTENT_VOLUME_CLAIMS, PODS } from "../../model/kubernetes/names.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../contract.ts";
import { type Controller, type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { controllerReference, isControlledBy } from "../controllers/ownership.ts";
import { hasEnded } from "../controllers/pod-state.ts";
import type { EventRecorder } from "../machinery/event-recorder.ts";

const NAME = "ephemeral-volume";

export function ephemeralClaimController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController({ client, events }: ControllerTools & { events: EventRecorder }): Controller {
  const pods = client.informer(PODS);
  const claims = client.informer(PERSISTENT_VOLUME_CLAIMS);
  return {
    name: NAME,
    workers: 2,
    informers: [pods, claims] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      pods.subscribe({ added: (pod) => pod.spec?.volumes?.some(({ ephemeral }) => ephemeral) && enqueue(pod) }),
    ],
    async sync({ namespace, name }) {
      const pod = pods.get(namespace, name);
      if (pod === undefined || pod.metadata.deletionTimestamp !== undefined || hasEnded(pod)) return undefined;
      for (const volume of pod.spec?.volumes ?? []) {
        const template = volume.ephemeral?.volumeClaimTemplate;
        if (template === undefined) continue;
        const claimName = `${name}-${volume.name}`;
        const known = claims.get(namespace, claimName);
        if (known !== undefined) {
          if (isControlledBy(known, pod)) continue;
          const message = `PVC "${namespace}/${claimName}" was not created for pod "${namespace}/${name}" (pod is not owner)`;
          events.record({ type: PODS, object: pod }, "Warning", "FailedAttachVolume", message);
          continue;
        }
        const { labels, annotations } = template.metadata ?? {};
        await client.resource(PERSISTENT_VOLUME_CLAIMS).create(namespace, {
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          metadata: {
            name: claimName,
            ...(namespace === undefined ? {} : { namespace }),
            ...(labels === undefined ? {} : { labels }),
            ...(annotations === undefined ? {} : { annotations }),
            ownerReferences: [controllerReference(PODS, pod)],
          },
          spec: template.spec,
        });
      }
      return undefined;
    },
  };
}
