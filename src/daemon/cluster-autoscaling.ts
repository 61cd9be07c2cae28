/** Composition of the cluster's autoscalers: what pods use reaches them from the node that runs the pods. */
import { createHorizontalAutoscaler } from "../kube/autoscaling/horizontal-controller.ts";
import type { PodReading } from "../kube/autoscaling/pod-measures.ts";
import { createVerticalAutoscaler } from "../kube/autoscaling/vertical/vertical-autoscaler.ts";
import type { ClusterPart } from "../kube/contract.ts";
import type { LocalClusterClient } from "../kube/machinery/cluster-client.ts";
import type { Core } from "../kube/machinery/core.ts";
import type { NodeConnection } from "../kube/node/contract.ts";
import { UsageReadings } from "../kube/server/usage-readings.ts";
import type { Pod } from "../model/kubernetes/core.ts";
import type { Stored } from "../model/kubernetes/object.ts";
import type { Log } from "./log.ts";

/** Both autoscalers; the vertical one looks at new pods too. */
export function autoscalers(
  { client, core }: { client: LocalClusterClient; core: Core },
  nodeOf: (name: string) => NodeConnection | undefined,
  log: Log,
): ClusterPart[] {
  const readings = new UsageReadings(client, nodeOf);
  const reading = async (pod: Stored<Pod>): Promise<PodReading | undefined> => {
    const rate = await readings.pod(pod);
    if (rate === undefined) return undefined;
    const bytes = new Map(rate.usage.containers.map(({ name, memoryBytes }) => [name, memoryBytes]));
    return { cores: rate.cores, bytes, at: rate.at, windowMs: rate.windowMs };
  };
  const tools = (part: string) => ({
    client: client.as(part),
    now: Date.now,
    log: (message: string) => log.debug(message, { part }),
    reading,
  });
  const vertical = createVerticalAutoscaler(tools("vertical-pod-autoscaler"));
  core.admission.push(vertical.admission);
  return [createHorizontalAutoscaler(tools("horizontal-pod-autoscaler")), vertical];
}
