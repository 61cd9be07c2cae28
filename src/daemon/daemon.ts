/** A running daemon: its parts, its sockets, its end. */
import { mkdir } from "node:fs/promises";
import { ApiServer } from "../api/server.ts";
import { errorText } from "../lib/errors.ts";
import { NARU_VERSION } from "../lib/version.ts";
import { Cluster } from "./cluster.ts";
import { instanceOf } from "./engine-config.ts";
import { IdleMemory } from "./idle-memory.ts";
import { Listeners } from "./listeners.ts";
import { Log } from "./log.ts";
import { isMachineEnding } from "./machine-end.ts";
import type { DaemonOptions } from "./options.ts";
import { openParts, type Parts } from "./parts.ts";
import { removePidFile, writePidFile } from "./process-file.ts";
import type { RunningRegistry } from "./registry-parts.ts";
import { reloadedSettings } from "./reload-event.ts";

export class Daemon {
  #options: DaemonOptions;

  private constructor(
    options: DaemonOptions,
    readonly log: Log,
    private readonly parts: Parts,
    private readonly api: ApiServer,
    private readonly listeners: Listeners,
    private readonly registry: RunningRegistry | undefined,
    private readonly cluster: Cluster,
  ) {
    this.#options = options;
  }

  /**
   * Brings everything up; undoes what it began when a step fails.
   * @throws conflict when another daemon uses the data root, a socket or the pid file.
   */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const log = new Log(options.logLevel, options.logFormat);
    applyProxies(options);
    await using undo = new AsyncDisposableStack();
    await Promise.all([
      mkdir(options.dataRoot, { recursive: true, mode: 0o710 }),
      mkdir(options.execRoot, { recursive: true, mode: 0o711 }),
    ]);
    // The lock comes first: everything after it may touch what another daemon owns.
    const parts = await openParts(options, log);
    undo.defer(() => parts.close());
    await writePidFile(options.pidFile);
    undo.defer(() => removePidFile(options.pidFile));
    const memory = new IdleMemory();
    memory.touch();
    // Before the sockets: who gets an answer there finds the cluster too.
    const cluster = await Cluster.open(
      { engine: parts.engine, ...options, instance: instanceOf(options), log, onRequest: () => memory.touch() },
      options.cluster,
    );
    undo.defer(() => cluster.close());
    const api = new ApiServer({
      engine: parts.engine,
      builder: parts.builder,
      classicBuilder: parts.classicBuilder,
      buildKit: parts.buildKit,
      commandBuilds: parts.commandBuilds,
      imageMaker: parts.imageMaker,
      registries: parts.registries,
      sboms: parts.sboms,
      automation: parts.automation,
      cluster,
      traits: parts.traits,
      log: apiLog(log, memory),
    });
    const listeners = new Listeners(api, log);
    undo.defer(() => listeners.stopAccepting());
    // Before the sockets: who gets an answer there finds the registry too.
    const registry = await startOwnRegistry(options, log, memory);
    undo.defer(() => registry?.stop());
    await listeners.open(options);
    undo.move();
    log.info("the daemon is ready", {
      version: NARU_VERSION,
      pid: process.pid,
      startedInMs: Math.round(performance.now()),
    });
    return new Daemon(options, log, parts, api, listeners, registry, cluster);
  }

  /** Takes over what may change while the daemon runs. */
  async reload(options: DaemonOptions): Promise<void> {
    await this.parts.reload(options);
    await this.registry?.renewCertificates();
    this.parts.engine.system.announceReload(reloadedSettings(options));
    const { liveRestore, shutdownTimeoutSeconds } = options;
    this.#options = { ...this.#options, liveRestore, shutdownTimeoutSeconds };
    this.log.level = options.logLevel;
    this.log.info("configuration reloaded", { logLevel: options.logLevel, labels: options.labels });
  }

  /** What it is doing, for whoever wonders why something hangs; where dockerd writes its stacks on SIGUSR1. */
  logState(): void {
    const { rss, heapUsed } = process.memoryUsage();
    const requests = this.api.requestsUnderWay();
    this.log.info("the state, as SIGUSR1 asks", { uptimeSeconds: process.uptime(), rss, heapUsed, requests });
  }

  /**
   * Closes the sockets, lets requests under way end, writes what is not written yet. Containers go on, but for a machine
   * that goes down, and where live-restore is off.
   */
  async stop(reason: string): Promise<void> {
    const endsContainers = !this.#options.liveRestore || (await isMachineEnding());
    this.log.info("shutting down", { reason, endsContainers });
    await this.listeners.stopAccepting();
    await this.registry?.stop();
    await this.api.settle(this.#options.shutdownTimeoutSeconds * 1000);
    // What is left are streams without an end of their own: events, followed logs, attached terminals, waits.
    this.listeners.cutConnections();
    await this.cluster.close();
    await this.parts.close({ endsContainers });
    await removePidFile(this.#options.pidFile);
    this.log.info(
      endsContainers ? "the daemon and its containers have ended" : "the daemon has ended; containers go on",
    );
  }
}

/** Its code is loaded only when it is wanted. */
async function startOwnRegistry({ registry }: DaemonOptions, log: Log, memory: IdleMemory) {
  if (registry === undefined) return undefined;
  const { startDaemonRegistry } = await import("./daemon-registry.ts");
  return await startDaemonRegistry(registry, log, () => memory.touch());
}

function apiLog(log: Log, memory: IdleMemory) {
  return {
    request: (method: string, url: string, durationMs: number) => {
      memory.touch();
      if (log.isEnabled("debug")) log.debug("request", { method, url, ms: Math.round(durationMs * 10) / 10 });
    },
    fault: (method: string, url: string, error: unknown) => {
      log.error("a request failed in an unexpected way", {
        method,
        url,
        error: error instanceof Error ? error : errorText(error),
      });
    },
  };
}

/** Downloads read the usual environment variables. */
function applyProxies({ proxies }: DaemonOptions): void {
  const set = (name: string, value: string | undefined) => {
    if (value === undefined) return;
    process.env[name.toUpperCase()] = value;
    process.env[name] = value;
  };
  set("http_proxy", proxies.http);
  set("https_proxy", proxies.https);
  set("no_proxy", proxies.none);
}
