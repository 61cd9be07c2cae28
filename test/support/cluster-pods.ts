/** Pods of a test's cluster: made through its API, waited for, looked at. */

import { startCluster, type TestClusterDaemon } from "./cluster.ts";
import { eventually, importBusybox } from "./daemon.ts";

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API answers
type Json = any;

export class ClusterPods {
  #count = 0;

  constructor(
    readonly cluster: TestClusterDaemon,
    readonly namespace = "default",
  ) {}

  /** Starts a cluster of its own that has the image of these pods. */
  static async start(flags: readonly string[] = []): Promise<ClusterPods> {
    const cluster = await startCluster(flags);
    try {
      const pods = new ClusterPods(cluster);
      await pods.importImage();
      return pods;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Puts the image "busybox:test" there. */
  async importImage(): Promise<void> {
    await importBusybox(this.cluster.daemon, "busybox:test");
  }

  /** "word-7": names of one test's objects. */
  name(word: string): string {
    this.#count += 1;
    return `${word}-${this.#count}`;
  }

  path(resource: string, name = ""): string {
    return `/api/v1/namespaces/${this.namespace}/${resource}${name === "" ? "" : `/${name}`}`;
  }

  async make(resource: string, object: Json): Promise<Json> {
    const { status, body } = await this.cluster.api("POST", this.path(resource), object);
    if (status !== 201) throw new Error(`POST ${resource}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  configMap(name: string, data: object, more: object = {}): Promise<Json> {
    return this.make("configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data, ...more });
  }

  secret(name: string, texts: Record<string, string>, more: object = {}): Promise<Json> {
    const data = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, btoa(text)]));
    return this.make("secrets", { apiVersion: "v1", kind: "Secret", metadata: { name }, data, ...more });
  }

  /** A pod with one container "main" that runs a script of busybox' shell, unless `container` says otherwise. */
  async pod(script: string, spec: Json = {}, container: Json = {}, meta: Json = {}): Promise<string> {
    const name = this.name("pod");
    const main = { name: "main", image: "busybox:test", command: ["sh", "-c", script], ...container };
    const base = { restartPolicy: "Never", terminationGracePeriodSeconds: 0, automountServiceAccountToken: false };
    await this.make("pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, ...meta },
      spec: { ...base, containers: [main], ...spec },
    });
    return name;
  }

  async get(name: string): Promise<Json> {
    return (await this.cluster.api("GET", this.path("pods", name))).body;
  }

  /** Waits until the pod is as wished; tells its status when it never is. */
  async when(name: string, holds: (pod: Json) => boolean, ms = 30_000): Promise<Json> {
    let pod: Json;
    try {
      await eventually(async () => {
        pod = await this.get(name);
        if (holds(pod)) return true;
        await Bun.sleep(60);
        return false;
      }, ms);
    } catch {
      throw new Error(`pod ${name} did not come to that state: ${JSON.stringify(pod?.status, undefined, 1)}`);
    }
    return pod;
  }

  running(name: string): Promise<Json> {
    return this.when(name, ({ status }) => status?.phase === "Running");
  }

  async log(name: string, query = ""): Promise<string> {
    const { body } = await this.cluster.api("GET", `${this.path("pods", name)}/log${query}`);
    return typeof body === "string" ? body : JSON.stringify(body);
  }

  /** Runs a pod to its end and answers what it said. @throws Error unless it ended well */
  async said(script: string, spec: Json = {}, container: Json = {}, meta: Json = {}): Promise<string> {
    const name = await this.pod(script, spec, container, meta);
    const { status } = await this.when(name, (pod) => ["Succeeded", "Failed"].includes(pod.status?.phase));
    const log = await this.log(name);
    if (status.phase !== "Succeeded") throw new Error(`pod ${name} failed: ${JSON.stringify(status)}\n${log}`);
    await this.remove(name);
    return log;
  }

  /** Waits for words in a pod's log: in that of its only container when none is named. */
  async says(name: string, words: string, container?: string): Promise<void> {
    const query = container === undefined ? "" : `?container=${container}`;
    await eventually(async () => {
      if ((await this.log(name, query)).includes(words)) return true;
      await Bun.sleep(60);
      return false;
    }, 30_000);
  }

  /** What a command in the pod's container "main" says to its standard output. */
  executed(name: string, command: readonly string[]): Promise<string> {
    return this.cluster.executed(this.path("pods", name), "main", command);
  }

  async remove(name: string): Promise<void> {
    await this.cluster.api("DELETE", `${this.path("pods", name)}?gracePeriodSeconds=0`);
  }
}
