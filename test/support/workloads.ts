/** Talking to a test cluster in a namespace of one's own: objects are made, changed and waited for by kind and name. */

import type { TestClusterDaemon } from "./cluster.ts";
import { importBusybox } from "./daemon.ts";
import { PATIENCE } from "./patience.ts";

/** The group and version of each kind by its name in paths. */
const PLACES: Record<string, string> = {
  pods: "api/v1",
  services: "api/v1",
  endpoints: "api/v1",
  configmaps: "api/v1",
  events: "api/v1",
  replicationcontrollers: "api/v1",
  resourcequotas: "api/v1",
  deployments: "apis/apps/v1",
  replicasets: "apis/apps/v1",
  statefulsets: "apis/apps/v1",
  daemonsets: "apis/apps/v1",
  controllerrevisions: "apis/apps/v1",
  jobs: "apis/batch/v1",
  cronjobs: "apis/batch/v1",
  poddisruptionbudgets: "apis/policy/v1",
  endpointslices: "apis/discovery.k8s.io/v1",
};
/** The image of all containers: busybox, imported once a cluster. */
export const IMAGE = "workload:test";
const LONGEST_MS = 30_000 * PATIENCE;

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API has there
type Any = any;

export async function importWorkloadImage(cluster: TestClusterDaemon): Promise<void> {
  await importBusybox(cluster.daemon, IMAGE);
}

/** A pod's spec with one busybox container that runs `script` (sleeps until it is told to end when absent). */
export function podSpec(script?: string, more: object = {}): Any {
  const sleep = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
  return {
    terminationGracePeriodSeconds: 2,
    containers: [{ name: "main", image: IMAGE, imagePullPolicy: "Never", command: ["sh", "-c", script ?? sleep] }],
    ...more,
  };
}

/** A pod that never finds a node: for tests that need pods as objects only. */
export function waitingSpec(): Any {
  return podSpec("exit 0", { nodeSelector: { "test.naru/nowhere": "true" } });
}

export class Workspace {
  constructor(
    private readonly cluster: TestClusterDaemon,
    readonly namespace: string,
  ) {}

  static async open(cluster: TestClusterDaemon, namespace: string): Promise<Workspace> {
    await cluster.api("POST", "/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace },
    });
    const place = new Workspace(cluster, namespace);
    // Pods are made by controllers only when their service account is there.
    await place.poll(async () =>
      (await cluster.api("GET", `/api/v1/namespaces/${namespace}/serviceaccounts/default`)).status === 200
        ? 1
        : undefined,
    );
    return place;
  }

  path(resource: string, name?: string): string {
    const base = `/${PLACES[resource]}/namespaces/${this.namespace}/${resource}`;
    return name === undefined ? base : `${base}/${name}`;
  }

  async expect(status: number, method: string, path: string, body?: unknown, type?: string): Promise<Any> {
    const answer = await this.cluster.api(method, path, body, type);
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  create(resource: string, object: object): Promise<Any> {
    return this.expect(201, "POST", this.path(resource), object);
  }
  get(resource: string, name: string): Promise<Any> {
    return this.expect(200, "GET", this.path(resource, name));
  }
  async list(resource: string, labels = ""): Promise<Any[]> {
    const query = labels === "" ? "" : `?labelSelector=${encodeURIComponent(labels)}`;
    return (await this.expect(200, "GET", this.path(resource) + query)).items;
  }
  patch(resource: string, name: string, patch: object): Promise<Any> {
    return this.expect(200, "PATCH", this.path(resource, name), patch, "application/merge-patch+json");
  }
  delete(resource: string, name: string, propagationPolicy = "Background"): Promise<Any> {
    const options = { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy };
    return this.expect(200, "DELETE", this.path(resource, name), options);
  }
  /** Reads, changes, writes; again when a controller wrote in between. */
  async change(path: string, change: (object: Any) => void): Promise<Any> {
    for (;;) {
      const object = await this.expect(200, "GET", path);
      change(object);
      const answer = await this.cluster.api("PUT", path, object);
      if (answer.status === 200) return answer.body;
      if (answer.status !== 409) throw new Error(`PUT ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
  }

  /** Waits until the object is as wished. @throws Error with what it is, when it never gets so */
  async until(resource: string, name: string, wished: (object: Any) => unknown): Promise<Any> {
    let last: Any;
    const found = await this.poll(async () => {
      last = (await this.cluster.api("GET", this.path(resource, name))).body;
      return wished(last) ? last : undefined;
    });
    if (found === undefined) throw new Error(`${resource}/${name} never was as wished: ${JSON.stringify(last)}`);
    return found;
  }
  /** Waits until the objects (of these labels) are as wished. */
  async untilList(resource: string, wished: (objects: Any[]) => unknown, labels = ""): Promise<Any[]> {
    let last: Any[] = [];
    const found = await this.poll(async () => {
      last = await this.list(resource, labels);
      return wished(last) ? last : undefined;
    });
    if (found === undefined) throw new Error(`${resource} never were as wished: ${JSON.stringify(last)}`);
    return found;
  }
  async untilGone(resource: string, name: string): Promise<void> {
    const path = this.path(resource, name);
    const gone = await this.poll(async () => ((await this.cluster.api("GET", path)).status === 404 ? true : undefined));
    if (gone === undefined) throw new Error(`${path} is still there`);
  }

  private async poll<R>(look: () => Promise<R | undefined>): Promise<R | undefined> {
    const deadline = Date.now() + LONGEST_MS;
    for (;;) {
      const found = await look();
      if (found !== undefined || Date.now() > deadline) return found;
      await Bun.sleep(50);
    }
  }
}
