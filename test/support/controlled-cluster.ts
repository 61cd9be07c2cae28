/** A test cluster in which some controllers run, and waiting for what they do. */

import type { ClusterClient, ClusterPart } from "../../src/kube/contract.ts";
import type { ControllerTools } from "../../src/kube/controllers/control-loop.ts";
import type { ResourceDefinition } from "../../src/kube/machinery/definition.ts";
import type { KubeObject, ResourceType, Stored } from "../../src/model/kubernetes/object.ts";
import { PATIENCE } from "./patience.ts";
import { createTestCluster, type TestCluster } from "./test-cluster.ts";

export interface ControlledCluster extends AsyncDisposable {
  client: ClusterClient;
  cluster: TestCluster;
  /** What the controllers logged: failures that were tried again. */
  logged: string[];
}

/** `await using world = await controlledCluster((tools) => [replicaController(…, tools)]);` */
export async function controlledCluster(
  parts: (tools: ControllerTools) => readonly ClusterPart[],
  definitions?: readonly ResourceDefinition[],
): Promise<ControlledCluster> {
  const cluster = await createTestCluster(definitions === undefined ? {} : { definitions });
  const stop = new AbortController();
  const logged: string[] = [];
  const tools = { client: cluster.client, now: Date.now, log: (message: string) => logged.push(message) };
  const running = parts(tools).map((part) => part.run(stop.signal));
  return {
    client: cluster.client,
    cluster,
    logged,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(running);
      await cluster[Symbol.asyncDispose]();
    },
  };
}

/** Milliseconds that a condition may take; machines differ (NARU_TEST_PATIENCE). */
const PATIENCE_MS = 4000 * PATIENCE;

/** Resolves when the objects of a kind are as wished, with what `found` answered. @throws Error with what is there, when they never are. */
export async function until<T extends KubeObject, R>(
  client: ClusterClient,
  type: ResourceType<T>,
  found: (objects: readonly Stored<T>[]) => R | undefined | false,
): Promise<R> {
  const informer = client.informer(type);
  const { promise, resolve, reject } = Promise.withResolvers<R>();
  const check = () => {
    const result = found(informer.list());
    if (result !== undefined && result !== false) resolve(result);
  };
  const end = informer.subscribe({ added: check, updated: check, deleted: check });
  check();
  const timer = setTimeout(() => {
    reject(new Error(`${type.resource} never were as wished: ${JSON.stringify(informer.list(), null, 1)}`));
  }, PATIENCE_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    end();
  }
}
