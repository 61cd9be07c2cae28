/** Keeps the Endpoints object of every service with a selector. */

import type { Endpoints, Service } from "../../../model/kubernetes/core.ts";
import { ENDPOINTS, PODS, SERVICES } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import { isStatus } from "../../status.ts";
import { type Controller, type ControllerTools, controlLoop, isNamespaceTerminating } from "../control-loop.ts";
import { untilSeen } from "../seen-writes.ts";
import { endpointSubsets, OVER_CAPACITY } from "./legacy-endpoints.ts";
import { hasManagedEndpoints, isHeadless } from "./pod-address.ts";
import { HEADLESS } from "./service-slices.ts";
import { podsOf, watchServices } from "./service-watch.ts";

const NAME = "endpoint-controller";
const MANAGED_BY = "endpoints.kubernetes.io/managed-by";

export function endpointsController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController({ client }: ControllerTools): Controller {
  const services = client.informer(SERVICES);
  const pods = client.informer(PODS);
  const endpoints = client.informer(ENDPOINTS);
  return {
    name: NAME,
    workers: 5,
    informers: [services, pods, endpoints] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      ...watchServices(services, pods, enqueue),
      // Left over from a service that was deleted while nobody looked, or removed by somebody.
      endpoints.subscribe({ added: (o) => enqueue(o), deleted: (o) => enqueue(o) }),
    ],
    async sync({ namespace, name }) {
      const service = services.get(namespace, name);
      const present = endpoints.get(namespace, name);
      if (service === undefined) {
        if (present !== undefined && isOurs(present)) await remove(client, present);
      } else if (hasManagedEndpoints(service)) {
        await write(client, endpointsFor(service, podsOf(service, pods), present), present);
      }
      return undefined;
    },
  };
}

function isOurs(endpoints: Endpoints): boolean {
  return endpoints.metadata.labels?.[MANAGED_BY] === NAME;
}

function endpointsFor(
  service: Stored<Service>,
  pods: Parameters<typeof endpointSubsets>[1],
  present: Stored<Endpoints> | undefined,
): Endpoints {
  const { subsets, truncated } = endpointSubsets(service, pods);
  const { [HEADLESS]: _, ...labels } = service.metadata.labels ?? {};
  const annotations = { ...present?.metadata.annotations };
  delete annotations[OVER_CAPACITY];
  if (truncated) annotations[OVER_CAPACITY] = "truncated";
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      ...present?.metadata,
      name: service.metadata.name,
      namespace: service.metadata.namespace,
      labels: { ...labels, [MANAGED_BY]: NAME, ...(isHeadless(service) ? { [HEADLESS]: "" } : {}) },
      ...(Object.keys(annotations).length === 0 ? { annotations: undefined } : { annotations }),
    },
    ...(subsets.length === 0 ? {} : { subsets }),
  };
}

async function write(
  client: ControllerTools["client"],
  wanted: Endpoints,
  present: Stored<Endpoints> | undefined,
): Promise<void> {
  if (present !== undefined && sameJson(wanted, present)) return;
  const resource = client.resource(ENDPOINTS);
  try {
    const written =
      present === undefined ? await resource.create(wanted.metadata.namespace, wanted) : await resource.update(wanted);
    await untilSeen(client.informer(ENDPOINTS), [written]);
  } catch (error) {
    if (!isNamespaceTerminating(error)) throw error;
  }
}

async function remove(client: ControllerTools["client"], endpoints: Stored<Endpoints>): Promise<void> {
  const { namespace, name, uid } = endpoints.metadata;
  try {
    await client.resource(ENDPOINTS).delete(namespace, name, { preconditions: { uid } });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}
