/** From kubeconfig files, flags and environment to a server and who asks it. */

import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import { programCredentials } from "./credential-program.ts";
import type { GlobalValues } from "./global-flags.ts";
import type { ClusterAccess } from "./kube-api.ts";
import type { ClusterEntry, ContextEntry, UserEntry } from "./kubeconfig/entries.ts";
import { withResolvedPaths } from "./kubeconfig/file-paths.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";
import { type Kubeconfig, type KubeconfigEntry, parseKubeconfig, type Section } from "./kubeconfig/model.ts";
import { checkProgramAllowed, readPreferences } from "./preferences.ts";
import { requestHeaders } from "./request-headers.ts";

interface ChosenCluster {
  readonly access: ClusterAccess;
  /** Of the context; empty when it names none. */
  readonly namespace: string;
}

/** The user and its name, and the folder of the kubeconfig that it stands in. */
interface ChosenUser {
  readonly name: string;
  readonly entry: UserEntry;
  readonly folder: string;
}

/** @throws CliError in kubectl's words when context, cluster or user are not there or do not fit together */
export async function chooseCluster(context: CommandContext, flags: GlobalValues): Promise<ChosenCluster> {
  checkGlobalFlags(flags);
  const files = new KubeconfigFiles(flags.kubeconfig);
  const read = (await files.readEach()).some((config) => config !== undefined);
  if (!read && flags.kubeconfig !== "")
    throw new CliError(`error: stat ${flags.kubeconfig}: no such file or directory`);
  const isDaemons = !read && flags.server === "";
  const config = isDaemons ? await daemonsConfig(context) : withResolvedPaths(await files.read());
  const name = flags.context || config.current;
  const chosen = config.contexts.get(name)?.value as ContextEntry | undefined;
  if (flags.context !== "" && chosen === undefined) {
    throw new CliError(`Error in configuration: context was not found for specified context: ${flags.context}`);
  }
  const clusterName = flags.cluster || chosen?.cluster || "";
  if (flags.cluster !== "" && !config.clusters.has(flags.cluster))
    throw new CliError(`error: no server found for cluster ${JSON.stringify(flags.cluster)}`);
  if (flags.user !== "" && !config.users.has(flags.user))
    throw new CliError(`error: auth info ${JSON.stringify(flags.user)} does not exist`);
  const cluster = pick(config, "clusters", clusterName)?.value as ClusterEntry | undefined;
  const userName = flags.user || chosen?.user || "";
  const user = pick(config, "users", userName);
  const access = await accessOf(
    cluster ?? {},
    clusterName,
    { name: userName, entry: (user?.value ?? {}) as UserEntry, folder: dirname(resolve(user?.origin ?? "")) },
    flags,
    (text) => context.printError(text),
  );
  if (flags["match-server-version"]) {
    const { checkServerVersion } = await import("./client-version.ts");
    await checkServerVersion(access);
  }
  return { access, namespace: chosen?.namespace ?? "" };
}

function pick(config: Kubeconfig, section: Section, name: string): KubeconfigEntry | undefined {
  if (name === "") return undefined;
  const found = config[section].get(name);
  if (found === undefined) throw new CliError(`error: ${section.slice(0, -1)} "${name}" does not exist`);
  return found;
}

/** What only kubectl's own program can do is refused, not passed over. */
function checkGlobalFlags(flags: GlobalValues): void {
  if (flags.profile !== "none")
    throw new CliError("error: --profile makes profiles of Go's runtime, which naru is not made with; leave it out");
  if (flags.vmodule !== "") throw new CliError("error: --vmodule names files of kubectl's source; use --v");
}

/** Without any kubeconfig the cluster is the one of the naru daemon that DOCKER_HOST or -H names. */
async function daemonsConfig(context: CommandContext): Promise<Kubeconfig> {
  try {
    const answer = await (await context.client()).send("GET", "/naru/cluster/kubeconfig");
    return parseKubeconfig(await answer.text(), "the daemon's answer");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(
      `error: there is no kubeconfig, and the naru daemon offers no cluster: ${reason}\nStart one with 'naru cluster start', or name a kubeconfig with --kubeconfig`,
    );
  }
}

async function accessOf(
  cluster: ClusterEntry,
  clusterName: string,
  user: ChosenUser,
  flags: GlobalValues,
  printError: (text: string) => void,
): Promise<ClusterAccess> {
  const server = (flags.server || cluster.server || "http://localhost:8080").replace(/\/+$/, "");
  const isUnchecked = flags["insecure-skip-tls-verify"] || cluster["insecure-skip-tls-verify"] === true;
  const entry = entryWithFlags(user.entry, flags);
  const tls = await tlsOf(cluster, clusterName, { ...user, entry }, flags, isUnchecked);
  const own = await withProgram({ ...user, entry }, server, cluster, flags.kuberc);
  const serverName = flags["tls-server-name"] || cluster["tls-server-name"];
  const { headers, repeated } = await requestHeaders(own, user.name, flags, cluster);
  const proxy = proxyOf(cluster);
  if (proxy.proxy !== undefined && Object.keys(repeated).length > 0) {
    throw new CliError(
      `error: several groups (--as-group) or extras of one key cannot be sent through the proxy-url ${proxy.proxy}: name one, or a cluster without a proxy`,
    );
  }
  const [cert, key] = [own["client-certificate-data"], own["client-key-data"]].map((data) =>
    data === undefined ? undefined : Buffer.from(data, "base64").toString(),
  );
  return {
    server: /^https?:\/\//.test(server) ? server : `http://${server}`,
    headers,
    repeated,
    tls: {
      ...tls,
      ...(cert !== undefined ? { cert } : {}),
      ...(key !== undefined ? { key } : {}),
      ...(serverName ? { serverName } : {}),
    },
    ...proxy,
    timeoutMs: timeoutOf(flags["request-timeout"]),
    warn(message) {
      if (flags["warnings-as-errors"]) throw new CliError(`error: 1 warning received: ${message}`);
      printError(`Warning: ${message}\n`);
    },
    ...(flags.v >= 6 ? { trace: (line: string) => printError(`${line}\n`) } : {}),
  };
}

