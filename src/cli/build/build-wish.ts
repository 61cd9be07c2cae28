/** What the flags of `build` ask for, as the wish that goes to the daemon and what the client keeps for itself. */
import { existsSync, realpathSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { isDigest } from "../../lib/digest.ts";
import type { BuildWish } from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import type { ConfigFile } from "../config-file.ts";
import { withProxies } from "../container-options/proxies.ts";
import { refuseContentTrust } from "../content-trust.ts";
import { cut } from "../csv.ts";
import { labelsFrom } from "../labels.ts";
import { readAttestations } from "./attestations.ts";
import type { BuildFlags } from "./build-flags.ts";
import { readCaches } from "./caches.ts";
import type { Destination, Outputs } from "./outputs.ts";
import { readSecretFlags } from "./secrets.ts";
import type { SourceFiles } from "./source-files.ts";

export interface PlannedBuild {
  wish: BuildWish;
  /** Absolute directories by name; "" is the main context. */
  directories: Map<string, string>;
  secrets: ReturnType<typeof readSecretFlags>;
  destinations: readonly (Destination | undefined)[];
  cacheSources: readonly (string | undefined)[];
  cacheTargets: readonly (string | undefined)[];
}

const OCI_LAYOUT = "oci-layout://";

interface PlanParts {
  files: SourceFiles;
  outputs: Outputs;
  onlyCheck: BuildWish["onlyCheck"] | undefined;
  config: ConfigFile;
  /** Address of the daemon, for its proxies. */
  host: string;
  agents: string[];
}

/** Throws CliError for flags that make no sense. */
export function planBuild(flags: BuildFlags, parts: PlanParts): PlannedBuild {
  refuseUnsupported(flags);
  const { files, outputs, onlyCheck } = parts;
  const directories = new Map<string, string>();
  if (files.directory !== undefined) directories.set("", files.directory);
  const namedContexts = readNamedContexts(flags["build-context"], directories);
  const from = readCaches("cache-from", flags["cache-from"]);
  const to = readCaches("cache-to", flags["cache-to"]);
  const secrets = readSecretFlags(flags.secret);
  const dockerfile = flags.file === "" || flags.file === "-" ? flags.file : resolve(flags.file);
  const key = [hostname(), String(process.getuid?.()), files.directory ?? "", dockerfile].join("\0");
  const wish: BuildWish = {
    key,
    context: files.context,
    ...(files.dockerfile ? { dockerfile: files.dockerfile } : {}),
    dockerfilePath: files.dockerfilePath,
    ...(files.ignoreFile ? { ignoreFile: files.ignoreFile } : {}),
    namedContexts,
    target: flags.target,
    buildArgs: readBuildArgs(flags["build-arg"], parts.config, parts.host),
    labels: labelsFrom(flags.label),
    platforms: flags.platform.flatMap((text) => text.split(",")).map((name) => name.trim()),
    outputs: onlyCheck ? [] : outputs.wishes,
    cacheTo: onlyCheck ? [] : to.wishes,
    cacheFrom: onlyCheck ? [] : from.wishes,
    noCache: flags["no-cache"],
    noCacheStages: flags["no-cache-filter"].flatMap((text) => text.split(",")),
    pull: flags.pull,
    squash: flags.squash,
    networkMode: flags.network,
    extraHosts: flags["add-host"].map(readHost),
    shmSizeBytes: flags["shm-size"],
    ulimits: flags.ulimit,
    cgroupParent: flags["cgroup-parent"],
    resources: resourcesOf(flags),
    entitlements: entitlementsOf(flags),
    attestations: readAttestations(flags),
    ...(onlyCheck ? { onlyCheck } : {}),
    secrets: [...secrets.keys()],
    agents: parts.agents,
  };
  const { destinations } = outputs;
  return { wish, directories, secrets, destinations, cacheSources: from.directories, cacheTargets: to.directories };
}

function refuseUnsupported(flags: BuildFlags): void {
  const refuse = (text: string): never => {
    throw new CliError(text);
  };
  if (flags.builder !== "" && flags.builder !== "default") {
    refuse(`no builder ${JSON.stringify(flags.builder)} found: naru has one builder, default; leave --builder out`);
  }
  if (flags.isolation !== "" && flags.isolation !== "default") {
    refuse(`--isolation ${flags.isolation} is of Windows: leave it out`);
  }
  if (flags["security-opt"].length > 0) {
    refuse(
      "--security-opt has no meaning for builds on Linux: use --allow security.insecure and RUN --security=insecure",
    );
  }
  refuseContentTrust(flags["disable-content-trust"]);
  if (!flags.rm) refuse("--rm=false cannot be: a build keeps no containers; its layers are in the cache");
  for (const option of flags.tag) if (option === "") refuse("invalid tag: a name is missing");
}

/** Values of ARGs: given, from the environment, from docker's configuration. */
function readBuildArgs(texts: readonly string[], config: ConfigFile, host: string): Record<string, string> {
  const args: Record<string, string> = {};
  for (const text of texts) {
    const [name, given] = cut(text, "=");
    if (name === "") throw new CliError(`invalid build argument ${JSON.stringify(text)}: a name is missing`);
    const value = given ?? process.env[name];
    if (value !== undefined) args[name] = value;
  }
  const given = Object.keys(args).map((name) => `${name}=`);
  for (const entry of withProxies(given, config, host) ?? []) {
    const [name, value = ""] = cut(entry, "=");
    if (!Object.hasOwn(args, name)) args[name] = value;
  }
  const { SOURCE_DATE_EPOCH } = process.env;
  if (SOURCE_DATE_EPOCH && !Object.hasOwn(args, "SOURCE_DATE_EPOCH")) args.SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH;
  return args;
}

/** Directories are the client's own; anything with a scheme goes to the daemon as it stands. */
function readNamedContexts(texts: readonly string[], directories: Map<string, string>): BuildWish["namedContexts"] {
  const contexts: BuildWish["namedContexts"] = {};
  for (const text of texts) {
    const [name, value] = cut(text, "=");
    if (value === undefined || name === "") {
      throw new CliError(`invalid context value: ${text}, expected key=value`);
    }
    if (value.startsWith(OCI_LAYOUT)) {
      contexts[name] = readLayout(name, value.slice(OCI_LAYOUT.length), directories);
      continue;
    }
    const isAddress = /^([a-z-]+:\/\/|git@|github\.com\/)/.test(value);
    if (isAddress || (!existsSync(value) && value.startsWith("target:"))) {
      contexts[name] = value.startsWith("github.com/") ? `https://${value}` : value;
      continue;
    }
    directories.set(name, contextPlace(name, value));
    contexts[name] = null;
  }
  return contexts;
}

/** `DIRECTORY[:TAG][@DIGEST]`; the tag is "latest" where neither is given. Throws CliError. */
function readLayout(name: string, text: string, directories: Map<string, string>): { tag?: string; digest?: string } {
  const [, place = "", tag = "latest", digest] = /^(.*?)(?::([\w][\w.-]*))?(?:@(.*))?$/s.exec(text) ?? [];
  if (digest !== undefined && !isDigest(digest)) {
    throw new CliError(
      `invalid digest ${JSON.stringify(digest)} of the build context ${name}: it is sha256: and 64 hexadecimal digits`,
    );
  }
  directories.set(name, contextPlace(name, place));
  return digest === undefined ? { tag } : { digest };
}

function contextPlace(name: string, path: string): string {
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw new CliError(`ERROR: failed to build: failed to get build context ${name}: ${path} is not a directory`);
  }
  return realpathSync(path);
}

