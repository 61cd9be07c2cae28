/** What the daemon's options are for the engine. */
import { createHash } from "node:crypto";
import type { EngineConfig } from "../engine/config.ts";
import { NARU_VERSION } from "../lib/version.ts";
import type { DaemonOptions } from "./options.ts";

/** Set by the build; absent when run from source. */
declare const NARU_COMMIT: string | undefined;
declare const NARU_BUILT: string | undefined;

const INSTANCE_DIGITS = 8;

/** Tells this daemon's kernel objects from those of other daemons; the same after every restart. */
export function instanceOf({ dataRoot, execRoot }: DaemonOptions): string {
  return createHash("sha256").update(`${dataRoot}\0${execRoot}`).digest("hex").slice(0, INSTANCE_DIGITS);
}

export function engineConfig(options: DaemonOptions): EngineConfig {
  const isBuilt = typeof NARU_COMMIT === "string";
  return {
    dataRoot: options.dataRoot,
    execRoot: options.execRoot,
    instance: instanceOf(options),
    serverVersion: NARU_VERSION,
    gitCommit: isBuilt ? NARU_COMMIT : undefined,
    buildTime: isBuilt ? NARU_BUILT : undefined,
    logDriver: options.logDriver,
    logOptions: options.logOptions,
    defaultUlimits: options.ulimits,
    isExperimental: options.isExperimental,
    defaultInit: options.init,
    dns: options.dns,
    dnsOptions: options.dnsOptions,
    dnsSearch: options.dnsSearch,
    httpProxy: options.proxies.http ?? process.env.HTTP_PROXY ?? process.env.http_proxy,
    httpsProxy: options.proxies.https ?? process.env.HTTPS_PROXY ?? process.env.https_proxy,
    noProxy: options.proxies.none ?? process.env.NO_PROXY ?? process.env.no_proxy,
    ...reloadableConfig(options),
  };
}

/** What may change while the daemon runs. */
export function reloadableConfig(options: DaemonOptions) {
  return {
    debug: options.debug,
    defaultShmSizeBytes: options.shmSizeBytes,
    defaultIpcMode: options.ipcMode,
    defaultCgroupnsMode: options.cgroupnsMode,
    labels: options.labels,
    registryMirrors: options.registryMirrors,
    insecureRegistries: options.insecureRegistries,
    stopContainersOnShutdown: !options.liveRestore,
    shutdownTimeoutSeconds: options.shutdownTimeoutSeconds,
  } satisfies Partial<EngineConfig>;
}
