/**
 * Usage over time: rates need two readings. A node is read only while somebody asks, so an idle cluster does nothing: a question
 * that finds no fresh reading takes one, and waits for a second one when there is none before it.
 */

import type { Pod } from "../../model/kubernetes/core.ts";
import { NODES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import type { NodeConnection, NodeUsage, PodUsage } from "../node/contract.ts";
import type { Rate } from "./usage-resources.ts";

/** A reading is good for so long. */
const FRESH_MS = 5_000;
/** Two readings at least so far apart make a rate; the first question waits for it. */
const SHORTEST_WINDOW_MS = 500;
/** An older reading tells nothing of now. */
const LONGEST_WINDOW_MS = 60_000;

interface Reading {
  at: number;
  node: NodeUsage;
  pods: Map<string, PodUsage>;
}
interface Pair {
  before: Reading | undefined;
  now: Reading;
}

export class UsageReadings {
  readonly #pairs = new Map<string, Pair>();
  readonly #underWay = new Map<string, Promise<Pair | undefined>>();

  constructor(
    private readonly client: ClusterClient,
    private readonly nodeOf: (nodeName: string) => NodeConnection | undefined,
  ) {}

  /** Undefined: nobody measures this node. */
  async node(name: string): Promise<Rate<NodeUsage> | undefined> {
    const pair = await this.#pair(name);
    if (pair?.before === undefined) return undefined;
    const windowMs = pair.now.at - pair.before.at;
    const cores = rate(pair.before.node.cpuNanoseconds, pair.now.node.cpuNanoseconds, windowMs);
    return { usage: pair.now.node, at: pair.now.at, windowMs, cores: new Map([["", cores]]) };
  }

  /** Undefined: it does not run, or not long enough to be measured. */
  async pod(pod: Stored<Pod>): Promise<Rate<PodUsage> | undefined> {
    const pair = await this.#pair(pod.spec?.nodeName ?? "");
    const key = podKey(pod.metadata.namespace ?? "", pod.metadata.name);
    const now = pair?.now.pods.get(key);
    const before = pair?.before?.pods.get(key);
    if (now === undefined || before === undefined) return undefined;
    const windowMs = now.at - before.at;
    const cores = new Map<string, number>();
    for (const { name, cpuNanoseconds } of now.containers) {
      const earlier = before.containers.find((container) => container.name === name);
      // One that was started anew counts from nothing.
      const from = earlier === undefined || earlier.cpuNanoseconds > cpuNanoseconds ? 0 : earlier.cpuNanoseconds;
      cores.set(name, rate(from, cpuNanoseconds, windowMs));
    }
    return { usage: now, at: now.at, windowMs, cores };
  }

  async #pair(nodeName: string): Promise<Pair | undefined> {
    const known = this.#pairs.get(nodeName);
    if (known?.before !== undefined && Date.now() - known.now.at < FRESH_MS) return known;
    const underWay = this.#underWay.get(nodeName) ?? this.#read(nodeName);
    this.#underWay.set(nodeName, underWay);
    try {
      return await underWay;
    } finally {
      this.#underWay.delete(nodeName);
    }
  }

  async #read(nodeName: string): Promise<Pair | undefined> {
    const connection = this.nodeOf(nodeName);
    if (connection === undefined || this.client.informer(NODES).get(undefined, nodeName) === undefined)
      return undefined;
    let before = this.#pairs.get(nodeName)?.now;
    if (before === undefined || Date.now() - before.at > LONGEST_WINDOW_MS) {
      before = await takeReading(connection);
      await Bun.sleep(SHORTEST_WINDOW_MS);
    }
    const pair = { before, now: await takeReading(connection) };
    this.#pairs.set(nodeName, pair);
    return pair;
  }
}

async function takeReading(connection: NodeConnection): Promise<Reading> {
  const { node, pods } = await connection.usage();
  return { at: node.at, node, pods: new Map(pods.map((pod) => [podKey(pod.namespace, pod.name), pod])) };
}

function podKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Cores: CPU time over time. */
function rate(from: number, to: number, windowMs: number): number {
  return windowMs <= 0 ? 0 : Math.max(0, to - from) / (windowMs * 1e6);
}
