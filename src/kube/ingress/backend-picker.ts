/** The places behind a service's port, in the order in which a request tries them: each request begins with the next one. */

import { ENDPOINT_SLICES, SERVICES } from "../../model/kubernetes/names.ts";
import type { ClusterClient } from "../contract.ts";
import { readyPlaces } from "../services/service-ways.ts";
import type { RouteTarget } from "./routing-table.ts";

const SERVICE_NAME = "kubernetes.io/service-name";
const INDEX = "ingress-service";

export interface BackendPlace {
  readonly ip: string;
  readonly port: number;
}

export class BackendPicker {
  readonly #turns = new Map<string, number>();

  constructor(private readonly client: ClusterClient) {
    client.informer(ENDPOINT_SLICES).addIndex(INDEX, ({ metadata }) => {
      const name = metadata.labels?.[SERVICE_NAME];
      return name === undefined ? [] : [`${metadata.namespace}/${name}`];
    });
  }

  /** Every place that takes requests; none when the service, its port or a ready endpoint is missing. */
  places({ namespace, service: name, port: wanted }: RouteTarget): BackendPlace[] {
    const service = this.client.informer(SERVICES).get(namespace, name);
    const port = service?.spec?.ports?.find((one) => one.port === wanted || one.name === wanted);
    if (port === undefined) return [];
    const slices = this.client.informer(ENDPOINT_SLICES).byIndex(INDEX, `${namespace}/${name}`);
    const places = readyPlaces(slices, port);
    if (places.length < 2) return places;
    const key = `${namespace}/${name}:${wanted}`;
    const turn = ((this.#turns.get(key) ?? -1) + 1) % places.length;
    this.#turns.set(key, turn);
    return [...places.slice(turn), ...places.slice(0, turn)];
  }

  /** Counts of services that are gone are let go with all others. */
  forget(): void {
    this.#turns.clear();
  }
}
