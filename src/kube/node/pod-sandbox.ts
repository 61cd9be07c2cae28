/** A pod's sandbox in the engine. */

import type { PodSandbox, PodSandboxRequest } from "../../engine/contract.ts";
import { isKind } from "../../lib/errors.ts";
import type { PortMap } from "../../model/container.ts";
import type { Pod, PodSpec } from "../../model/kubernetes/core.ts";
import { RUNTIME_CLASSES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { NodeContext } from "./node-context.ts";
import { specOf } from "./pod-containers.ts";
import { ensurePodNetwork } from "./pod-network.ts";

/** Names of what runs containers here, as runtime classes may name it. */
const HANDLERS = ["", "naru", "crun", "runc"];

/** One that exists is taken over. @throws Error for a runtime class that this node does not have */
export async function openPodSandbox(
  { engine, network, podRange, client }: NodeContext,
  pod: Stored<Pod>,
  hostname: string,
  signal: AbortSignal,
): Promise<PodSandbox> {
  const spec = specOf(pod);
  const className = spec.runtimeClassName ?? "";
  const handler = className === "" ? "" : client.informer(RUNTIME_CLASSES).get(undefined, className)?.handler;
  if (handler === undefined) throw new Error(`runtimeclass.node.k8s.io "${className}" not found`);
  if (!HANDLERS.includes(handler)) throw new Error(`no runtime for "${handler}" is configured on this node`);
  const { uid, name, namespace } = pod.metadata;
  const request: PodSandboxRequest = {
    id: uid,
    name: `${namespace}/${name}`,
    hostname,
    network: spec.hostNetwork ? "host" : { name: network },
    portBindings: spec.hostNetwork ? {} : hostPorts(spec),
    ipc: spec.hostIPC ? "host" : "pod",
    pid: spec.hostPID ? "host" : spec.shareProcessNamespace ? "pod" : "container",
  };
  try {
    return await engine.pods.open(request, { signal });
  } catch (error) {
    if (!isKind(error, "not-found")) throw error;
    // Networks that nothing stands on may be pruned by any client of the engine.
    await ensurePodNetwork(engine, podRange);
    return engine.pods.open(request, { signal });
  }
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
