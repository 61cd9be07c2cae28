/** A node for tests of controllers: pods are bound, run, get ready and end as the test says, without any container. */

import type { ClusterClient } from "../../src/kube/contract.ts";
import { targetNode } from "../../src/kube/controllers/daemon-sets/node-fit.ts";
import { isStatus } from "../../src/kube/status.ts";
import type { Pod, PodStatus } from "../../src/model/kubernetes/core.ts";
import { PODS } from "../../src/model/kubernetes/names.ts";
import type { Stored } from "../../src/model/kubernetes/object.ts";

interface PodRunnerOptions {
  /** Whether a pod becomes ready once it runs; all do when absent. */
  isReady?(pod: Stored<Pod>): boolean;
}
export interface PodRunner {
  /** The container of the pod ends with that code. */
  end(pod: Stored<Pod>, exitCode: number): Promise<void>;
  stop(): void;
}

/** Runs every pod until `stop`. Pods that are told to go are removed at once. */
export function runPods(client: ClusterClient, options: PodRunnerOptions = {}): PodRunner {
  const pods = client.resource(PODS);
  let address = 0;
  const now = () => `${new Date().toISOString().slice(0, 19)}Z`;
  const start = async (pod: Stored<Pod>) => {
    const { namespace, name } = pod.metadata;
    const ready = options.isReady?.(pod) ?? true;
    address++;
    const podIP = `10.1.${address >> 8}.${address & 255}`;
    const status: PodStatus = {
      phase: "Running",
      podIP,
      podIPs: [{ ip: podIP }],
      startTime: now(),
      conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: now() }],
    };
    await quietly(pods.patch(namespace, name, "merge", { spec: { nodeName: targetNode(pod) ?? "node" } }));
    await quietly(pods.patch(namespace, name, "merge", { status }, { subresource: "status" }));
  };
  const remove = (pod: Stored<Pod>) =>
    quietly(pods.delete(pod.metadata.namespace, pod.metadata.name, { gracePeriodSeconds: 0 }));
  const stop = client.informer(PODS).subscribe({
    added: (pod) => {
      queueMicrotask(() => (pod.metadata.deletionTimestamp === undefined ? start(pod) : remove(pod)));
    },
    updated: (before, pod) => {
      const isNew = before.metadata.deletionTimestamp === undefined;
      if (pod.metadata.deletionTimestamp !== undefined && isNew) queueMicrotask(() => remove(pod));
    },
  });
  return {
    stop,
    async end(pod, exitCode) {
      const status = {
        phase: exitCode === 0 ? "Succeeded" : "Failed",
        conditions: [{ type: "Ready", status: "False", lastTransitionTime: now() }],
        containerStatuses: [
          {
            name: "main",
            ready: false,
            restartCount: 0,
            image: "",
            imageID: "",
            state: { terminated: { exitCode, finishedAt: now() } },
          },
        ],
      };
      await pods.patch(pod.metadata.namespace, pod.metadata.name, "merge", { status }, { subresource: "status" });
    },
  };
}

async function quietly(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isStatus(error, "NotFound", "Conflict")) throw error;
  }
}
