/** From kubeconfig files, flags and environment to a server and who asks it. */

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import type { GlobalValues } from "./global-flags.ts";
import type { ClusterAccess } from "./kube-api.ts";

interface ClusterEntry {
  server?: string;
  "certificate-authority"?: string;
  "certificate-authority-data"?: string;
  "insecure-skip-tls-verify"?: boolean;
  "tls-server-name"?: string;
}
interface UserEntry {
  token?: string;
  tokenFile?: string;
  "client-certificate"?: string;
  "client-certificate-data"?: string;
  "client-key"?: string;
  "client-key-data"?: string;
  username?: string;
  password?: string;
  exec?: { command: string; args?: string[]; env?: { name: string; value: string }[]; apiVersion?: string };
  as?: string;
}
interface ContextEntry {
  cluster?: string;
  user?: string;
  namespace?: string;
}
interface ReadConfig {
  clusters: Map<string, ClusterEntry>;
  users: Map<string, UserEntry>;
  contexts: Map<string, ContextEntry>;
  current: string;
  /** True when no file was there. */
  isEmpty: boolean;
}

interface ChosenCluster {
  readonly access: ClusterAccess;
  /** Of the context; empty when it names none. */
  readonly namespace: string;
}

/** @throws CliError in kubectl's words when context, cluster or user are not there */
export async function chooseCluster(context: CommandContext, flags: GlobalValues): Promise<ChosenCluster> {
  let config = await readConfigs(configPaths(flags.kubeconfig), flags.kubeconfig !== "");
  if (config.isEmpty && flags.server === "") config = await daemonsConfig(context);
  const name = flags.context || config.current;
  const chosen = config.contexts.get(name);
  if (flags.context !== "" && chosen === undefined) {
    throw new CliError(`error: context "${flags.context}" does not exist`);
  }
  const cluster = pick(config.clusters, flags.cluster || chosen?.cluster, "cluster");
  const user = pick(config.users, flags.user || chosen?.user, "user");
  const access = await accessOf(cluster, user, flags, (text) => context.printError(text));
  return { access, namespace: chosen?.namespace ?? "" };
}

function pick<T extends object>(entries: ReadonlyMap<string, T>, name: string | undefined, what: string): Partial<T> {
  if (name === undefined || name === "") return {};
  const found = entries.get(name);
  if (found === undefined) throw new CliError(`error: ${what} "${name}" does not exist`);
  return found;
}

function configPaths(given: string): string[] {
  if (given !== "") return [given];
  const listed = (process.env.KUBECONFIG ?? "").split(":").filter((path) => path !== "");
  return listed.length > 0 ? [...new Set(listed)] : [join(homedir(), ".kube", "config")];
}

/** What stands in an earlier file counts. */
async function readConfigs(paths: readonly string[], mustExist: boolean): Promise<ReadConfig> {
  const config: ReadConfig = {
    clusters: new Map(),
    users: new Map(),
    contexts: new Map(),
    current: "",
    isEmpty: true,
  };
  for (const path of paths) {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if (!mustExist && (error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw new CliError(`error: cannot read the kubeconfig ${path}: ${(error as Error).message}`);
    }
    addConfig(config, text, path, dirname(path));
  }
  return config;
}

/** Without any kubeconfig the cluster is the one of the naru daemon that DOCKER_HOST or -H names. */
async function daemonsConfig(context: CommandContext): Promise<ReadConfig> {
  const config: ReadConfig = { clusters: new Map(), users: new Map(), contexts: new Map(), current: "", isEmpty: true };
  try {
    const answer = await (await context.client()).send("GET", "/naru/cluster/kubeconfig");
    addConfig(config, await answer.text(), "the daemon's answer", "");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(
      `error: there is no kubeconfig, and the naru daemon offers no cluster: ${reason}\nStart one with 'naru cluster start', or name a kubeconfig with --kubeconfig`,
    );
  }
  return config;
}

function addConfig(config: ReadConfig, text: string, what: string, folder: string): void {
  let value: unknown;
  try {
    value = Bun.YAML.parse(text);
  } catch (error) {
    throw new CliError(`error: error loading config file "${what}": ${(error as Error).message}`);
  }
  if (value === null || value === undefined) return;
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new CliError(`error: error loading config file "${what}": it is no kubeconfig`);
  }
  const file = value as Record<string, unknown>;
  config.isEmpty = false;
  add(config.clusters, file.clusters, "cluster", folder);
  add(config.users, file.users, "user", folder);
  add(config.contexts, file.contexts, "context", folder);
  if (config.current === "" && typeof file["current-context"] === "string") config.current = file["current-context"];
}

