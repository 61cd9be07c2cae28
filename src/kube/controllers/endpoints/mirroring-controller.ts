/** Mirrors Endpoints that were written by hand into endpoint slices, for readers that know only those. */

import type { Endpoints, Service } from "../../../model/kubernetes/core.ts";
import { ENDPOINT_SLICES, ENDPOINTS, SERVICES } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { controllerReference } from "../ownership.ts";
import { mirroredGroups } from "./mirrored-endpoints.ts";
import { MANAGED_BY, SERVICE_NAME } from "./service-slices.ts";
import { indexSlices, removeSlice, slicesOf, writeSlices } from "./write-slices.ts";

const NAME = "endpoint-slice-mirroring-controller";
const MIRRORED_BY = "endpointslicemirroring-controller.k8s.io";
const SKIP = "endpointslice.kubernetes.io/skip-mirror";
/** Annotations that say something of the Endpoints object alone. */
const NOT_COPIED = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "endpoints.kubernetes.io/over-capacity",
]);

export function mirroringController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController({ client }: ControllerTools): Controller {
  const services = client.informer(SERVICES);
  const endpoints = client.informer(ENDPOINTS);
  const slices = client.informer(ENDPOINT_SLICES);
  indexSlices(slices);
  return {
    name: NAME,
    workers: 2,
    informers: [services, endpoints, slices] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      services.subscribe({ added: (o) => enqueue(o), updated: (_, o) => enqueue(o), deleted: (o) => enqueue(o) }),
      endpoints.subscribe({ added: (o) => enqueue(o), updated: (_, o) => enqueue(o), deleted: (o) => enqueue(o) }),
      slices.subscribe({
        deleted: ({ metadata: { namespace, labels } }) => {
          const name = labels?.[SERVICE_NAME];
          if (labels?.[MANAGED_BY] === MIRRORED_BY && name !== undefined) {
            enqueue({ metadata: { name, namespace: namespace ?? "" } });
          }
        },
      }),
    ],
    async sync({ namespace, name }) {
      const written = endpoints.get(namespace, name);
      const mirrored = slicesOf(slices, namespace, name, MIRRORED_BY);
      if (written === undefined || !isMirrored(services.get(namespace, name), written)) {
        for (const slice of mirrored) await removeSlice(client, slice);
        return undefined;
      }
      await writeSlices(client, frameOf(written), mirroredGroups(written.subsets ?? []), mirrored);
      return undefined;
    },
  };
}

function isMirrored(service: Service | undefined, endpoints: Stored<Endpoints>): boolean {
  if (service === undefined || Object.keys(service.spec?.selector ?? {}).length > 0) return false;
  return endpoints.metadata.labels?.[SKIP] !== "true" && endpoints.metadata.deletionTimestamp === undefined;
}

function frameOf(endpoints: Stored<Endpoints>) {
  const { name, namespace, labels, annotations } = endpoints.metadata;
  const copied = Object.entries(annotations ?? {}).filter(([key]) => !NOT_COPIED.has(key));
  return {
    service: name,
    namespace,
    labels: { ...labels, [MANAGED_BY]: MIRRORED_BY, [SERVICE_NAME]: name },
    annotations: copied.length === 0 ? undefined : Object.fromEntries(copied),
    owner: controllerReference(ENDPOINTS, endpoints),
  };
}
