/** Carries the traffic of services: what services and endpoint slices say becomes elements of the kernel's maps. */

import { errorText } from "../../lib/errors.ts";
import type { Service } from "../../model/kubernetes/core.ts";
import type { EndpointSlice } from "../../model/kubernetes/discovery.ts";
import { ENDPOINT_SLICES, SERVICES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart } from "../contract.ts";
import { ServiceFirewall } from "./service-firewall.ts";
import { waysOf } from "./service-ways.ts";

const SERVICE_NAME = "kubernetes.io/service-name";
const RETRY_MS = 1000;

export interface ServiceProxyOptions {
  client: ClusterClient;
  /** This node's name. */
  node: string;
  /** A name for the table that no other cluster of the machine has. */
  tableName: string;
  /** The range of cluster addresses. */
  serviceCidr: string;
  /** Connections of protocols that keep no order (UDP) are forgotten, so that the next packet finds a living endpoint. */
  forgetFlows?(ips: readonly string[]): void;
  log(message: string): void;
}

export function createServiceProxy(options: ServiceProxyOptions): ClusterPart {
  return { name: "service-proxy", run: (signal) => run(options, signal) };
}

async function run(options: ServiceProxyOptions, signal: AbortSignal): Promise<void> {
  const services = options.client.informer(SERVICES);
  const slices = options.client.informer(ENDPOINT_SLICES);
  slices.addIndex("service", ({ metadata }) => {
    const name = metadata.labels?.[SERVICE_NAME];
    return name === undefined ? [] : [`${metadata.namespace}/${name}`];
  });
  await Promise.all([services.synced, slices.synced]);
  if (signal.aborted) return;
  const firewall = new ServiceFirewall(options.tableName, options.serviceCidr);
  const slicesOf = ({ metadata }: Stored<Service>): readonly EndpointSlice[] =>
    slices.byIndex("service", `${metadata.namespace}/${metadata.name}`);
  let pending: ReturnType<typeof setTimeout> | undefined;
  const apply = () => {
    pending = undefined;
    try {
      firewall.apply(waysOf(services.list(), slicesOf, options.node));
    } catch (error) {
      options.log(`services: the kernel's maps are behind: ${errorText(error)}`);
      schedule(RETRY_MS);
    }
  };
  // Changes of one moment are carried out together.
  const schedule = (afterMs: number) => {
    pending ??= setTimeout(apply, afterMs);
  };
  const soon = () => schedule(0);
  const changes = { added: soon, updated: soon, deleted: soon };
  const gone = (before: Stored<EndpointSlice>, after?: Stored<EndpointSlice>) => {
    soon();
    const lost = lostAddresses(before, after);
    if (lost.length > 0) options.forgetFlows?.(lost);
  };
  const ends = [
    services.subscribe(changes),
    slices.subscribe({ added: soon, updated: gone, deleted: (slice) => gone(slice) }),
  ];
  try {
    apply();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  } finally {
    clearTimeout(pending);
    for (const end of ends) end();
    firewall.close();
  }
}

/** Addresses behind UDP ports that were there and are not any more. */
function lostAddresses(before: EndpointSlice, after: EndpointSlice | undefined): string[] {
  if (!(before.ports ?? []).some(({ protocol }) => protocol === "UDP")) return [];
  const addresses = (slice: EndpointSlice | undefined) =>
    new Set(
      (slice?.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).flatMap((one) => one.addresses),
    );
  return [...addresses(before).difference(addresses(after))];
}
