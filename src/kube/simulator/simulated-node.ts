/** What a pretended node says of itself. Pure. */

import type { Node, NodeCondition, NodeStatus } from "../../model/kubernetes/core.ts";
import { KUBERNETES_VERSION } from "../node/kubernetes-version.ts";

/** On every pretended node, also the key of its taint. */
const SIMULATED = "naru.dev/simulated";

/** What each node has, as Kubernetes writes quantities. */
export interface NodeSize {
  cpu: string;
  memory: string;
  pods: string;
}

/** True for nodes that are pretended. */
export function isSimulated({ metadata }: Node): boolean {
  return metadata.labels?.[SIMULATED] === "true";
}

/** "simulated-0042" */
export function simulatedName(index: number): string {
  return `simulated-${String(index).padStart(4, "0")}`;
}

/**
 * A node to be created, but for its status.
 * @param isOpen without it only pods that tolerate the taint come here, so that real work stays on real nodes
 */
export function simulatedNode(index: number, isOpen: boolean): Node {
  const name = simulatedName(index);
  // Of the range that nobody routes (RFC 1112, class E): nothing is ever reached by mistake.
  const podCIDR = `240.${index >> 8}.${index & 255}.0/24`;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": `zone-${"abc"[index % 3]}`,
        [SIMULATED]: "true",
      },
    },
    spec: {
      podCIDR,
      podCIDRs: [podCIDR],
      ...(isOpen ? {} : { taints: [{ key: SIMULATED, value: "true", effect: "NoSchedule" }] }),
    },
  };
}

/** The status of a node that is well. @param now Unix milliseconds */
export function wellStatus(before: NodeStatus | undefined, size: NodeSize | undefined, now: number): NodeStatus {
  const stamp = `${new Date(now).toISOString().slice(0, 19)}Z`;
  const condition = (type: string, status: string, reason: string, message: string): NodeCondition => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: stamp,
    lastTransitionTime:
      before?.conditions?.find((one) => one.type === type && one.status === status)?.lastTransitionTime ?? stamp,
  });
  return {
    ...before,
    ...(size === undefined ? {} : { capacity: { ...size }, allocatable: { ...size } }),
    conditions: [
      condition("MemoryPressure", "False", "Simulated", "this node is pretended"),
      condition("DiskPressure", "False", "Simulated", "this node is pretended"),
      condition("PIDPressure", "False", "Simulated", "this node is pretended"),
      condition("Ready", "True", "Simulated", "this node is pretended"),
    ],
    nodeInfo: {
      architecture: "amd64",
      bootID: "",
      containerRuntimeVersion: "simulated://1",
      kernelVersion: "simulated",
      kubeProxyVersion: "",
      kubeletVersion: KUBERNETES_VERSION,
      machineID: "",
      operatingSystem: "linux",
      osImage: "simulated",
      systemUUID: "",
    },
  };
}
