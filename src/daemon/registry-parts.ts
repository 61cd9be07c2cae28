/** Composition of the registry server: storage, catalog, what stands around them, listener. */

import { openCatalog } from "../registry/catalog/registry-catalog.ts";
import { ChunkLists } from "../registry/chunks/chunk-lists.ts";
import { CollectionSchedule } from "../registry/collect/collection-schedule.ts";
import { type CollectOptions, Collector } from "../registry/collect/collector.ts";
import type { RegistrySurroundings } from "../registry/contract.ts";
import { RegistryServer } from "../registry/http/registry-server.ts";
import { createHandler } from "../registry/http/request-handler.ts";
import type { Log } from "./log.ts";
import type { RegistryOptions } from "./registry-command-line.ts";
import { openRegistryStorage } from "./registry-storage.ts";

export interface RunningRegistry {
  port: number;
  /** Lets requests under way end, then closes the storage. */
  stop(): Promise<void>;
}

/**
 * Opens the storage and listens.
 * @throws conflict when another server uses the root, unavailable when the address is taken
 */
export async function startRegistry(options: RegistryOptions, log: Log): Promise<RunningRegistry> {
  await using undo = new AsyncDisposableStack();
  const storage = await openRegistryStorage(options);
  undo.defer(() => storage.close());
  const open = await openCatalog(storage);
  const { catalog } = open;
  const collector = new Collector(open);
  const defaults: CollectOptions = {
    graceMs: options.graceMs,
    uploadAgeMs: options.uploadAgeMs,
    untagged: options.collectsUntagged,
    dryRun: false,
  };
  const schedule = new CollectionSchedule(collector, defaults, log, options.collectEveryMs);
  undo.defer(() => schedule.stop());
  const surroundings: RegistrySurroundings = {};
  const handler = createHandler({
    catalog,
    chunks: new ChunkLists(catalog, storage),
    surroundings,
    collecting: { collector, defaults },
    log,
  });
  const server = RegistryServer.listen({ host: options.host, port: options.port }, handler);
  undo.defer(() => server.stop(options.shutdownMs));
  const opened = undo.move();
  return { port: server.port, stop: () => opened.disposeAsync() };
}
