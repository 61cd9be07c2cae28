/** Says which ranges of service addresses are ready, and lets one that is deleted go when no service has an address of it alone. */

import type { Condition } from "../../../model/kubernetes/meta.ts";
import { IP_ADDRESSES, SERVICE_CIDRS, SERVICES } from "../../../model/kubernetes/names.ts";
import type { ServiceCIDR } from "../../../model/kubernetes/networking.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart } from "../../contract.ts";
import { copyOf, sameJson } from "../../machinery/copy.ts";
import { timestamp } from "../../machinery/core.ts";
import { SERVICE_CIDR_FINALIZER } from "../../resources/service-ranges.ts";
import { type ControllerTools, controlLoop } from "../control-loop.ts";
import { withCondition } from "../status-conditions.ts";
import { addressesOnlyIn } from "./service-ranges.ts";

/** A service that was given an address in the moment of the deletion is stored by then. */
const SETTLED_MS = 100;

export function serviceRangeController(tools: ControllerTools): ClusterPart {
  return controlLoop("service-cidr-controller", tools, ({ client, now }) => {
    const ranges = client.informer(SERVICE_CIDRS);
    const addresses = client.informer(IP_ADDRESSES);
    const services = client.informer(SERVICES);
    const ending = new Set<string>();
    const tellReady = async (
      range: Stored<ServiceCIDR>,
      condition: Pick<Condition, "status" | "reason" | "message">,
    ) => {
      const next = { type: "Ready", ...condition, lastTransitionTime: timestamp(now()) };
      const conditions = withCondition(range.status?.conditions, next);
      if (sameJson(conditions, range.status?.conditions)) return;
      await client.resource(SERVICE_CIDRS).updateStatus({ ...copyOf(range as ServiceCIDR), status: { conditions } });
    };
    const letGo = async (range: Stored<ServiceCIDR>): Promise<number | undefined> => {
      const { uid } = range.metadata;
      if (!ending.has(uid)) {
        ending.add(uid);
        return SETTLED_MS;
      }
      const others = ranges.list().filter((one) => one !== range);
      const used = [
        ...addresses.list().map(({ metadata }) => metadata.name),
        ...services.list().flatMap(({ spec }) => spec?.clusterIPs ?? []),
      ];
      if (addressesOnlyIn(range, others, used).length > 0) {
        const message =
          "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";
        await tellReady(range, { status: "False", reason: "Terminating", message });
        return undefined;
      }
      const changed = copyOf(range as ServiceCIDR);
      const finalizers = (changed.metadata.finalizers ?? []).filter((one) => one !== SERVICE_CIDR_FINALIZER);
      changed.metadata.finalizers = finalizers;
      await client.resource(SERVICE_CIDRS).update(changed);
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
        return [
          ranges.subscribe({
            added: (range) => {
              enqueue(range);
              enqueueEnding();
            },
            updated: (_, range) => enqueue(range),
          }),
          addresses.subscribe({ deleted: enqueueEnding }),
        ];
      },
      async sync({ name }) {
        const range = ranges.get(undefined, name);
        if (range === undefined) return undefined;
        if (range.metadata.deletionTimestamp === undefined) {
          await tellReady(range, { status: "True", reason: "", message: "Kubernetes Service CIDR is ready" });
          return undefined;
        }
        return range.metadata.finalizers?.includes(SERVICE_CIDR_FINALIZER) ? await letGo(range) : undefined;
      },
    };
  });
}
