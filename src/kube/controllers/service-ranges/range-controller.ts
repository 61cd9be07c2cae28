/** Says which ranges of service addresses are ready, and lets one that is deleted go when no service has an address of it alone. */

import type { Condition } from "../../../model/kubernetes/meta.ts";
import { IP_ADDRESSES, SERVICE_CIDRS, SERVICES } from "../../../model/kubernetes/names.ts";
import type { ServiceCIDR } from "../../../model/kubernetes/networking.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart } from "../../contract.ts";
import { copyOf, sameJson } from "../../machinery/copy.ts";
import { timestamp } from "../../machinery/core.ts";
import { SERVICE_CIDR_FINALIZER } from "../../resources/service-ranges.ts";
import { type ControllerTools, controlLoop } from "../control-loop.ts";
import { withCondition } from "../status-conditions.ts";
import { addressesOnlyIn } from "./service-ranges.ts";

/** A service that was given an address in the moment of the deletion is stored by then. */
const SETTLED_MS = 100;

const STILL_USED =
  "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";

export function serviceRangeController(tools: ControllerTools): ClusterPart {
  return controlLoop("service-cidr-controller", tools, ({ client, now }) => {
    const ranges = client.informer(SERVICE_CIDRS);
    const addresses = client.informer(IP_ADDRESSES);
    const services = client.informer(SERVICES);
    const ending = new Set<string>();
    const letGo = async (range: Stored<ServiceCIDR>): Promise<number | undefined> => {
      const { uid } = range.metadata;
      if (!ending.has(uid)) {
        ending.add(uid);
        return SETTLED_MS;
      }
      if (isNeeded(client, range)) {
        await tellReady(client, range, { status: "False", reason: "Terminating", message: STILL_USED }, now());
        return undefined;
      }
      await withoutFinalizer(client, range);
      ending.delete(uid);
      return undefined;
    };
    return {
      name: "service-cidrs",
      workers: 1,
      informers: [ranges, addresses, services],
      watch: (enqueue) => {
        const enqueueEnding = () => {
          for (const range of ranges.list()) if (range.metadata.deletionTimestamp !== undefined) enqueue(range);
        };
        const added = (range: Stored<ServiceCIDR>) => {
          enqueue(range);
          enqueueEnding();
        };
        return [
          ranges.subscribe({ added, updated: (_, range) => enqueue(range) }),
          addresses.subscribe({ deleted: enqueueEnding }),
        ];
      },
      async sync({ name }) {
        const range = ranges.get(undefined, name);
        if (range === undefined) return undefined;
        if (range.metadata.deletionTimestamp === undefined) {
          await tellReady(client, range, IS_READY, now());
          return undefined;
        }
        return range.metadata.finalizers?.includes(SERVICE_CIDR_FINALIZER) ? await letGo(range) : undefined;
      },
    };
  });
}

type Verdict = Pick<Condition, "status" | "reason" | "message">;
const IS_READY: Verdict = { status: "True", reason: "", message: "Kubernetes Service CIDR is ready" };

async function tellReady(
  client: ClusterClient,
  range: Stored<ServiceCIDR>,
  verdict: Verdict,
  now: number,
): Promise<void> {
  const next = { type: "Ready", ...verdict, lastTransitionTime: timestamp(now) };
  const conditions = withCondition(range.status?.conditions, next);
  if (sameJson(conditions, range.status?.conditions)) return;
  await client.resource(SERVICE_CIDRS).updateStatus({ ...copyOf(range as ServiceCIDR), status: { conditions } });
}

/** True while an address that somebody has is in this range alone. */
function isNeeded(client: ClusterClient, range: Stored<ServiceCIDR>): boolean {
  const others = client
    .informer(SERVICE_CIDRS)
    .list()
    .filter((one) => one !== range);
  const used = [
    ...client
      .informer(IP_ADDRESSES)
      .list()
      .map(({ metadata }) => metadata.name),
    ...client
      .informer(SERVICES)
      .list()
      .flatMap(({ spec }) => spec?.clusterIPs ?? []),
  ];
  return addressesOnlyIn(range, others, used).length > 0;
}

async function withoutFinalizer(client: ClusterClient, range: Stored<ServiceCIDR>): Promise<void> {
  const changed = copyOf(range as ServiceCIDR);
  changed.metadata.finalizers = (changed.metadata.finalizers ?? []).filter((one) => one !== SERVICE_CIDR_FINALIZER);
  await client.resource(SERVICE_CIDRS).update(changed);
}
