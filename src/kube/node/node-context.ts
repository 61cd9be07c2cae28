/** What every part of the node agent works with. */

import type { Engine } from "../../engine/contract.ts";
import type { Slots } from "../../lib/slots.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import type { ImagePresence } from "./image-presence.ts";

export interface NodeLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export type RecordEvent = (
  about: Stored<KubeObject>,
  type: "Normal" | "Warning",
  reason: string,
  message: string,
  /** "spec.containers{web}" */
  fieldPath?: string,
) => void;

export interface NodeAgentOptions {
  client: ClusterClient;
  engine: Engine;
  nodeName: string;
  /** What survives a reboot: volumes of pods, below "<dataRoot>/pods". */
  dataRoot: string;
  /** What a reboot may take: files of secrets, hosts files. */
  runRoot: string;
  log: NodeLog;
  /** "10.244.0.0/22"; the first of that size that is free on this machine when absent. */
  podCidr?: string;
  /** Address of the cluster's name server; without one pods ask the machine's. */
  clusterDns?: () => string | undefined;
  /** "cluster.local" when absent. */
  clusterDomain?: string;
  /** The machine's address; the first that is not a loopback's when absent. */
  nodeAddress?: string;
  recordEvent?: RecordEvent;
  /** Milliseconds that a container which fails again and again waits at most; five minutes when absent. */
  longestRestartWaitMs?: number;
  /** Asked before a pod's containers are told to stop: resolves when no new connection is led to it any more. */
  connectionsEnded?(pod: Stored<Pod>, signal: AbortSignal): Promise<void>;
  /** Told of a pod's addresses before the first of its containers starts. */
  addressed?(pod: Stored<Pod>, addresses: readonly string[]): void;
}

export interface NodeContext extends NodeAgentOptions {
  readonly clusterDomain: string;
  readonly nodeAddress: string;
  readonly recordEvent: RecordEvent;
  /** The engine's network that pods stand on. */
  readonly network: string;
  /** Its addresses: "10.244.0.0/22". */
  readonly podRange: string;
  readonly images: ImagePresence;
  /** How many containers are started at once. */
  readonly starts: Slots;
  /** Bytes of memory of the machine. */
  readonly memoryBytes: number;
  /** Whether the daemon may lower a process' out-of-memory score. */
  readonly canLowerOomScore: boolean;
}

/** Directory of a pod's files that survive a reboot (emptyDir). */
export function podDirectory({ dataRoot }: Pick<NodeContext, "dataRoot">, uid: string): string {
  return `${dataRoot}/pods/${uid}`;
}

/** Directory of a pod's files that a reboot may take. */
export function podRunDirectory({ runRoot }: Pick<NodeContext, "runRoot">, uid: string): string {
  return `${runRoot}/kubernetes/${uid}`;
}

/** "web_default(uid)", as events and messages name a pod. */
export function podText(pod: Stored<Pod>): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}
