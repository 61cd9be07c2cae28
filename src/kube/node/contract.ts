/** What the API server asks of the node that runs a pod: its streams and its usage. Errors are StatusErrors. */

import type { Pod } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";

export interface PodLogOptions {
  container?: string;
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  tailLines?: number;
  limitBytes?: number;
  /** Unix milliseconds. */
  sinceMs?: number;
}

export interface PodStreamOptions {
  container?: string;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** A process in a pod, or the container's own, with its streams. */
export interface PodProcess {
  readonly output: AsyncIterable<{ stream: "stdout" | "stderr"; data: Uint8Array }>;
  write(data: Uint8Array): Promise<void>;
  closeInput(): void;
  resize(rows: number, columns: number): Promise<void>;
  /** Its exit code, once `output` has ended. */
  exitCode(): Promise<number>;
  /** The client went away. */
  close(): void;
}

/** One connection to a port inside a pod. */
export interface PodConnection {
  readonly data: AsyncIterable<Uint8Array>;
  write(data: Uint8Array): Promise<void>;
  /** The client sends no more. */
  end(): void;
  close(): void;
}

export interface ContainerUsage {
  name: string;
  /** CPU time used since the container began, nanoseconds. */
  cpuNanoseconds: number;
  /** Working set, bytes: usage without inactive file pages. */
  memoryBytes: number;
}
export interface PodUsage {
  namespace: string;
  name: string;
  /** Unix milliseconds of the reading. */
  at: number;
  containers: readonly ContainerUsage[];
}
export interface NodeUsage {
  at: number;
  cpuNanoseconds: number;
  memoryBytes: number;
}

export interface NodeConnection {
  /** Lines as the container wrote them (with a timestamp before each if asked). */
  logs(pod: Stored<Pod>, options: PodLogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  exec(pod: Stored<Pod>, command: readonly string[], options: PodStreamOptions): Promise<PodProcess>;
  attach(pod: Stored<Pod>, options: PodStreamOptions): Promise<PodProcess>;
  connect(pod: Stored<Pod>, port: number): Promise<PodConnection>;
  usage(): Promise<{ node: NodeUsage; pods: readonly PodUsage[] }>;
}
