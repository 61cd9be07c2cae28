/** Keeps the endpoint slices of every service with a selector. */

import type { Node } from "../../../model/kubernetes/core.ts";
import type { EndpointSlice } from "../../../model/kubernetes/discovery.ts";
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { type Controller, type ControllerTools, controlLoop, type Enqueue } from "../control-loop.ts";
import { controllerReference } from "../ownership.ts";
import { hasManagedEndpoints } from "./pod-address.ts";
import { MANAGED_BY, SERVICE_NAME, SLICE_CONTROLLER, serviceEndpoints, sliceLabels } from "./service-slices.ts";
import { podsOf, watchServices } from "./service-watch.ts";
import { indexSlices, slicesOf, writeSlices } from "./write-slices.ts";

const NAME = "endpoint-slice-controller";
const ZONE = "topology.kubernetes.io/zone";

export function sliceController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController({ client }: ControllerTools): Controller {
  const services = client.informer(SERVICES);
  const pods = client.informer(PODS);
  const slices = client.informer(ENDPOINT_SLICES);
  const nodes = client.informer(NODES);
  indexSlices(slices);
  const zoneOf = (node: string) => nodes.get(undefined, node)?.metadata.labels?.[ZONE];
  return {
    name: NAME,
    workers: 5,
    informers: [services, pods, slices, nodes] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      ...watchServices(services, pods, enqueue),
      watchSlices(slices, enqueue),
      watchZones(nodes, () => {
        for (const service of services.list()) enqueue(service);
      }),
    ],
    async sync({ namespace, name }) {
      const service = services.get(namespace, name);
      // Slices of a service that is gone go with it: it is their owner.
      if (service === undefined || service.metadata.deletionTimestamp !== undefined) return undefined;
      if (!hasManagedEndpoints(service)) return undefined;
      const frame = {
        service: name,
        namespace,
        labels: sliceLabels(service, SLICE_CONTROLLER),
        annotations: undefined,
        owner: controllerReference(SERVICES, service),
      };
      const wanted = serviceEndpoints(service, podsOf(service, pods), zoneOf);
      await writeSlices(client, frame, wanted, slicesOf(slices, namespace, name, SLICE_CONTROLLER));
      return undefined;
    },
  };
}

/** A slice that somebody removed or changed is put right. */
function watchSlices(slices: Informer<EndpointSlice>, enqueue: Enqueue): () => void {
  const tell = ({ metadata: { namespace, labels } }: Stored<EndpointSlice>) => {
    const service = labels?.[SERVICE_NAME];
    if (service !== undefined && labels?.[MANAGED_BY] === SLICE_CONTROLLER) {
      enqueue({ metadata: { name: service, namespace: namespace ?? "" } });
    }
  };
  return slices.subscribe({
    updated: (before, after) => {
      tell(before);
      tell(after);
    },
    deleted: tell,
  });
}

function watchZones(nodes: Informer<Node>, changed: () => void): () => void {
  return nodes.subscribe({
    updated: (before, after) => {
      if (before.metadata.labels?.[ZONE] !== after.metadata.labels?.[ZONE]) changed();
    },
  });
}
