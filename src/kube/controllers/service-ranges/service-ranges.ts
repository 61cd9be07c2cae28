/** Which ranges services may have addresses of, and who holds an address of them. */

import { IP_ADDRESSES, SERVICE_CIDRS } from "../../../model/kubernetes/names.ts";
import type { IPAddress, ServiceCIDR } from "../../../model/kubernetes/networking.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterClient } from "../../contract.ts";
import { AddressRange } from "../../resources/address-range.ts";
import { DEFAULT_SERVICE_CIDR } from "../../resources/service-ranges.ts";
import { hasCondition } from "../status-conditions.ts";

/** Labels of IPAddress objects, and who writes those of services (networking/v1, well-known labels). */
export const MANAGED_BY = "ipaddress.kubernetes.io/managed-by";
export const ADDRESS_FAMILY = "ipaddress.kubernetes.io/ip-family";
export const ALLOCATOR = "ipallocator.k8s.io";

/** True for addresses that stand for a service's; others are somebody else's to make and delete. */
export function isOfService({ metadata }: IPAddress): boolean {
  return metadata.labels?.[MANAGED_BY] === ALLOCATOR;
}

/** True for an address that somebody has who is no service. */
export function isHeldByOther(client: ClusterClient, address: string): boolean {
  const holder = client.informer(IP_ADDRESSES).get(undefined, address);
  return holder !== undefined && !isOfService(holder);
}

/** The ranges to take new addresses from: the cluster's own, then those added that are ready, the oldest first. */
export function usableCidrs(client: ClusterClient, own: string): readonly string[] {
  const all = client.informer(SERVICE_CIDRS).list();
  const usable = all.filter(
    ({ metadata, status }) =>
      metadata.name !== DEFAULT_SERVICE_CIDR &&
      metadata.deletionTimestamp === undefined &&
      hasCondition(status?.conditions, "Ready"),
  );
  const isEnding = all.some(
    ({ metadata }) => metadata.name === DEFAULT_SERVICE_CIDR && metadata.deletionTimestamp !== undefined,
  );
  const age = ({ metadata }: Stored<ServiceCIDR>) => `${metadata.creationTimestamp} ${metadata.name}`;
  const added = usable.sort((a, b) => (age(a) < age(b) ? -1 : 1)).flatMap(({ spec }) => spec?.cidrs ?? []);
  return [...new Set([...(isEnding ? [] : [own]), ...added])];
}

/** Addresses that only this range has: they keep it from going. */
export function addressesOnlyIn(
  range: ServiceCIDR,
  others: readonly ServiceCIDR[],
  addresses: readonly string[],
): string[] {
  const rangesOf = (one: ServiceCIDR) => (one.spec?.cidrs ?? []).map((cidr) => new AddressRange(cidr));
  const own = rangesOf(range);
  const rest = others.filter(({ metadata }) => metadata.deletionTimestamp === undefined).flatMap(rangesOf);
  const isIn = (ranges: readonly AddressRange[], address: string) => ranges.some((one) => one.contains(address));
  return addresses.filter((address) => isIn(own, address) && !isIn(rest, address));
}
