/** Keeps the status of quotas true when objects go or end; what new objects use is written down by admission. */

import type { Pod, ResourceQuota } from "../../../model/kubernetes/core.ts";
import { PODS, RESOURCE_QUOTAS, SERVICES } from "../../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import { type Controller, type ControllerTools, controlLoop, type Enqueue } from "../control-loop.ts";
import { countedUsage, quotaStatus } from "./quota-status.ts";

const NAME = "resourcequota-controller";
/** Counts that went wrong (an object was admitted and then not stored) are set right so soon. */
const COUNT_AGAIN_MS = 5 * 60_000;

export function resourceQuotaController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController({ client, now }: ControllerTools): Controller {
  const quotas = client.informer(RESOURCE_QUOTAS);
  return {
    name: NAME,
    workers: 2,
    informers: [quotas as unknown as Informer<KubeObject>],
    watch(enqueue) {
      const ends = [
        quotas.subscribe({
          added: (quota) => enqueue(quota),
          updated: (before, quota) => {
            if (!sameJson(before.spec, quota.spec)) enqueue(quota);
          },
        }),
      ];
      return [...ends, watchUsers(client, quotas, enqueue)];
    },
    async sync({ namespace, name }) {
      const quota = quotas.get(namespace, name);
      if (quota === undefined) return undefined;
      const status = quotaStatus(quota, countedUsage(client, quota, now()));
      if (!sameJson(status, quota.status)) await client.resource(RESOURCE_QUOTAS).updateStatus({ ...quota, status });
      return COUNT_AGAIN_MS;
    },
  };
}

/** Follows every kind that is served, also those that come later. */
function watchUsers(client: ControllerTools["client"], quotas: Informer<ResourceQuota>, enqueue: Enqueue): () => void {
  const followed = new Map<unknown, () => void>();
  const follow = () => {
    for (const type of client.types()) {
      const informer = client.informer(type);
      if (!type.namespaced || followed.has(informer)) continue;
      followed.set(informer, informer.subscribe(userHandler(type, quotas, enqueue)));
    }
  };
  follow();
  const end = client.onTypesChanged(follow);
  return () => {
    end();
    for (const stop of followed.values()) stop();
  };
}

function userHandler(type: ResourceType, quotas: Informer<ResourceQuota>, enqueue: Enqueue) {
  const recount = ({ metadata }: Stored<KubeObject>) => {
    for (const quota of quotas.list(metadata.namespace)) enqueue(quota);
  };
  const phase = (pod: KubeObject) => (pod as Pod).status?.phase;
  const isPod = type.group === PODS.group && type.resource === PODS.resource;
  const isService = type.group === SERVICES.group && type.resource === SERVICES.resource;
  return {
    deleted: recount,
    updated(before: Stored<KubeObject>, after: Stored<KubeObject>) {
      if (isPod ? phase(before) !== phase(after) : isService) recount(after);
    },
  };
}
