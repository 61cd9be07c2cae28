/** The containers' part of the engine: each method in its own file, joined here. */

import { NaruError } from "../lib/errors.ts";
import { attachContainer } from "./container-attach.ts";
import { createContainer } from "./container-create.ts";
import {
  commitContainer,
  containerChanges,
  exportContainer,
  readContainerArchive,
  statContainerPath,
  writeContainerArchive,
} from "./container-files.ts";
import { inspectContainer } from "./container-inspect.ts";
import { listContainers } from "./container-list.ts";
import { readContainerLog } from "./container-logs.ts";
import { pruneContainers } from "./container-prune.ts";
import { removeContainer, removeLink } from "./container-remove.ts";
import { renameContainer } from "./container-rename.ts";
import { startContainer } from "./container-start.ts";
import { containerStats } from "./container-stats.ts";
import { killContainer, pauseContainer, restartContainer, stopContainer, unpauseContainer } from "./container-stop.ts";
import { updateContainer } from "./container-update.ts";
import type { ContainerService } from "./contract.ts";
import { parseDetachKeys } from "./detach-keys.ts";
import { type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { listProcesses } from "./process-list.ts";
import { waitForContainer } from "./wait-conditions.ts";

export function createContainerService(context: EngineContext): ContainerService {
  return {
    create: (name, request, options) => createContainer(context, name, request, options),
    async start(ref, options) {
      if (options?.detachKeys && !context.containers.get(ref).isRunning) parseDetachKeys(options.detachKeys);
      await startContainer(context, ref);
    },
    stop: (ref, options) => stopContainer(context, ref, options),
    restart: (ref, options) => restartContainer(context, ref, options),
    kill: (ref, signal) => killContainer(context, ref, signal),
    pause: (ref) => pauseContainer(context, ref),
    unpause: (ref) => unpauseContainer(context, ref),
    rename: (ref, newName) => renameContainer(context, ref, newName),
    async remove(ref, options) {
      if (options.link) await removeLink(context, ref);
      else await removeContainer(context, context.containers.get(ref), options);
    },
    wait: (ref, condition, signal) => waitForContainer(context, ref, condition, signal),
    inspect: (ref, options) => inspectContainer(context, ref, options),
    list: (options) => listContainers(context, options),
    attach: (ref, options) => attachContainer(context, ref, options),
    resize: (ref, rows, columns) => resizeContainer(context, ref, rows, columns),
    logs: (ref, options, signal) => readContainerLog(context, ref, options, signal),
    top: (ref, psArgs) => listContainerProcesses(context, ref, psArgs),
    stats: async (ref, options, signal) => containerStats(context, ref, options, signal),
    changes: (ref) => containerChanges(context, ref),
    exportTar: (ref, signal) => exportContainer(context, ref, signal),
    statPath: (ref, path) => statContainerPath(context, ref, path),
    readArchive: (ref, path, signal) => readContainerArchive(context, ref, path, signal),
    writeArchive: (ref, path, tar, options) => writeContainerArchive(context, ref, path, tar, options),
    commit: (ref, options) => commitContainer(context, ref, options),
    update: (ref, change) => updateContainer(context, ref, change),
    prune: (filters) => pruneContainers(context, filters),
  };
}

async function resizeContainer(context: EngineContext, ref: string, rows: number, columns: number): Promise<void> {
  const container = context.containers.get(ref);
  if (container.process === undefined) {
    throw new NaruError("conflict", `container ${container.id} is not running`);
  }
  await container.process.resize(rows, columns);
  publishContainerEvent(context, container, "resize", { height: String(rows), width: String(columns) });
}

async function listContainerProcesses(context: EngineContext, ref: string, psArgs: string) {
  const container = context.containers.get(ref);
  if (!container.hasProcess) throw new NaruError("conflict", `container ${container.id} is not running`);
  const list = await listProcesses(await context.runtime.listPids(container.id), psArgs);
  publishContainerEvent(context, container, "top");
  return list;
}
