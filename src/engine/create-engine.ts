/** Puts the engine together from the parts that the daemon hands in. */
import { hostname } from "node:os";
import { errorText } from "../lib/errors.ts";
import { ContainerRegistry } from "./container-registry.ts";
import { createContainerService } from "./container-service.ts";
import { endRun } from "./container-stop.ts";
import type { Engine } from "./contract.ts";
import { diskUsage } from "./disk-usage.ts";
import type { EngineContext, EngineParts } from "./engine-context.ts";
import { createEngineFolders } from "./engine-folders.ts";
import { EventBus } from "./event-bus.ts";
import { ExecInstances } from "./exec-instances.ts";
import { createImageService } from "./image-service.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { createNetworkService } from "./network-service.ts";
import { PodSandboxes } from "./pod-sandboxes.ts";
import { restoreContainers } from "./restore.ts";
import { daemonId, systemInfo, versionInfo } from "./system-info.ts";
import { createVolumeService } from "./volume-service.ts";

const DEFAULT_SHUTDOWN_TIMEOUT_SECONDS = 15;

export interface LivingEngine extends Engine {
  /** Takes over what still runs and applies restart policies. To be called once, before the first request. */
  restore(): Promise<void>;
  /** Ends timers and writes what is not written; containers go on unless the configuration says otherwise. */
  shutdown(): Promise<void>;
}

/** The parts are not closed by the engine: whoever made them does that after shutdown(). */
export async function createEngine(parts: EngineParts): Promise<LivingEngine> {
  const context: EngineContext = {
    ...parts,
    containers: new ContainerRegistry(parts.store.collection("containers"), (message) => parts.log.warn(message)),
    pods: createPodSandboxes(parts),
    events: new EventBus(),
    locks: new KeyedLock(),
    volumeLocks: new KeyedLock(),
    closing: new AbortController(),
  };
  const [id] = await Promise.all([daemonId(parts.store.collection("settings")), createEngineFolders(parts.config)]);
  const execs = new ExecInstances(context);
  return {
    containers: createContainerService(context),
    execs,
    images: createImageService(context),
    networks: createNetworkService(context),
    volumes: createVolumeService(context),
    pods: context.pods,
    system: {
      info: () => systemInfo(context, id),
      version: async () => versionInfo(context),
      diskUsage: (types) => diskUsage(context, types),
      events: (options, signal) => context.events.read(options, signal),
      announceReload: (settings) => context.events.publish("daemon", "reload", id, { name: hostname(), ...settings }),
    },
    restore: () => restoreContainers(context),
    shutdown: () => shutdown(context, execs),
  };
}

function createPodSandboxes({ store, networks, namespaces, config, log }: EngineParts): PodSandboxes {
  const directory = `${config.execRoot}/pods`;
  return new PodSandboxes({ records: store.collection("pod-sandboxes"), networks, namespaces, directory, log });
}

async function shutdown(context: EngineContext, execs: ExecInstances): Promise<void> {
  context.closing.abort();
  execs.stop();
  if (context.config.stopContainersOnShutdown) await stopAll(context);
  for (const container of context.containers.list()) container.stopHealthChecks?.();
  await context.store.flush();
}

/** Restart policies bring them back at the next start: they were not stopped by hand. */
async function stopAll(context: EngineContext): Promise<void> {
  const timeoutSeconds = context.config.shutdownTimeoutSeconds ?? DEFAULT_SHUTDOWN_TIMEOUT_SECONDS;
  const running = context.containers.list().filter(({ isRunning }) => isRunning);
  await Promise.all(
    running.map(async (container) => {
      try {
        await endRun(context, container, { timeoutSeconds });
        await context.containers.note(container, { isManuallyStopped: false });
      } catch (error) {
        context.log.error(`container ${container.name} was not stopped: ${errorText(error)}`);
      }
    }),
  );
}
