/** The daemon's configuration as its parts need it, out of the merged settings. */
import { isIP } from "node:net";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { type GcPolicySetting, type GcSettings, gcPolicies } from "../build/solver/gc-policy.ts";
import type { ClusterSettings } from "../kube/cluster-control.ts";
import { errorText } from "../lib/errors.ts";
import { checkSearchDomain } from "../lib/search-domain.ts";
import { type ListenAddress, parseListenAddress } from "./listen-address.ts";
import { LOG_LEVELS, type LogLevel } from "./log.ts";
import { badSetting } from "./setting-error.ts";
import {
  type AddressPoolSetting,
  asksForNothing,
  prefixLength,
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
  const read = new Reader(settings);
  const execRoot = absolute(read.text("exec-root", "/run/naru"));
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
    dataRoot: absolute(read.text("data-root", "/var/lib/naru")),
    execRoot,
    pidFile: absolute(read.text("pidfile", join(execRoot, "naru.pid"))),
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
    registryMirrors: read.list("registry-mirror"),
    insecureRegistries: read.list("insecure-registry"),
    registry: registryOption(read),
    cluster: clusterOption(read),
    signaturePolicy: read.optionalText("signature-policy"),
    hostMirrors: hostMirrors(read.list("host-mirror")),
    certificateDirs: settings.has("registry-certs-dir")
      ? read.list("registry-certs-dir").map(absolute)
      : ["/etc/naru/certs.d", "/etc/docker/certs.d"],
    concurrentDownloads: transferLimit(read.int("max-concurrent-downloads", 3), "downloads"),
    concurrentUploads: transferLimit(read.int("max-concurrent-uploads", 5), "uploads"),
    downloadAttempts: downloadAttempts(read.int("max-download-attempts", 5)),
    builderGc: builderGc(read),
    builderEntitlements: [
      ...(read.bool("builder-allow-network-host", true) ? ["network.host"] : []),
      ...(read.bool("builder-allow-insecure", false) ? ["security.insecure"] : []),
    ],
  };
}

/** @throws invalid for a size or rule that cannot be read */
function builderGc(read: Reader): GcSettings {
  const policy = read.optionalText("builder-gc-policy");
  const settings: GcSettings = {
    enabled: read.bool("builder-gc", true),
    defaultKeepStorage: read.optionalText("builder-keep-storage"),
    defaultReservedSpace: read.optionalText("builder-reserved-space"),
    defaultMaxUsedSpace: read.optionalText("builder-max-used-space"),
    defaultMinFreeSpace: read.optionalText("builder-min-free-space"),
    ...(policy === undefined ? {} : { policy: parsePolicies(policy) }),
  };
  // A mistake is told at the start, not after the first build.
  gcPolicies(settings, 0);
  return settings;
}

function parsePolicies(text: string): GcPolicySetting[] {
  try {
    const policies: unknown = JSON.parse(text);
    if (Array.isArray(policies)) return policies;
  } catch {
    // Told below.
  }
  throw badSetting(`builder.gc.policy is no list of rules: ${text}`);
}

function transferLimit(value: number, what: "downloads" | "uploads"): number {
  if (value < 0) throw badSetting(`invalid max concurrent ${what}: ${value}`);
  return value;
}

function registryOption(read: Reader): DaemonOptions["registry"] {
  const settings = read.optionalText("registry");
  const configFile = read.optionalText("registry-config");
  if (settings === undefined) {
    if (configFile === undefined) return undefined;
    throw badSetting("registry-config is for the daemon's registry: say where it listens with registry=HOST:PORT");
  }
  const dataRoot = absolute(read.text("data-root", "/var/lib/naru"));
  return { settings, root: absolute(read.text("registry-root", join(dataRoot, "registry"))), configFile };
}

function clusterOption(read: Reader): DaemonOptions["cluster"] {
  const settings: ClusterSettings = Object.fromEntries(
    Object.entries({
      listen: read.optionalText("cluster-listen"),
      store: read.optionalText("cluster-store"),
      nodeName: read.optionalText("cluster-node-name"),
      serviceCidr: read.optionalText("cluster-service-cidr"),
      ingressHttp: read.optionalText("cluster-ingress-http"),
      ingressHttps: read.optionalText("cluster-ingress-https"),
      maxContainerRestartPeriod: read.optionalText("cluster-max-container-restart-period"),
      auditPolicyFile: read.optionalText("cluster-audit-policy-file"),
      auditLogPath: read.optionalText("cluster-audit-log-path"),
      auditLogMaxsize: read.value<number>("cluster-audit-log-maxsize"),
      auditLogMaxbackup: read.value<number>("cluster-audit-log-maxbackup"),
    }).filter(([, value]) => value !== undefined),
  );
  const { auditPolicyFile, auditLogPath } = settings;
  if (auditLogPath !== "none" && (auditPolicyFile === undefined) !== (auditLogPath === undefined)) {
    throw badSetting("the cluster's audit needs both: cluster-audit-policy-file and cluster-audit-log-path");
  }
  if (read.bool("cluster", false)) return settings;
  if (Object.keys(settings).length === 0) return undefined;
  throw badSetting("the settings cluster-… are for the daemon's cluster: set cluster too");
}

