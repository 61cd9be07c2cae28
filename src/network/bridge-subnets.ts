/** The subnets of a network: the user's, and those chosen for it. */

import {
  formatIp,
  formatPrefix,
  type IpAddress,
  type IpPrefix,
  type IpVersion,
  parseIp,
  parsePrefix,
} from "../lib/ip-address.ts";
import type { IPAMPool } from "../model/network.ts";
import { AddressPool } from "./address-pool.ts";
import type { NetworkRecord, SubnetRecord } from "./network-records.ts";
import type { WishedSubnet } from "./network-request.ts";

/** Chooses a subnet for each IP version that is on but not of the user's choice; in place of one chosen before. */
export function chooseSubnets(record: NetworkRecord, choose: (version: IpVersion) => IpPrefix): void {
  const holder = record.bridge ?? record.parent!;
  const earlier = new Set(holder.subnets.flatMap((one) => (one.isUsersChoice ? [] : [one.subnet])));
  const kept = holder.subnets.filter(({ isUsersChoice }) => isUsersChoice);
  const chosen: SubnetRecord[] = [];
  for (const version of [4, 6] as const) {
    const isOn = version === 4 ? record.enableIPv4 : record.enableIPv6;
    if (!isOn || kept.some(({ subnet }) => subnet.includes(":") === (version === 6))) continue;
    const planned = planSubnet({ subnet: choose(version), auxiliaryAddresses: [] });
    chosen.push({ ...planned, isUsersChoice: false });
  }
  holder.subnets = [...kept, ...chosen];
  // Subnets of the user's choice are shown as they were given, chosen ones with their gateway.
  const given = (record.ipamConfig ?? []).filter(({ Subnet }) => !earlier.has(Subnet ?? ""));
  const shown = chosen.map(({ subnet, gateway }): IPAMPool => ({ Subnet: subnet, Gateway: gateway }));
  record.ipamConfig = [...given, ...shown];
}

/** The gateway is the lowest address that is free, unless the user named one. */
export function planSubnet({ subnet, range, gateway, auxiliaryAddresses }: WishedSubnet): SubnetRecord {
  const pool = new AddressPool(subnet, range);
  for (const address of auxiliaryAddresses) pool.reserve(parseIp(address)!);
  return {
    subnet: formatPrefix(subnet),
    ...(range === undefined ? {} : { range: formatPrefix(range) }),
    gateway: formatIp(gateway === undefined ? pool.allocate() : parseIp(gateway)!),
    auxiliaryAddresses,
    isUsersChoice: true,
  };
}

/** The addresses of a subnet, with its gateway and auxiliary ones taken. */
export function createPool({ subnet, range, gateway, auxiliaryAddresses }: SubnetRecord): AddressPool {
  const pool = new AddressPool(
    parsePrefix(subnet)!.prefix,
    range === undefined ? undefined : parsePrefix(range)!.prefix,
  );
  const reserved: (IpAddress | undefined)[] = [gateway, ...auxiliaryAddresses].map(parseIp);
  for (const address of reserved) if (address !== undefined) pool.reserve(address);
  return pool;
}

/** Pools as they are recorded of a request: IPv4 first, each family in the order given, as Docker lists them. */
export function shownPools(pools: readonly IPAMPool[]): IPAMPool[] {
  const isIPv6 = ({ Subnet }: IPAMPool) => Subnet?.includes(":") ?? false;
  return [...pools.filter((pool) => !isIPv6(pool)), ...pools.filter(isIPv6)].map(shownPool);
}

/** Only what was given, in Docker's order of fields. */
function shownPool({ Subnet, IPRange, Gateway, AuxiliaryAddresses }: IPAMPool): IPAMPool {
  return {
    ...(Subnet ? { Subnet } : {}),
    ...(IPRange ? { IPRange } : {}),
    ...(Gateway ? { Gateway } : {}),
    ...(AuxiliaryAddresses && Object.keys(AuxiliaryAddresses).length > 0 ? { AuxiliaryAddresses } : {}),
  };
}
