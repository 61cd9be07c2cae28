/** Keeps histories of containers as objects of the cluster, and finds them again. */

import type { KubeObject, ResourceType, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterClient } from "../../contract.ts";
import { copyOf, sameJson } from "../../machinery/copy.ts";
import { timestamp } from "../../machinery/core.ts";
import { isStatus } from "../../status.ts";
import { CHECKPOINT_KIND, CHECKPOINT_VERSION, type VerticalPodAutoscalerCheckpoint } from "./checkpoint-kind.ts";
import { ContainerHistory } from "./container-history.ts";
import { VERTICAL_API_VERSION, VERTICAL_KIND } from "./vertical-types.ts";

export class Checkpoints {
  constructor(
    private readonly client: ClusterClient,
    private readonly type: ResourceType<VerticalPodAutoscalerCheckpoint>,
    private readonly now: () => number,
  ) {}

  /** By container: what was kept for an autoscaler. */
  restore({ metadata }: Stored<KubeObject>): Map<string, ContainerHistory> {
    const histories = new Map<string, ContainerHistory>();
    for (const { spec, status } of this.client.informer(this.type).list(metadata.namespace)) {
      if (spec?.vpaObjectName !== metadata.name || status?.version !== CHECKPOINT_VERSION) continue;
      histories.set(spec?.containerName ?? "", ContainerHistory.restore(status));
    }
    return histories;
  }

  /** One object a container; they go with the autoscaler. */
  async keep(autoscaler: Stored<KubeObject>, histories: ReadonlyMap<string, ContainerHistory>): Promise<void> {
    for (const [container, history] of histories) {
      const status = { version: CHECKPOINT_VERSION, ...history.save() };
      const name = `${autoscaler.metadata.name}-${container}`;
      try {
        await this.write(autoscaler, container, name, status);
      } catch (error) {
        // Somebody wrote in between, or the namespace ends: the next sample is kept.
        if (!isStatus(error, "Conflict", "NotFound", "AlreadyExists", "Forbidden")) throw error;
      }
    }
  }

  private async write(autoscaler: Stored<KubeObject>, containerName: string, name: string, status: object) {
    const { namespace, name: vpaObjectName, uid } = autoscaler.metadata;
    const resource = this.client.resource(this.type);
    const before = this.client.informer(this.type).get(namespace, name);
    const { lastUpdateTime: _, ...known } = before?.status ?? {};
    if (before !== undefined && sameJson(known, status)) return;
    const told = { ...status, lastUpdateTime: timestamp(this.now()) };
    if (before !== undefined) {
      await resource.update({ ...copyOf(before as VerticalPodAutoscalerCheckpoint), status: told });
      return;
    }
    const owner = { apiVersion: VERTICAL_API_VERSION, kind: VERTICAL_KIND, name: vpaObjectName, uid };
    await resource.create(namespace, {
      apiVersion: VERTICAL_API_VERSION,
      kind: CHECKPOINT_KIND,
      metadata: { name, ...(namespace === undefined ? {} : { namespace }), ownerReferences: [owner] },
      spec: { vpaObjectName, containerName },
      status: told,
    });
  }
}
