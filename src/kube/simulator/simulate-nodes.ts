/** As many pretended nodes as are wanted: makes what is missing, removes what is too many, with the pods on it. */

import { NaruError } from "../../lib/errors.ts";
import { NODES, PODS } from "../../model/kubernetes/names.ts";
import type { SimulationSettings, SimulationState } from "../cluster-control.ts";
import type { ClusterClient } from "../contract.ts";
import { parseQuantity } from "../quantity.ts";
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
  const informer = client.informer(NODES);
  const there = new Set(
    informer
      .list()
      .filter(isSimulated)
      .map(({ metadata }) => metadata.name),
  );
  const names = Array.from({ length: wanted }, (_, index) => simulatedName(index));
  const missing = names.flatMap((name, index) => (there.has(name) ? [] : [index]));
  const kept = new Set(names);
  const surplus = [...there].filter((name) => !kept.has(name));
  await inTurns(missing, async (index) => {
    const made = await client.resource(NODES).create(undefined, simulatedNode(index, settings.open ?? false));
    await client.resource(NODES).updateStatus({ ...made, status: wellStatus(undefined, size, Date.now()) });
  });
  await removeNodes(client, new Set(surplus));
  return { nodes: wanted, made: missing.length, removed: surplus.length, ...size };
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

async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < items.length) await act(items[next++]!);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
