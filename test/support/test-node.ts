/** A node agent on a real engine in this process, with a cluster in memory: pods really run, without daemon and API server. Root only. */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCommandLine } from "../../src/daemon/command-line.ts";
import { Log } from "../../src/daemon/log.ts";
import { daemonOptions } from "../../src/daemon/options.ts";
import { openParts, type Parts } from "../../src/daemon/parts.ts";
import type { ClusterPart } from "../../src/kube/contract.ts";
import type { NodeConnection } from "../../src/kube/node/contract.ts";
import { createNodeAgent } from "../../src/kube/node/create-node-agent.ts";
import type { Container, Pod, PodSpec } from "../../src/model/kubernetes/core.ts";
import { PODS } from "../../src/model/kubernetes/names.ts";
import type { Stored } from "../../src/model/kubernetes/object.ts";
import { busyboxTar, eventually } from "./daemon.ts";
import { streamOf } from "./tar-building.ts";
import { createTestCluster, type TestCluster } from "./test-cluster.ts";

export const NODE_NAME = "node-one";

export class TestNode implements AsyncDisposable {
  agent: (ClusterPart & NodeConnection) | undefined;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(
    readonly root: string,
    readonly cluster: TestCluster,
    readonly parts: Parts,
  ) {}

  static async open(): Promise<TestNode> {
    const root = await mkdtemp(join(tmpdir(), "naru-node-"));
    const cluster = await createTestCluster({ namespaces: ["default", "kube-system", "kube-node-lease"] });
    const node = new TestNode(root, cluster, await openNodeParts(root));
    await node.parts.engine.images.importTar(streamOf(await busyboxTar()), {
      repo: "busybox",
      tag: "latest",
      message: "",
      changes: ['CMD ["sh"]'],
      platform: "",
      signal: AbortSignal.timeout(60_000),
    });
    node.startAgent();
    return node;
  }

  startAgent(): void {
    this.#stop = new AbortController();
    const { cluster, parts, root } = this;
    this.agent = createNodeAgent({
      client: cluster.client.as("kubelet"),
      engine: parts.engine,
      nodeName: NODE_NAME,
      dataRoot: join(root, "data/kubernetes"),
      runRoot: join(root, "exec"),
      nodeAddress: "127.0.0.1",
      log: console,
    });
    this.#running = this.agent.run(this.#stop.signal);
    this.#running.catch((error) => console.error("the node agent ended:", error));
  }

  async stopAgent(): Promise<void> {
    this.#stop.abort();
    await this.#running.catch(() => {});
  }

  /** An agent ends, something happens, the next one comes. (Of the whole daemon's end: test/e2e.) */
  async restart(between: () => Promise<void>): Promise<void> {
    await this.stopAgent();
    await between();
    this.startAgent();
  }

  /** Makes a pod on this node; missing fields as the API would fill them in. */
  create(name: string, spec: Partial<PodSpec> & { containers: Container[] }, meta: object = {}): Promise<Stored<Pod>> {
    return this.cluster.client.resource(PODS).create("default", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", generation: 1, ...meta },
      spec: {
        nodeName: NODE_NAME,
        restartPolicy: "Always",
        terminationGracePeriodSeconds: 5,
        dnsPolicy: "Default",
        ...spec,
      },
    });
  }

  pod(name: string): Stored<Pod> | undefined {
    return this.cluster.client.informer(PODS).get("default", name);
  }

  /** Waits for the pod to be as wished and answers it. */
  async when(name: string, holds: (pod: Stored<Pod>) => boolean): Promise<Stored<Pod>> {
    await eventually(() => {
      const pod = this.pod(name);
      return pod !== undefined && holds(pod);
    }, 20_000).catch(() => {
      throw new Error(`pod ${name} did not come to that state: ${JSON.stringify(this.pod(name)?.status, null, 1)}`);
    });
    return this.pod(name)!;
  }

  async gone(name: string): Promise<void> {
    await eventually(() => this.pod(name) === undefined, 20_000);
  }

  async logs(pod: Stored<Pod>, options: { container?: string; previous?: boolean } = {}): Promise<string> {
    const request = { follow: false, previous: false, timestamps: false, ...options };
    const parts: Uint8Array[] = [];
    for await (const part of await this.agent!.logs(pod, request, AbortSignal.timeout(20_000)))
      parts.push(part.slice());
    return Buffer.concat(parts).toString();
  }

  async exec(pod: Stored<Pod>, command: string[], container?: string): Promise<{ output: string; code: number }> {
    const streams = { stdin: false, stdout: true, stderr: true, tty: false };
    const process = await this.agent!.exec(pod, command, container === undefined ? streams : { ...streams, container });
    let output = "";
    for await (const { data } of process.output) output += Buffer.from(data).toString();
    return { output, code: await process.exitCode() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { client } = this.cluster;
    const pods = client.informer(PODS).list();
    await Promise.all(
      pods.map(({ metadata: { namespace, name } }) =>
        client
          .resource(PODS)
          .delete(namespace, name, { gracePeriodSeconds: 0 })
          .catch(() => {}),
      ),
    );
    await eventually(() => this.parts.engine.pods.list().length === 0, 20_000);
    await eventually(async () => (await this.podContainers()).length === 0, 20_000);
    await this.stopAgent();
    await this.parts.engine.networks.remove("kubernetes-pods").catch(() => {});
    await this.parts.close();
    await this.cluster[Symbol.asyncDispose]();
    await rm(this.root, { recursive: true, force: true });
  }

  async podContainers() {
    const filters = new Map([["label", ["io.kubernetes.pod.uid"]]]);
    return this.parts.engine.containers.list({ all: true, limit: 0, size: false, filters });
  }
}

async function openNodeParts(root: string): Promise<Parts> {
  await mkdir(join(root, "data"), { recursive: true });
  await mkdir(join(root, "exec"), { recursive: true });
  const args = ["--data-root", join(root, "data"), "--exec-root", join(root, "exec")];
  return openParts(daemonOptions(parseCommandLine(args).values), new Log("warn", "text"));
}
