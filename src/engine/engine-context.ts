/** What every part of the engine works with. */
import type { ContainerFiles, ImageStore } from "../image/contract.ts";
import type { NetworkController } from "../network/contract.ts";
import type { ContainerRuntime, SharedNamespaces } from "../runtime/contract.ts";
import type { ImagePolicy } from "../signature/contract.ts";
import type { StateStore } from "../store/contract.ts";
import type { VolumeStore } from "../volume/contract.ts";
import type { EngineConfig, EngineLog } from "./config.ts";
import type { Container } from "./container.ts";
import type { ContainerRegistry } from "./container-registry.ts";
import type { EventBus } from "./event-bus.ts";
import type { KeyedLock } from "./keyed-lock.ts";
import type { PodSandboxes } from "./pod-sandboxes.ts";

/** The engine's own parts are built by the daemon and handed in. */
export interface EngineParts {
  store: StateStore;
  runtime: ContainerRuntime;
  namespaces: SharedNamespaces;
  images: ImageStore;
  policy: ImagePolicy;
  files: ContainerFiles;
  networks: NetworkController;
  volumes: VolumeStore;
  config: EngineConfig;
  log: EngineLog;
}

export interface EngineContext extends EngineParts {
  containers: ContainerRegistry;
  pods: PodSandboxes;
  events: EventBus;
  /** Per container id: start, exit, pause, rename and removal take turns. */
  locks: KeyedLock;
  /** Per volume name: use and removal take turns. */
  volumeLocks: KeyedLock;
  /** Aborted by shutdown(): nothing restarts from then on. */
  closing: AbortController;
}

/** Folder of a container's own files (hostname, hosts, resolv.conf, log). */
export function containerDir(context: EngineContext, id: string): string {
  return `${context.config.dataRoot}/containers/${id}`;
}

/** Folder of a running container's bundle and sockets. */
export function containerRunDir(context: EngineContext, id: string): string {
  return `${context.config.execRoot}/containers/${id}`;
}

/** Publishes an event of a container with its labels, image and name, as Docker does. */
export function publishContainerEvent(
  context: EngineContext,
  container: Container,
  action: string,
  more: Record<string, string> = {},
): void {
  const { config, name, id } = container.record;
  context.events.publish("container", action, id, {
    ...config.Labels,
    ...more,
    image: config.Image ?? "",
    name,
  });
}
