/** Subnets for networks that name none: Docker's pools, without those that the machine or another network uses. Pure. */
import { createHash } from "node:crypto";
import { NaruError } from "../lib/errors.ts";
import { type IpPrefix, type IpVersion, overlaps, parsePrefix, prefixOf } from "../lib/ip-address.ts";

/** A pool is cut into subnets of one size. */
export interface SubnetPool {
  base: string;
  subnetBits: number;
}

// Docker's defaults: sixteen large networks (the first is the default bridge's own), then sixteen small ones.
const IPV4_POOLS: readonly SubnetPool[] = [
  { base: "172.17.0.0/16", subnetBits: 16 },
  { base: "172.18.0.0/16", subnetBits: 16 },
  { base: "172.19.0.0/16", subnetBits: 16 },
  { base: "172.20.0.0/14", subnetBits: 16 },
  { base: "172.24.0.0/14", subnetBits: 16 },
  { base: "172.28.0.0/14", subnetBits: 16 },
  { base: "192.168.0.0/16", subnetBits: 20 },
];

/**
 * A unique local IPv6 prefix (RFC 4193) that stays the same for one installation: networks get /64 pieces of it.
 * @param seed anything that tells installations apart
 */
export function uniqueLocalPool(seed: string): IpPrefix {
  const globalId = createHash("sha256").update(seed).digest().readUIntBE(0, 5);
  return prefixOf(6, (0xfdn << 120n) | (BigInt(globalId) << 80n), 48);
}

/**
 * The first subnet that overlaps nothing in `used` (networks of ours, routes and addresses of the host).
 * @throws {NaruError} invalid when every pool is exhausted
 */
export function chooseSubnet(
  version: IpVersion,
  used: readonly IpPrefix[],
  localPool: IpPrefix,
  ipv4Pools: readonly SubnetPool[] = [],
): IpPrefix {
  const pools = ipv4Pools.length === 0 ? IPV4_POOLS : ipv4Pools;
  for (const subnet of version === 4 ? ipv4Subnets(pools) : ipv6Subnets(localPool)) {
    if (!used.some((other) => overlaps(other, subnet))) return subnet;
  }
  throw new NaruError(
    "invalid",
    "all predefined address pools have been fully subnetted: remove unused networks, or give the network a --subnet",
  );
}

function* ipv4Subnets(pools: readonly SubnetPool[]): Generator<IpPrefix> {
  for (const { base, subnetBits } of pools) {
    const parsed = parsePrefix(base);
    if (parsed !== undefined) yield* cut(parsed.prefix, subnetBits);
  }
}

function* ipv6Subnets(pool: IpPrefix): Generator<IpPrefix> {
  yield* cut(pool, 64);
}

function* cut(pool: IpPrefix, subnetBits: number): Generator<IpPrefix> {
  const size = 1n << BigInt((pool.version === 4 ? 32 : 128) - subnetBits);
  const count = 1n << BigInt(subnetBits - pool.prefixBits);
  for (let index = 0n; index < count; index++) {
    yield { version: pool.version, base: pool.base + index * size, prefixBits: subnetBits };
  }
}
