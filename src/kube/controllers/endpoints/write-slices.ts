/** Writing a plan of slices. */

import type { EndpointSlice } from "../../../model/kubernetes/discovery.ts";
import type { OwnerReference } from "../../../model/kubernetes/meta.ts";
import { ENDPOINT_SLICES } from "../../../model/kubernetes/names.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterClient, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import { isStatus } from "../../status.ts";
import { isNamespaceTerminating } from "../control-loop.ts";
import { untilSeen } from "../seen-writes.ts";
import { MANAGED_BY, SERVICE_NAME } from "./service-slices.ts";
import { type EndpointGroup, planSlices } from "./slice-plan.ts";

const BY_SERVICE = "slices-of-service";

/** What all slices of a service have in common. */
interface SliceFrame {
  service: string;
  namespace: string | undefined;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>> | undefined;
  owner: OwnerReference;
}

export function indexSlices(slices: Informer<EndpointSlice>): void {
  slices.addIndex(BY_SERVICE, ({ metadata: { namespace, labels } }) => [
    `${namespace}/${labels?.[SERVICE_NAME]} ${labels?.[MANAGED_BY]}`,
  ]);
}

/** The slices of a service that this controller keeps. */
export function slicesOf(
  slices: Informer<EndpointSlice>,
  namespace: string | undefined,
  service: string,
  managedBy: string,
): readonly Stored<EndpointSlice>[] {
  return slices.byIndex(BY_SERVICE, `${namespace}/${service} ${managedBy}`);
}

/** Brings the slices of a service to `wanted`, with as few writes as will do. */
export async function writeSlices(
  client: ClusterClient,
  frame: SliceFrame,
  wanted: readonly EndpointGroup[],
  existing: readonly Stored<EndpointSlice>[],
): Promise<void> {
  const resource = client.resource(ENDPOINT_SLICES);
  const plan = planSlices(wanted, existing);
  const changed = new Map(plan.update.map(({ slice, endpoints }) => [slice, endpoints]));
  const removed = new Set(plan.remove);
  const written: Stored<EndpointSlice>[] = [];
  for (const slice of existing) {
    if (removed.has(slice)) continue;
    const metadata = { ...slice.metadata, labels: frame.labels, annotations: frame.annotations };
    if (!changed.has(slice) && sameJson(metadata, slice.metadata)) continue;
    written.push(await resource.update({ ...slice, metadata, endpoints: changed.get(slice) ?? slice.endpoints }));
  }
  try {
    for (const group of plan.create) written.push(await resource.create(frame.namespace, newSlice(frame, group)));
  } catch (error) {
    if (!isNamespaceTerminating(error)) throw error;
  }
  for (const slice of plan.remove) await removeSlice(client, slice);
  await untilSeen(client.informer(ENDPOINT_SLICES), written, plan.remove);
}

function newSlice(frame: SliceFrame, group: EndpointGroup): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${frame.service}-`,
      namespace: frame.namespace,
      labels: { ...frame.labels },
      ...(frame.annotations === undefined ? {} : { annotations: { ...frame.annotations } }),
      ownerReferences: [frame.owner],
    },
    addressType: group.addressType,
    endpoints: group.endpoints,
    ports: group.ports,
  };
}

/** A slice that is gone already is no failure. */
export async function removeSlice(client: ClusterClient, slice: Stored<EndpointSlice>): Promise<void> {
  const { namespace, name, uid } = slice.metadata;
  try {
    await client.resource(ENDPOINT_SLICES).delete(namespace, name, { preconditions: { uid } });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}