function tlsOptions(read: Reader): TlsOptions | undefined {
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

function containerOptions(read: Reader) {
  read.oneOf(
    "storage-driver",
    ["overlay2"],
    "overlay2",
    (value) => `naru stores layers with overlay2 only, not ${value}`,
  );
  return {
    ulimits: read.value<UlimitSetting[]>("default-ulimit") ?? [],
    shmSizeBytes: read.value<number>("default-shm-size"),
    ipcMode: read.optionalOneOf(
      "default-ipc-mode",
      ["private", "shareable"],
      (value) => `IPC mode "${value}" is not supported as default value; use private or shareable`,
    ),
    cgroupnsMode: read.optionalOneOf(
      "default-cgroupns-mode",
      ["private", "host"],
      (value) => `default cgroup namespace mode (${value}) is invalid; use "host" or "private"`,
    ),
    init: read.bool("init", false),
    noNewPrivileges: read.bool("no-new-privileges", false),
    seccompProfile: read.optionalText("seccomp-profile"),
    logDriver: read.oneOf(
      "log-driver",
      ["json-file", "local", "none"],
      "json-file",
      (value) => `naru has no log driver ${value}; use json-file, local or none`,
    ),
    logOptions: read.value<Record<string, string>>("log-opt") ?? {},
  };
}

function networkOptions(read: Reader) {
  const bridgeAddress = read.optionalText("bip");
  if (bridgeAddress !== undefined && prefixLength(bridgeAddress) === undefined) {
    throw badSetting(`invalid bip "${bridgeAddress}": write an address with its prefix, e.g. 172.17.0.1/16`);
  }
  return {
    bridgeAddress,
    mtu: checkedMtu(read.value<number>("mtu")),
    interContainer: read.bool("icc", true),
    publishAddress: checkedAddress(read.text("ip", "0.0.0.0")),
    masquerade: read.bool("ip-masq", true),
    firewall: read.bool("iptables", true),
    addressPools: read.value<AddressPoolSetting[]>("default-address-pool") ?? [],
    dns: read.list("dns").map(checkedAddress),
    dnsOptions: read.list("dns-opt"),
    dnsSearch: read.list("dns-search").map(checkedDomain),
  };
}

/** 0 stands for the default. */
function checkedMtu(mtu = 0): number | undefined {
  if (mtu < 0) throw badSetting(`invalid default MTU: ${mtu}`);
  return mtu === 0 ? undefined : mtu;
}

function checkedDomain(domain: string): string {
  try {
    return checkSearchDomain(domain);
  } catch (error) {
    throw badSetting(errorText(error));
  }
}

function hostMirrors(entries: string[]): Record<string, string[]> {
  const mirrors: Record<string, string[]> = {};
  for (const entry of entries) {
    const [, host, mirror] = /^([^=/]+)=(.+)$/.exec(entry) ?? [];
    if (host === undefined || mirror === undefined) {
      throw badSetting(`invalid host-mirror ${JSON.stringify(entry)}: write HOST=https://MIRROR[:PORT]`);
    }
    mirrors[host] = [...(mirrors[host] ?? []), mirror];
  }
  return mirrors;
}

function downloadAttempts(count: number): number {
  if (count < 1) throw badSetting(`invalid max download attempts: ${count}`);
  return count;
}

function refuseUnsupported(settings: ReadonlyMap<string, SettingValue>): void {
  for (const { flag, key, refusal } of SETTINGS) {
    const value = settings.get(flag);
    if (refusal === undefined || value === undefined || value === refusal.accepts || asksForNothing(value)) continue;
    throw badSetting(`naru does not support ${key ?? flag}=${valueText(value)}: ${refusal.reason}`);
  }
}

/** Typed access; the types were checked when the values were parsed. */
class Reader {
  constructor(private readonly settings: ReadonlyMap<string, SettingValue>) {}

  value<T extends SettingValue>(flag: string): T | undefined {
    return this.settings.get(flag) as T | undefined;
  }
  text(flag: string, fallback: string): string {
    return this.optionalText(flag) ?? fallback;
  }
  optionalText(flag: string): string | undefined {
    const value = this.value<string>(flag);
    return value === "" ? undefined : value;
  }
  bool(flag: string, fallback: boolean): boolean {
    return this.value<boolean>(flag) ?? fallback;
  }
  int(flag: string, fallback: number): number {
    return this.value<number>(flag) ?? fallback;
  }
  list(flag: string): string[] {
    return this.value<string[]>(flag) ?? [];
  }
  oneOf<T extends string>(flag: string, allowed: readonly T[], fallback: T, message: (value: string) => string): T {
    return this.optionalOneOf(flag, allowed, message) ?? fallback;
  }
  optionalOneOf<T extends string>(
    flag: string,
    allowed: readonly T[],
    message: (value: string) => string,
  ): T | undefined {
    const value = this.optionalText(flag);
    if (value === undefined) return undefined;
    const known = allowed.find((item) => item === value);
    if (known === undefined) throw badSetting(message(value));
    return known;
  }
}

function absolute(path: string): string {
  return isAbsolute(path) ? path : resolve(path);
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

function checkedAddress(address: string): string {
  if (isIP(address) === 0) throw badSetting(`invalid IP address: ${address}`);
  return address;
}

/** Of dockerd's features only this has a counterpart. */
function prefersBuildKit({ buildkit = "true", ...others }: Record<string, string>): boolean {
  const [unknown] = Object.keys(others).filter((name) => others[name] === "true");
  if (unknown !== undefined) {
    throw badSetting(`naru does not support the feature ${unknown}: it has buildkit only; leave the others out`);
  }
  return buildkit === "true";
}
