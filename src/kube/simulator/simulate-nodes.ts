/** As many pretended nodes as are wanted: makes what is missing, removes what is too many, with the pods on it. */

import { NaruError } from "../../lib/errors.ts";
import type { Node } from "../../model/kubernetes/core.ts";
import { NODES, PODS } from "../../model/kubernetes/names.ts";
import { parseQuantity } from "../../model/kubernetes/quantity.ts";
import type { SimulationSettings, SimulationState } from "../cluster-control.ts";
import type { ClusterClient } from "../contract.ts";
import { isStatus } from "../status.ts";
import { isSimulated, type NodeSize, simulatedName, simulatedNode, wellStatus } from "./simulated-node.ts";

const MOST_NODES = 5000;
/** As many as there are addresses on a node. */
const MOST_PODS = 254;
/** Writes under way at once. */
const AT_ONCE = 16;
const DEFAULT_SIZE: NodeSize = { cpu: "32", memory: "128Gi", pods: "110" };

/** Nodes that are there already keep their size. @throws {NaruError} invalid for numbers and quantities that are none */
export async function simulateNodes(client: ClusterClient, settings: SimulationSettings): Promise<SimulationState> {
  const { nodes: wanted } = settings;
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > MOST_NODES) {
    throw new NaruError("invalid", `the number of simulated nodes must be from 0 to ${MOST_NODES}`);
  }
  const size = sizeOf(settings);
  const there = new Set(
    client
      .informer(NODES)
      .list()
      .filter(isSimulated)
      .map(({ metadata }) => metadata.name),
  );
  const names = Array.from({ length: wanted }, (_, index) => simulatedName(index));
  const missing = names.flatMap((name, index) => (there.has(name) ? [] : [index]));
  const kept = new Set(names);
  const surplus = [...there].filter((name) => !kept.has(name));
  await inTurns(missing, (index) => makeNode(client, simulatedNode(index, settings.open ?? false), size));
  await removeNodes(client, new Set(surplus));
  return { nodes: wanted, made: missing.length, removed: surplus.length, ...size };
}

/** With its status at once: a node that was made is whole. One that somebody else makes at this moment is taken as it is. */
async function makeNode(client: ClusterClient, node: Node, size: NodeSize): Promise<void> {
  const status = wellStatus(undefined, size, Date.now());
  try {
    await client.resource(NODES).create(undefined, { ...node, status });
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}

function sizeOf({ cpu, memory, pods }: SimulationSettings): NodeSize {
  if (pods !== undefined && !(Number.isInteger(pods) && pods > 0 && pods <= MOST_PODS)) {
    throw new NaruError("invalid", `a simulated node takes from 1 to ${MOST_PODS} pods`);
  }
  const size = {
    cpu: cpu || DEFAULT_SIZE.cpu,
    memory: memory || DEFAULT_SIZE.memory,
    pods: pods === undefined ? DEFAULT_SIZE.pods : String(pods),
  };
  for (const [name, text] of Object.entries(size)) {
    if (parseQuantity(text) === undefined) {
      throw new NaruError("invalid", `${name}="${text}" is no quantity: write it as in 4, 500m or 16Gi`);
    }
  }
  return size;
}

async function removeNodes(client: ClusterClient, names: ReadonlySet<string>): Promise<void> {
  if (names.size === 0) return;
  await inTurns([...names], (name) => unlessGone(client.resource(NODES).delete(undefined, name)));
  const left = client
    .informer(PODS)
    .list()
    .filter(({ spec }) => names.has(spec?.nodeName ?? ""));
  await inTurns(left, ({ metadata: { namespace, name, uid } }) =>
    unlessGone(client.resource(PODS).delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } })),
  );
}

async function unlessGone(act: Promise<unknown>): Promise<void> {
  try {
    await act;
  } catch (error) {
    if (!isStatus(error, "NotFound", "Conflict")) throw error;
  }
}

/** Some at once. After a failure no more are begun, and those that are under way are waited for. */
async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      try {
        await act(items[next++]!);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
