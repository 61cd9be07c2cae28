/** Gives services of type LoadBalancer an address: this machine's own, on which the service proxy answers them. */

import type { Service } from "../../model/kubernetes/core.ts";
import { SERVICES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterPart } from "../contract.ts";
import { type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { copyOf, sameJson } from "../machinery/copy.ts";
import { balancedPort } from "./service-ways.ts";

interface LoadBalancerOptions extends ControllerTools {
  /** This machine's address for others. */
  address(): string;
}

export function createLoadBalancer(options: LoadBalancerOptions): ClusterPart {
  return controlLoop("service-load-balancer", options, ({ client, events }) => {
    const services = client.informer(SERVICES);
    const isOurs = ({ spec }: Service) => spec?.type === "LoadBalancer" && spec.loadBalancerClass === undefined;
    /** An older service that has one of the ports. */
    const rival = (service: Stored<Service>): Stored<Service> | undefined => {
      const ports = new Set((service.spec?.ports ?? []).map(balancedPort));
      return services.list().find((other) => {
        if (!isOurs(other) || other.metadata.uid === service.metadata.uid) return false;
        const [mine, theirs] = [service.metadata, other.metadata];
        const isOlder =
          theirs.creationTimestamp < mine.creationTimestamp ||
          (theirs.creationTimestamp === mine.creationTimestamp && theirs.uid < mine.uid);
        return isOlder && (other.spec?.ports ?? []).some((port) => ports.has(balancedPort(port)));
      });
    };
    return {
      name: "service-load-balancer",
      workers: 1,
      informers: [services],
      watch(enqueue) {
        // A service that goes or changes may leave its ports to others.
        const others = (changed: Stored<Service>) => {
          enqueue(changed);
          for (const service of services.list()) if (isOurs(service)) enqueue(service);
        };
        return [
          services.subscribe({
            added: enqueue,
            updated: (before, after) => (isOurs(before) ? others(after) : enqueue(after)),
            deleted: others,
          }),
        ];
      },
      async sync({ namespace, name }) {
        const service = services.get(namespace, name);
        if (service === undefined) return undefined;
        const other = isOurs(service) ? rival(service) : undefined;
        if (other !== undefined) {
          const message = `its ports are taken by ${other.metadata.namespace}/${other.metadata.name}: choose others`;
          events.record({ type: SERVICES, object: service }, "Warning", "SyncLoadBalancerFailed", message);
        }
        const hasAddress = isOurs(service) && other === undefined;
        // Left alone where another implementation (loadBalancerClass) looks after it.
        if (!hasAddress && service.spec?.type === "LoadBalancer" && service.spec.loadBalancerClass !== undefined)
          return undefined;
        const loadBalancer = hasAddress ? { ingress: [{ ip: options.address(), ipMode: "VIP" }] } : {};
        if (sameJson(service.status?.loadBalancer ?? {}, loadBalancer)) return undefined;
        const next = copyOf(service) as Service;
        next.status = { ...next.status, loadBalancer };
        await client.resource(SERVICES).updateStatus(next);
        return undefined;
      },
    };
  });
}
