/** Composition of the registry server: storage, catalog, what stands around them, listener. */

import { createRegistryClient } from "../distribution/registry-client.ts";
import { NARU_VERSION } from "../lib/version.ts";
import { type OpenCatalog, openCatalog } from "../registry/catalog/registry-catalog.ts";
import { ChunkLists } from "../registry/chunks/chunk-lists.ts";
import { CollectionSchedule } from "../registry/collect/collection-schedule.ts";
import { type CollectOptions, Collector } from "../registry/collect/collector.ts";
import type { RegistryStorage, RegistrySurroundings } from "../registry/contract.ts";
import { createHandler } from "../registry/http/request-handler.ts";
import { KEYS } from "../registry/keys.ts";
import type { StorageFacts } from "../registry/observe/storage-gauges.ts";
import { openSurroundings } from "../registry/surroundings.ts";
import { selfSignedInstructions } from "../registry/tls/certificate-files.ts";
import { RegistryListener } from "../registry/tls/listener.ts";
import { isLoopback } from "./listen-address.ts";
import type { Log } from "./log.ts";
import type { RegistryOptions } from "./registry-command-line.ts";
import { openRegistryStorage } from "./registry-storage.ts";

/** Clients wait: an upstream that does not answer is told sooner than a pull by hand would give up. */
const UPSTREAM_TIMING = {
  idleTimeoutMs: 20_000,
  requests: { attempts: 2, firstDelayMs: 200, longestDelayMs: 1000 },
  blobs: { attempts: 4, firstDelayMs: 500, longestDelayMs: 5000 },
};

export interface RunningRegistry {
  port: number;
  /** What the person who started it has to know and do, as lines. */
  instructions: string[];
  /** Reads the certificate files again. */
  renewCertificates(): Promise<void>;
  /** Lets requests under way end, then closes the storage. */
  stop(): Promise<void>;
}

/**
 * Opens the storage and listens.
 * @throws conflict when another server uses the root, unavailable when the address is taken
 */
export async function startRegistry(
  options: RegistryOptions,
  log: Log,
  onRequest: () => void = () => {},
): Promise<RunningRegistry> {
  warnOfOpenDoors(options, log);
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
  const around = await openSurroundings(options.settings, {
    root: options.root,
    catalog,
    client: upstreamClient(options),
    storage: storageFacts(open, storage, collector),
    log,
    listenUrl: () =>
      `${options.settings.tls === undefined ? "http" : "https"}://${addressText(options.host, options.port)}`,
  });
  undo.defer(() => around.stop());
  const handler = createHandler({
    catalog: around.catalog,
    chunks: new ChunkLists(catalog, storage),
    surroundings: observed(around.surroundings, onRequest),
    collections: schedule,
    log,
  });
  const { host, port, shutdownMs: graceMs, root } = options;
  const { tls, debugAddr } = options.settings;
  const listener = await RegistryListener.open({ host, port, tls, root, graceMs, log }, handler);
  undo.defer(() => listener.stop());
  if (debugAddr !== undefined) {
    const debug = await RegistryListener.open({ ...debugAddr, tls: undefined, root, graceMs, log }, around.debug);
    undo.defer(() => debug.stop());
  }
  const opened = undo.move();
  const { loadedTls } = listener;
  return {
    port: listener.port,
    instructions:
      loadedTls?.madeAt === undefined
        ? []
        : selfSignedInstructions(loadedTls, addressText(tls!.selfSigned![0]!, listener.port)).split("\n"),
    renewCertificates: () => listener.renew(),
    stop: () => opened.disposeAsync(),
  };
}

function observed(surroundings: RegistrySurroundings, onRequest: () => void): RegistrySurroundings {
  return {
    ...surroundings,
    observe: (answered) => {
      onRequest();
      surroundings.observe?.(answered);
    },
  };
}

function warnOfOpenDoors({ host, settings }: RegistryOptions, log: Log): void {
  if (settings.access.kind !== "everyone" || settings.tls?.clientCa !== undefined || isLoopback(host)) return;
  log.warn("everyone who reaches this registry may push and delete: give it users (access.htpasswd)", { host });
}

/** Reaches upstreams with docker's folders of certificates. */
function upstreamClient({ settings }: RegistryOptions) {
  return createRegistryClient({
    settings: () => ({
      mirrors: [],
      insecureRegistries: settings.cache.insecure,
      certificateDirs: ["/etc/naru/certs.d", "/etc/docker/certs.d"],
    }),
    userAgent: `naru/${NARU_VERSION} registry`,
    timing: UPSTREAM_TIMING,
  });
}

function storageFacts(open: OpenCatalog, storage: RegistryStorage, collector: Collector): StorageFacts {
  return {
    storedBytes: async () => {
      let bytes = 0;
      for await (const { size } of storage.list(KEYS.blobs)) bytes += size;
      return bytes;
    },
    isThere: async () => (await storage.stat(KEYS.layout)) !== undefined,
    uploadsUnderWay: async () => (await Array.fromAsync(storage.listUploads())).length,
    repositories: async () => [...open.parts.names.list()].length,
    collections: () => collector.totals,
  };
}

function addressText(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