function proxyOf(cluster: ClusterEntry): { proxy?: string } {
  const proxy = cluster["proxy-url"];
  if (!proxy) return {};
  if (!/^https?:\/\//.test(proxy))
    throw new CliError(`error: proxy-url ${JSON.stringify(proxy)}: only http and https proxies are supported`);
  return { proxy };
}

/** What stands on the command line counts more than the kubeconfig; a token and a password exclude each other. */
function entryWithFlags(entry: UserEntry, flags: GlobalValues): UserEntry {
  const own = { ...entry };
  if (flags["client-certificate"] !== "") {
    delete own["client-certificate-data"];
    own["client-certificate"] = flags["client-certificate"];
  }
  if (flags["client-key"] !== "") {
    delete own["client-key-data"];
    own["client-key"] = flags["client-key"];
  }
  if (flags.token !== "") {
    delete own.tokenFile;
    own.token = flags.token;
  }
  if (flags.username !== "") own.username = flags.username;
  if (flags.password !== "") own.password = flags.password;
  return own;
}

/** Certificates from data and files, with all that is wrong with them. */
async function tlsOf(
  cluster: ClusterEntry,
  clusterName: string,
  { name, entry }: ChosenUser,
  flags: GlobalValues,
  isUnchecked: boolean,
): Promise<ClusterAccess["tls"]> {
  const faults: string[] = [];
  const load = async (what: string, whose: string, path: string | undefined, data: string | undefined) => {
    if (data) return Buffer.from(data, "base64").toString();
    if (!path) return undefined;
    try {
      return await readFile(path, "utf8");
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      const why = isMissing ? `open ${path}: no such file or directory` : (error as Error).message;
      faults.push(`unable to read ${what} ${path} for ${whose} due to ${why}`);
      return undefined;
    }
  };
  const given = flags["certificate-authority"];
  const authority = given || cluster["certificate-authority"];
  const data = given === "" ? cluster["certificate-authority-data"] : undefined;
  // The flag for no check takes the kubeconfig's authority away; both in one place contradict each other.
  const isDropped = flags["insecure-skip-tls-verify"] && given === "";
  const ca = isDropped ? undefined : await load("certificate-authority", clusterName, authority, data);
  const cert = await load("client-cert", name, entry["client-certificate"], entry["client-certificate-data"]);
  const key = await load("client-key", name, entry["client-key"], entry["client-key-data"]);
  const methods = [...(entry.token ? ["token"] : []), ...(entry.username || entry.password ? ["basicAuth"] : [])];
  if (methods.length > 1) {
    faults.push(
      `more than one authentication method found for ${name}; found [${methods.join(" ")}], only one is allowed`,
    );
  }
  if (faults.length > 1) throw new CliError(`Error in configuration: \n* ${faults.join("\n* ")}`);
  if (faults.length === 1) throw new CliError(`error: ${faults[0]}`);
  if (isUnchecked && ca !== undefined)
    throw new CliError("error: specifying a root certificates file with the insecure flag is not allowed");
  if (ca !== undefined) checkAuthority(ca);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(isUnchecked ? { rejectUnauthorized: false } : {}),
  };
}

function checkAuthority(pem: string): void {
  try {
    new X509Certificate(pem);
  } catch {
    throw new CliError("error: unable to load root certificates: unable to parse bytes as PEM block");
  }
}

/** The user with what its credential program or provider says. */
async function withProgram(
  { name, entry, folder }: ChosenUser,
  server: string,
  cluster: ClusterEntry,
  kuberc: string,
): Promise<UserEntry> {
  if (entry["auth-provider"] !== undefined) {
    const { providersToken } = await import("./auth-provider.ts");
    return { ...entry, token: providersToken(entry["auth-provider"]) };
  }
  if (entry.exec === undefined) return withoutCertificates(entry);
  const { extensions, ...rest } = cluster as ClusterEntry & {
    extensions?: { name: string; extension: unknown }[];
  };
  const config = extensions?.find((one) => one.name === "client.authentication.k8s.io/exec")?.extension;
  const told = { ...rest, server, ...(config === undefined ? {} : { config }) };
  const preferences = await readPreferences(kuberc);
  const found = await programCredentials(entry.exec, name, folder, told, (program, path) =>
    checkProgramAllowed(preferences, program, path),
  );
  const encoded = (pem: string | undefined) => (pem ? Buffer.from(pem).toString("base64") : undefined);
  const [cert, key] = [encoded(found.clientCertificateData), encoded(found.clientKeyData)];
  return {
    ...withoutCertificates(entry),
    ...(found.token ? { token: found.token } : {}),
    ...(cert && key ? { "client-certificate-data": cert, "client-key-data": key } : {}),
  };
}

/** Those of the kubeconfig have been read already; only a program's come on top. */
function withoutCertificates(entry: UserEntry): UserEntry {
  const { "client-certificate-data": _cert, "client-key-data": _key, ...others } = entry;
  return others;
}

function timeoutOf(text: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  try {
    return parseDuration(text) / 1e6;
  } catch {
    throw new CliError(
      `error: Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)`,
    );
  }
}
