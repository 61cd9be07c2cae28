import type { IPAMPool } from "../model/network.ts";
import { CliError } from "./cli-error.ts";
import { subnetContains } from "./subnet.ts";

interface PoolOptions {
  subnets: readonly string[];
  ranges: readonly string[];
  gateways: readonly string[];
  auxAddresses: Readonly<Record<string, string>>;
}

/** Sorts ranges, gateways and reserved addresses to the subnets they lie in. Throws CliError with docker's words. */
export function ipamPools({ subnets, ranges, gateways, auxAddresses }: PoolOptions): IPAMPool[] {
  if (subnets.length < ranges.length || subnets.length < gateways.length) {
    throw new CliError("every ip-range or gateway must have a corresponding subnet");
  }
  const pools: IPAMPool[] = [];
  for (const subnet of subnets) {
    for (const { Subnet: other = "" } of pools) {
      if (within(subnet, other) || within(other, subnet)) {
        throw new CliError("multiple overlapping subnet configuration is not supported");
      }
    }
    pools.push({ Subnet: subnet });
  }
  for (const range of ranges) assign(pools, "IPRange", range, "range", "multiple ranges", "on the same subnet");
  for (const gateway of gateways)
    assign(pools, "Gateway", gateway, "gateway", "multiple gateways", "for the same subnet");
  for (const [name, address] of Object.entries(auxAddresses)) {
    const pool = pools.find(({ Subnet = "" }) => within(Subnet, address));
    if (!pool) throw new CliError(`no matching subnet for aux-address ${address}`);
    pool.AuxiliaryAddresses = { ...pool.AuxiliaryAddresses, [name]: address };
  }
  return pools;
}

function assign(
  pools: readonly IPAMPool[],
  field: "IPRange" | "Gateway",
  value: string,
  noun: string,
  plural: string,
  where: string,
): void {
  const pool = pools.find(({ Subnet = "" }) => within(Subnet, value));
  if (!pool) throw new CliError(`no matching subnet for ${noun} ${value}`);
  if (pool[field])
    throw new CliError(`cannot configure ${plural} (${value}, ${pool[field]}) ${where} (${pool.Subnet})`);
  pool[field] = value;
}

function within(subnet: string, text: string): boolean {
  try {
    return subnetContains(subnet, text);
  } catch (error) {
    throw new CliError(`invalid subnet: ${(error as Error).message}`);
  }
}
