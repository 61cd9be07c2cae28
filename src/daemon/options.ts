/** The daemon's configuration as its parts need it, out of the merged settings. */
import { homedir } from "node:os";
import { join } from "node:path";
import type { GcSettings } from "../build/solver/gc-policy.ts";
import type { ClusterSettings } from "../kube/cluster-control.ts";
import { builderOptions } from "./builder-options.ts";
import { containerOptions } from "./container-options.ts";
import { distributionOptions } from "./distribution-options.ts";
import { type ListenAddress, parseListenAddress } from "./listen-address.ts";
import { LOG_LEVELS, type LogLevel } from "./log.ts";
import { networkOptions } from "./network-options.ts";
import { absolutePath, OptionReader } from "./option-reader.ts";
import { clusterOption, registryOption } from "./server-options.ts";
import { badSetting } from "./setting-error.ts";
import {
  type AddressPoolSetting,
  asksForNothing,
  type SettingValue,
  type UlimitSetting,
  valueText,
} from "./setting-values.ts";
import { SETTINGS } from "./settings.ts";

/** Of tcp:// addresses without a port, as dockerd's. */
const PLAIN_PORT = 2375;
const TLS_PORT = 2376;

export interface TlsOptions {
  verify: boolean;
  caFile: string;
  certFile: string;
  keyFile: string;
}

export interface DaemonOptions {
  listen: ListenAddress[];
  dockerSocket: boolean;
  group: string;
  /** False: the group may be missing without a word, since nobody asked for it. */
  isGroupGiven: boolean;
  dataRoot: string;
  execRoot: string;
  pidFile: string;
  /** Undefined: tcp:// addresses have no TLS. */
  tls: TlsOptions | undefined;
  logLevel: LogLevel;
  logFormat: "text" | "json";
  debug: boolean;
  isExperimental: boolean;
  /** False: clients build by POST /build unless they are told otherwise. */
  prefersBuildKit: boolean;
  labels: string[];
  /** False: containers end with the daemon. */
  liveRestore: boolean;
  shutdownTimeoutSeconds: number;
  proxies: { http?: string; https?: string; none?: string };
  ulimits: UlimitSetting[];
  shmSizeBytes: number | undefined;
  ipcMode: "private" | "shareable" | undefined;
  cgroupnsMode: "private" | "host" | undefined;
  init: boolean;
  noNewPrivileges: boolean;
  /** A path, "builtin" or "unconfined". */
  seccompProfile: string | undefined;
  logDriver: "json-file" | "local" | "none";
  logOptions: Record<string, string>;
  bridgeAddress: string | undefined;
  mtu: number | undefined;
  interContainer: boolean;
  publishAddress: string;
  masquerade: boolean;
  firewall: boolean;
  addressPools: AddressPoolSetting[];
  dns: string[];
  dnsOptions: string[];
  dnsSearch: string[];
  registryMirrors: string[];
  insecureRegistries: string[];
  /** The registry inside the daemon. `settings`: HOST:PORT, or the JSON of the file's section. */
  registry: { settings: string; root: string; configFile: string | undefined } | undefined;
  /** The cluster starts with the daemon, so; undefined: only when it ran last. */
  cluster: ClusterSettings | undefined;
  /** A path; undefined: every image may be pulled and run. */
  signaturePolicy: string | undefined;
  /** Layers; 0: no limit. */
  concurrentDownloads: number;
  concurrentUploads: number;
  /** Mirrors by the host whose they are. */
  hostMirrors: Record<string, string[]>;
  certificateDirs: string[];
  downloadAttempts: number;
  builderGc: GcSettings;
  /** What builds may be allowed by their clients: "network.host", "security.insecure". */
  builderEntitlements: string[];
}

/** @throws invalid for a setting that naru does not support or whose value makes no sense. */
export function daemonOptions(settings: ReadonlyMap<string, SettingValue>): DaemonOptions {
  refuseUnsupported(settings);
  const read = new OptionReader(settings);
  const execRoot = absolutePath(read.text("exec-root", "/run/naru"));
  const debug = read.bool("debug", false);
  const tls = tlsOptions(read);
  const hosts = read.list("host");
  return {
    listen: (hosts.length === 0 ? [`unix://${execRoot}/naru.sock`] : hosts).map((host) =>
      parseListenAddress(host, tls === undefined ? PLAIN_PORT : TLS_PORT),
    ),
    dockerSocket: read.bool("docker-socket", false),
    group: read.text("group", "naru"),
    isGroupGiven: settings.has("group"),
    dataRoot: absolutePath(read.text("data-root", "/var/lib/naru")),
    execRoot,
    pidFile: absolutePath(read.text("pidfile", join(execRoot, "naru.pid"))),
    tls,
    logLevel: debug
      ? "debug"
      : read.oneOf("log-level", LOG_LEVELS, "info", (value) => `invalid logging level: ${value}`),
    logFormat: read.oneOf("log-format", ["text", "json"], "text", (value) => `invalid log format: ${value}`),
    debug,
    isExperimental: read.bool("experimental", false),
    prefersBuildKit: prefersBuildKit(read.value<Record<string, string>>("feature") ?? {}),
    labels: checkedLabels(read.list("label")),
    liveRestore: read.bool("live-restore", true),
    shutdownTimeoutSeconds: read.int("shutdown-timeout", 15),
    proxies: {
      http: read.optionalText("http-proxy"),
      https: read.optionalText("https-proxy"),
      none: read.optionalText("no-proxy"),
    },
    ...containerOptions(read),
    ...networkOptions(read),
    ...distributionOptions(read),
    registry: registryOption(read),
    cluster: clusterOption(read),
    ...builderOptions(read),
  };
}

function tlsOptions(read: OptionReader): TlsOptions | undefined {
  // As dockerd: who speaks of tlsverify at all, also to turn it off, wants TLS.
  const verify = read.value<boolean>("tlsverify");
  if (verify === undefined && !read.bool("tls", false)) return undefined;
  const folder = process.env.DOCKER_CERT_PATH || join(homedir(), ".docker");
  return {
    verify: verify ?? false,
    caFile: read.text("tlscacert", join(folder, "ca.pem")),
    certFile: read.text("tlscert", join(folder, "cert.pem")),
    keyFile: read.text("tlskey", join(folder, "key.pem")),
  };
}

function refuseUnsupported(settings: ReadonlyMap<string, SettingValue>): void {
  for (const { flag, key, refusal } of SETTINGS) {
    const value = settings.get(flag);
    if (refusal === undefined || value === undefined || value === refusal.accepts || asksForNothing(value)) continue;
    throw badSetting(`naru does not support ${key ?? flag}=${valueText(value)}: ${refusal.reason}`);
  }
}

/** The same label twice is one; as dockerd, a key has one value. */
function checkedLabels(labels: string[]): string[] {
  const known = new Map<string, string>();
  for (const label of new Set(labels)) {
    const equals = label.indexOf("=");
    if (equals === -1) throw badSetting(`bad attribute format: ${label}`);
    const key = label.slice(0, equals);
    const other = known.get(key);
    if (other !== undefined) throw badSetting(`conflict labels for ${label} and ${other}`);
    known.set(key, label);
  }
  return [...known.values()];
}

/** Of dockerd's features only this has a counterpart. */
function prefersBuildKit({ buildkit = "true", ...others }: Record<string, string>): boolean {
  const [unknown] = Object.keys(others).filter((name) => others[name] === "true");
  if (unknown !== undefined) {
    throw badSetting(`naru does not support the feature ${unknown}: it has buildkit only; leave the others out`);
  }
  return buildkit === "true";
}