/** Files in a kubeconfig lie beside it. */
const FILE_FIELDS = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

function add<T>(into: Map<string, T>, list: unknown, field: string, folder: string): void {
  if (!Array.isArray(list)) return;
  for (const entry of list as Record<string, unknown>[]) {
    const name = String(entry.name ?? "");
    const value = { ...((entry[field] ?? {}) as Record<string, unknown>) };
    for (const key of FILE_FIELDS) {
      const path = value[key];
      if (typeof path === "string" && path !== "" && !isAbsolute(path)) value[key] = join(folder, path);
    }
    if (!into.has(name)) into.set(name, value as T);
  }
}

async function accessOf(
  cluster: ClusterEntry,
  user: UserEntry,
  flags: GlobalValues,
  printError: (text: string) => void,
): Promise<ClusterAccess> {
  const server = (flags.server || cluster.server || "http://localhost:8080").replace(/\/+$/, "");
  const own = { ...user, ...(await fromProgram(user)) };
  const [ca, cert, key] = await Promise.all([
    material(flags["certificate-authority"] || cluster["certificate-authority"], cluster["certificate-authority-data"]),
    material(flags["client-certificate"] || own["client-certificate"], own["client-certificate-data"]),
    material(flags["client-key"] || own["client-key"], own["client-key-data"]),
  ]);
  const serverName = flags["tls-server-name"] || cluster["tls-server-name"];
  const isUnchecked = flags["insecure-skip-tls-verify"] || cluster["insecure-skip-tls-verify"] === true;
  return {
    server: /^https?:\/\//.test(server) ? server : `http://${server}`,
    headers: await headersOf(own, flags),
    tls: {
      ...(ca === undefined || isUnchecked ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(isUnchecked ? { rejectUnauthorized: false } : {}),
      ...(serverName ? { serverName } : {}),
    },
    timeoutMs: timeoutOf(flags["request-timeout"]),
    warn(message) {
      if (flags["warnings-as-errors"]) throw new CliError(`error: 1 warning received: ${message}`);
      printError(`Warning: ${message}\n`);
    },
    ...(flags.v >= 6 ? { trace: (line: string) => printError(`${line}\n`) } : {}),
  };
}

async function headersOf(user: UserEntry, flags: GlobalValues): Promise<Record<string, string>> {
  const headers: Record<string, string> = { "user-agent": "kubectl/naru" };
  const fromFile = user.tokenFile === undefined ? undefined : (await readText(user.tokenFile)).trim();
  const token = flags.token || fromFile || user.token;
  if (token) headers.authorization = `Bearer ${token}`;
  else if (user.username) {
    headers.authorization = `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}`;
  }
  const as = flags.as || user.as;
  if (as) headers["impersonate-user"] = as;
  if (flags["as-uid"] !== "") headers["impersonate-uid"] = flags["as-uid"];
  // Groups that are given several times travel as one header line each; joined they mean the same (RFC 9110 section 5.3).
  if (flags["as-group"].length > 0) headers["impersonate-group"] = flags["as-group"].join(", ");
  return headers;
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

async function material(path: string | undefined, data: string | undefined): Promise<string | undefined> {
  if (data) return Buffer.from(data, "base64").toString();
  return path ? await readText(path) : undefined;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CliError(`error: unable to read ${path}: ${(error as Error).message}`);
  }
}

/** Credentials of a program that the kubeconfig names (client.authentication.k8s.io ExecCredential). */
async function fromProgram({ exec }: UserEntry): Promise<UserEntry> {
  if (exec === undefined) return {};
  const env = Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value]));
  const info = JSON.stringify({
    apiVersion: exec.apiVersion ?? "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    spec: { interactive: process.stdin.isTTY === true },
  });
  const child = Bun.spawn([exec.command, ...(exec.args ?? [])], {
    env: { ...process.env, ...env, KUBERNETES_EXEC_INFO: info },
    stdin: "inherit",
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new CliError(`error: getting credentials: exec: ${exec.command} failed`);
  const { status } = JSON.parse(text) as {
    status?: { token?: string; clientCertificateData?: string; clientKeyData?: string };
  };
  const encoded = (pem: string) => Buffer.from(pem).toString("base64");
  return {
    ...(status?.token ? { token: status.token } : {}),
    ...(status?.clientCertificateData ? { "client-certificate-data": encoded(status.clientCertificateData) } : {}),
    ...(status?.clientKeyData ? { "client-key-data": encoded(status.clientKeyData) } : {}),
  };
}
