/** Where the API server reaches a service: at one of its pods, because it stands outside of the cluster's network. */

import { ENDPOINT_SLICES, SERVICES } from "../model/kubernetes/names.ts";
import type { ClusterClient } from "./contract.ts";

export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  /** 443 when absent. */
  readonly port?: number;
}

interface ServicePlace {
  /** "10.244.0.7:8443" */
  readonly host: string;
  /** The name that the server's certificate must be for. */
  readonly serverName: string;
}

/** A ready endpoint of the service, by chance. @throws Error in words when there is none */
export function placeOfService(client: ClusterClient, { namespace, name, port = 443 }: ServiceReference): ServicePlace {
  const service = client.informer(SERVICES).get(namespace, name);
  if (service === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
  const wanted = service.spec?.ports?.find((one) => one.port === port);
  if (wanted === undefined) throw new Error(`service ${JSON.stringify(name)} has no port ${port}`);
  const places = client
    .informer(ENDPOINT_SLICES)
    .list(namespace)
    .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name)
    .flatMap(({ endpoints = [], ports = [] }) => {
      const target = ports.find((one) => (one.name ?? "") === (wanted.name ?? ""))?.port;
      const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
      return target === undefined ? [] : ready.flatMap(({ addresses }) => addresses.map((ip) => ({ ip, target })));
    });
  const chosen = places[Math.floor(Math.random() * places.length)];
  if (chosen === undefined) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  const { ip, target } = chosen;
  return { host: `${ip.includes(":") ? `[${ip}]` : ip}:${target}`, serverName: `${name}.${namespace}.svc` };
}
