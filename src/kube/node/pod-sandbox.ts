/** A pod's sandbox in the engine. */

import type { PodSandbox } from "../../engine/contract.ts";
import type { PortMap } from "../../model/container.ts";
import type { Pod, PodSpec } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { NodeContext } from "./node-context.ts";
import { specOf } from "./pod-containers.ts";

/** One that exists is taken over. */
export function openPodSandbox(
  { engine, network }: NodeContext,
  pod: Stored<Pod>,
  hostname: string,
  signal: AbortSignal,
): Promise<PodSandbox> {
  const spec = specOf(pod);
  const { uid, name, namespace } = pod.metadata;
  return engine.pods.open(
    {
      id: uid,
      name: `${namespace}/${name}`,
      hostname,
      network: spec.hostNetwork ? "host" : { name: network },
      portBindings: spec.hostNetwork ? {} : hostPorts(spec),
      ipc: spec.hostIPC ? "host" : "pod",
      pid: spec.hostPID ? "host" : spec.shareProcessNamespace ? "pod" : "container",
    },
    { signal },
  );
}

function hostPorts({ containers, initContainers = [] }: PodSpec): PortMap {
  const ports: PortMap = {};
  for (const { containerPort, hostPort, hostIP = "", protocol = "TCP" } of [...initContainers, ...containers].flatMap(
    (one) => one.ports ?? [],
  )) {
    if (!hostPort) continue;
    const key = `${containerPort}/${protocol.toLowerCase()}`;
    ports[key] = [...(ports[key] ?? []), { HostIp: hostIP, HostPort: String(hostPort) }];
  }
  return ports;
}
