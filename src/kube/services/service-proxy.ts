/** Carries the traffic of services: what services and endpoint slices say becomes elements of the kernel's maps. */

import { BlockList } from "node:net";
import { networkInterfaces } from "node:os";
import { errorText } from "../../lib/errors.ts";
import type { Service } from "../../model/kubernetes/core.ts";
import type { EndpointSlice } from "../../model/kubernetes/discovery.ts";
import { ENDPOINT_SLICES, SERVICE_CIDRS, SERVICES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart } from "../contract.ts";
import { RuleUpdates } from "../machinery/rule-updates.ts";
import { ServiceFirewall } from "./service-firewall.ts";
import { ServiceFlows } from "./service-flows.ts";
import { waysOf } from "./service-ways.ts";

const SERVICE_NAME = "kubernetes.io/service-name";

export interface ServiceProxyOptions {
  client: ClusterClient;
  /** This node's name. */
  node: string;
  /** A name for the table that no other cluster of the machine has. */
  tableName: string;
  /** The range of cluster addresses that the cluster was started with. */
  serviceCidr: string;
  log(message: string): void;
}

interface ServiceProxy extends ClusterPart {
  /** Resolves when no new connection is led to that address any more; at once while the proxy does not run. */
  untilWithdrawn(ip: string, signal: AbortSignal): Promise<void>;
}

export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const waiting = new Set<() => void>();
  const running: { firewall: ServiceFirewall | undefined } = { firewall: undefined };
  const lookAgain = () => {
    for (const look of waiting) look();
  };
  return {
    name: "service-proxy",
    run: (signal) => run(options, running, lookAgain, signal),
    async untilWithdrawn(ip, signal) {
      if (running.firewall?.leadsTo(ip) !== true || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const look = () => {
          if (running.firewall?.leadsTo(ip) === true && !signal.aborted) return;
          waiting.delete(look);
          signal.removeEventListener("abort", look);
          resolve();
        };
        waiting.add(look);
        signal.addEventListener("abort", look);
      });
    },
  };
}

async function run(
  options: ServiceProxyOptions,
  running: { firewall: ServiceFirewall | undefined },
  applied: () => void,
  signal: AbortSignal,
): Promise<void> {
  const services = options.client.informer(SERVICES);
  const slices = options.client.informer(ENDPOINT_SLICES);
  slices.addIndex("service", ({ metadata }) => {
    const name = metadata.labels?.[SERVICE_NAME];
    return name === undefined ? [] : [`${metadata.namespace}/${name}`];
  });
  const cidrs = options.client.informer(SERVICE_CIDRS);
  await Promise.all([services.synced, slices.synced, cidrs.synced]);
  if (signal.aborted) return;
  const firewall = new ServiceFirewall(options.tableName, [options.serviceCidr]);
  const flows = new ServiceFlows();
  running.firewall = firewall;
  const slicesOf = ({ metadata }: Stored<Service>): readonly EndpointSlice[] =>
    slices.byIndex("service", `${metadata.namespace}/${metadata.name}`);
  const updates = new RuleUpdates({
    apply() {
      const added = cidrs.list().flatMap(({ spec }) => spec?.cidrs ?? []);
      firewall.setRanges([options.serviceCidr, ...rangesToAnswerFor(added, options.serviceCidr)]);
      flows.forget(firewall.apply(waysOf(services.list(), slicesOf, options.node)));
      applied();
    },
    isBehind: () => firewall.isBehind(),
    failed: (error) => options.log(`services: the kernel's maps are behind: ${errorText(error)}`),
  });
  const { soon } = updates;
  const changes = { added: soon, updated: soon, deleted: soon };
  const ends = [services.subscribe(changes), slices.subscribe(changes), cidrs.subscribe(changes)];
  try {
    updates.now();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  } finally {
    updates.close();
    for (const end of ends) end();
    running.firewall = undefined;
    firewall.close();
    flows.close();
    applied();
  }
}

/**
 * Ranges in which addresses without a service are refused at once. One that holds an address of this machine is a network that is used
 * otherwise too: its other addresses stay reachable.
 */
function rangesToAnswerFor(cidrs: readonly string[], known: string): string[] {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const isOwn = (cidr: string) => {
    const [address = "", bits = "32"] = cidr.split("/");
    const range = new BlockList();
    range.addSubnet(address, Number(bits));
    return own.some((one) => one.family === "IPv4" && range.check(one.address));
  };
  return [...new Set(cidrs)].filter((cidr) => cidr !== known && !isOwn(cidr)).sort();
}
