/** An IPAddress object for each cluster address that a service has, and none for those that no service has any more. */

import type { Service } from "../../../model/kubernetes/core.ts";
import { IP_ADDRESSES, SERVICES } from "../../../model/kubernetes/names.ts";
import type { IPAddress, ParentReference } from "../../../model/kubernetes/networking.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart } from "../../contract.ts";
import { type ControllerTools, controlLoop } from "../control-loop.ts";
import { ADDRESS_FAMILY, ALLOCATOR, isOfService, MANAGED_BY } from "./service-ranges.ts";

const BY_ADDRESS = "cluster-address";

export function serviceAddressController(tools: ControllerTools): ClusterPart {
  return controlLoop("ipallocator-repair-controller", tools, ({ client, events }) => {
    const services = client.informer(SERVICES);
    const addresses = client.informer(IP_ADDRESSES);
    services.addIndex(BY_ADDRESS, addressesOf);
    return {
      name: "service-addresses",
      workers: 1,
      informers: [services, addresses],
      watch: (enqueue) => {
        const enqueueAll = (service: Service) => {
          for (const name of addressesOf(service)) enqueue({ metadata: { name } });
        };
        return [
          services.subscribe({
            added: enqueueAll,
            updated: (before, service) => {
              if (before.spec?.clusterIP !== service.spec?.clusterIP)
                for (const one of [before, service]) enqueueAll(one);
            },
            deleted: enqueueAll,
          }),
          addresses.subscribe({ added: enqueue, deleted: enqueue }),
        ];
      },
      async sync({ name }) {
        const service = services.byIndex(BY_ADDRESS, name)[0];
        const present = addresses.get(undefined, name);
        if (present === undefined) {
          if (service !== undefined) await client.resource(IP_ADDRESSES).create(undefined, addressOf(name, service));
          return undefined;
        }
        if (service !== undefined && isParent(present.spec?.parentRef, service)) return undefined;
        if (isOfService(present)) {
          const preconditions = { uid: present.metadata.uid };
          await client.resource(IP_ADDRESSES).delete(undefined, name, { preconditions });
        } else if (service !== undefined) {
          const why = `the address ${name} is held by an IPAddress object of somebody else`;
          events.record({ type: SERVICES, object: service }, "Warning", "ClusterIPNotAllocated", why);
        }
        return undefined;
      },
    };
  });
}

function addressesOf({ spec }: Service): string[] {
  const address = spec?.clusterIP;
  return spec?.type === "ExternalName" || !address || address === "None" ? [] : [address];
}

function isParent(parent: ParentReference | undefined, { metadata }: Stored<Service>): boolean {
  return (
    parent?.resource === SERVICES.resource &&
    (parent.group ?? "") === "" &&
    parent.namespace === metadata.namespace &&
    parent.name === metadata.name
  );
}

function addressOf(name: string, { metadata }: Stored<Service>): IPAddress {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "IPAddress",
    metadata: { name, labels: { [ADDRESS_FAMILY]: "IPv4", [MANAGED_BY]: ALLOCATOR } },
    spec: {
      parentRef: { group: "", resource: SERVICES.resource, namespace: metadata.namespace ?? "", name: metadata.name },
    },
  };
}
