/** The engine's network that pods stand on: one bridge with the node's range of pod addresses. */

import { readFile } from "node:fs/promises";
import type { Engine } from "../../engine/contract.ts";
import { errorText, isKind, NaruError } from "../../lib/errors.ts";
import { inMachineTurn } from "../../lib/machine-turn.ts";

const NETWORK = "kubernetes-pods";
/** What pods say to each other passes the machine's rules: for network policies, and so that a service's client keeps its address. */
const ROUTED = { "dev.naru.network.routes_neighbours": "true" };
/** Ranges of 1022 addresses from here on are tried in their order. */
const FIRST = [10, 244, 0, 0] as const;
const SIZE_BITS = 22;
const CANDIDATES = 64;

/** The network's name and range; it is made when it is not there. @throws {NaruError} when no range is free */
export async function ensurePodNetwork(engine: Engine, wished?: string): Promise<{ name: string; cidr: string }> {
  await removeSwitched(engine);
  const known = await findRange(engine);
  if (known !== undefined && (wished === undefined || wished === known)) return { name: NETWORK, cidr: known };
  if (known !== undefined) {
    throw new NaruError(
      "conflict",
      `the pods' network has the range ${known}, not ${wished}: end all pods and remove the network ${NETWORK} to change that`,
    );
  }
  return inMachineTurn("pod-ranges", () => createNetwork(engine, wished));
}

async function createNetwork(engine: Engine, wished: string | undefined): Promise<{ name: string; cidr: string }> {
  const used = await machineRanges();
  const candidates =
    wished === undefined ? ranges().filter((one) => !used.some((other) => overlap(one, other))) : [wished];
  let failure: unknown;
  for (const cidr of candidates) {
    try {
      await engine.networks.create({
        Name: NETWORK,
        Driver: "bridge",
        IPAM: { Driver: "default", Config: [{ Subnet: cidr }] },
        Options: ROUTED,
        Labels: { "io.kubernetes.network": "pods" },
      });
      return { name: NETWORK, cidr };
    } catch (error) {
      failure = error;
      if (isKind(error, "internal")) break;
    }
  }
  const reason =
    failure === undefined ? "all ranges from 10.244.0.0 on are in use on this machine" : errorText(failure);
  throw new NaruError("unavailable", `there is no range of addresses for pods: ${reason}; name one with --pod-cidr`);
}

/** Idempotent. @throws {NaruError} forbidden while something stands on it */
export async function removePodNetwork(engine: Engine): Promise<void> {
  if ((await findRange(engine)) !== undefined) await engine.networks.remove(NETWORK);
}

/** A network of an older naru, whose pods talk past the machine's rules: it goes when no pod is on it any more. */
async function removeSwitched(engine: Engine): Promise<void> {
  const networks = await engine.networks.list(new Map([["name", [NETWORK]]]));
  const older = networks.find(({ Name, Options }) => Name === NETWORK && !Bun.deepEquals(Options, ROUTED));
  if (older === undefined) return;
  try {
    await engine.networks.remove(NETWORK);
  } catch (error) {
    if (!isKind(error, "forbidden")) throw error;
  }
}

async function findRange(engine: Engine): Promise<string | undefined> {
  const networks = await engine.networks.list(new Map([["name", [NETWORK]]]));
  return networks.find(({ Name }) => Name === NETWORK)?.IPAM?.Config?.[0]?.Subnet;
}

function ranges(): string[] {
  const step = 1 << (24 - SIZE_BITS);
  return Array.from(
    { length: CANDIDATES },
    (_, index) => `${FIRST[0]}.${FIRST[1]}.${FIRST[2] + index * step}.0/${SIZE_BITS}`,
  );
}

/** Every range that the machine has a way to, also by interfaces that nothing is plugged into now. proc_net_route. */
async function machineRanges(): Promise<string[]> {
  const text = await readFile("/proc/net/route", "utf8").catch(() => "");
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, destination, , , , , , mask] = line.split("\t");
      if (!destination || !mask || mask === "00000000") return [];
      const bits = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === "1").length;
      const bytes = destination.match(/../g)!.reverse();
      return [`${bytes.map((byte) => Number.parseInt(byte, 16)).join(".")}/${bits}`];
    });
}

function overlap(a: string, b: string): boolean {
  const [first, second] = [a, b].map((text) => {
    const [address = "", bits = "32"] = text.split("/");
    const value = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    return { value, bits: Number(bits) };
  });
  const size = 2 ** (32 - Math.min(first!.bits, second!.bits));
  return Math.floor(first!.value / size) === Math.floor(second!.value / size);
}
