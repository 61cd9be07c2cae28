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
  const chosen = readyEndpoint(client, namespace, name, wanted.name);
  if (chosen === undefined) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  return { host: hostAndPort(chosen.ip, chosen.port), serverName: `${name}.${namespace}.svc` };
}

/**
 * A ready endpoint of a service, by chance; undefined when there is none.
 * @param portName of the service's port; absent where it has no name
 */
export function readyEndpoint(
  client: ClusterClient,
  namespace: string,
  service: string,
  portName: string | undefined,
): { ip: string; port: number } | undefined {
  const places = client
    .informer(ENDPOINT_SLICES)
    .list(namespace)
    .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === service)
    .flatMap(({ endpoints = [], ports = [] }) => {
      const port = ports.find((one) => (one.name ?? "") === (portName ?? ""))?.port;
      const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
      return port === undefined ? [] : ready.flatMap(({ addresses }) => addresses.map((ip) => ({ ip, port })));
    });
  return places[Math.floor(Math.random() * places.length)];
}

/** "10.244.0.7:8443", "[fd00::7]:8443" */
export function hostAndPort(ip: string, port: number): string {
  return `${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
}
