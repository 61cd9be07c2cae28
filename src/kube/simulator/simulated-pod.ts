/** The status of a pod that runs in name only. Pure. */

import type { ContainerStatus, Pod, PodCondition, PodStatus } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";

/** True until the pod has been told to run (and it has not ended by other means). */
export function mustStart({ status, metadata }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && (status?.phase ?? "Pending") === "Pending";
}

/** All init containers done, all others running and ready. @param now Unix milliseconds */
export function runningStatus({ metadata, spec, status }: Stored<Pod>, ip: string, now: number): PodStatus {
  const stamp = `${new Date(now).toISOString().slice(0, 19)}Z`;
  const told = (name: string, image = ""): ContainerStatus => ({
    name,
    image,
    imageID: "",
    containerID: `simulated://${metadata.uid}/${name}`,
    ready: true,
    restartCount: 0,
    started: true,
    state: { running: { startedAt: stamp } },
  });
  const finished = { exitCode: 0, reason: "Completed", startedAt: stamp, finishedAt: stamp };
  const first = (spec?.initContainers ?? []).map(({ name, image, restartPolicy }) =>
    // Sidecars go on running.
    restartPolicy === "Always"
      ? told(name, image)
      : { ...told(name, image), started: false, state: { terminated: finished } },
  );
  const types = ["PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"];
  const conditions: PodCondition[] = types.map((type) => ({ type, status: "True", lastTransitionTime: stamp }));
  return {
    ...status,
    phase: "Running",
    startTime: stamp,
    podIP: ip,
    podIPs: [{ ip }],
    conditions: [...(status?.conditions ?? []).filter(({ type }) => !types.includes(type)), ...conditions],
    ...(first.length === 0 ? {} : { initContainerStatuses: first }),
    containerStatuses: (spec?.containers ?? []).map(({ name, image }) => told(name, image)),
  };
}

/** The addresses of a node's pods, each held until its pod is gone. */
export class PodAddresses {
  readonly #byPod = new Map<string, string>();
  readonly #taken = new Set<string>();

  /** The pod's address: the one that it has, or the first free one of the range; undefined when all are taken. */
  take(pod: Stored<Pod>, podCidr: string): string | undefined {
    const known = this.#byPod.get(pod.metadata.uid);
    if (known !== undefined) return known;
    const start = podCidr.replace(/\.\d+\/\d+$/, "");
    for (let last = 1; last < 255; last++) {
      const ip = `${start}.${last}`;
      if (!this.#taken.has(ip)) return this.hold(pod, ip);
    }
    return undefined;
  }

  hold({ metadata }: Stored<Pod>, ip: string): string {
    this.#byPod.set(metadata.uid, ip);
    this.#taken.add(ip);
    return ip;
  }

  release({ metadata }: Stored<Pod>): void {
    this.#taken.delete(this.#byPod.get(metadata.uid) ?? "");
    this.#byPod.delete(metadata.uid);
  }
}