/** `name:address` or `name=address`, as the first. Throws CliError. */
function readHost(text: string): string {
  const [name, address] = /^[^:]*=/.test(text) ? cut(text, "=") : cut(text, ":");
  if (!name || !address) throw new CliError(`invalid host ${text}: write it as name:address`);
  return `${name}:${address.replace(/^\[(.*)\]$/, "$1")}`;
}

function resourcesOf(flags: BuildFlags): BuildWish["resources"] {
  const filled = Object.entries({
    memory: flags.memory,
    memorySwap: flags["memory-swap"],
    cpuShares: flags["cpu-shares"],
    cpuPeriod: flags["cpu-period"],
    cpuQuota: flags["cpu-quota"],
    cpuSetCpus: flags["cpuset-cpus"],
    cpuSetMems: flags["cpuset-mems"],
  }).filter(([, value]) => value !== 0 && value !== "");
  return Object.fromEntries(filled);
}

function entitlementsOf(flags: BuildFlags): string[] {
  const allowed = new Set(flags.allow.flatMap((text) => text.split(",")));
  for (const name of allowed) {
    if (!/^(network\.host|security\.insecure|device(=.*)?)$/.test(name)) {
      throw new CliError(`invalid entitlement ${name}: there are network.host, security.insecure and device`);
    }
  }
  if (flags.network === "host") allowed.add("network.host");
  return [...allowed];
}
