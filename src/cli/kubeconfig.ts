/** kubectl's configuration file: reading, renaming, merging (client-go's kubeconfig v1). */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";
import { CliError } from "./cli-error.ts";

interface Named {
  name: string;
}
interface Kubeconfig {
  clusters: (Named & { cluster: { server: string; [key: string]: unknown } })[];
  users: (Named & { user: Record<string, unknown> })[];
  contexts: (Named & { context: { cluster: string; user: string; namespace?: string } })[];
  "current-context": string;
  [key: string]: unknown;
}

/** The file that kubectl changes: the first of KUBECONFIG, else ~/.kube/config. */
export function kubeconfigPath(): string {
  const first = (process.env.KUBECONFIG ?? "").split(":").find((path) => path !== "");
  return first ?? join(homedir(), ".kube", "config");
}

/** @throws CliError naming `what` */
export function readKubeconfig(text: string, what: string): Kubeconfig {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new CliError(`${what} is no YAML: ${(error as Error).message}`);
  }
  if (value === null || value === undefined) value = {};
  if (typeof value !== "object" || Array.isArray(value)) throw new CliError(`${what} is no kubeconfig`);
  const config = value as Partial<Kubeconfig>;
  return {
    apiVersion: "v1",
    kind: "Config",
    ...config,
    clusters: config.clusters ?? [],
    users: config.users ?? [],
    contexts: config.contexts ?? [],
    "current-context": config["current-context"] ?? "",
  };
}

/** A daemon on another machine has its cluster there too. `server` overrules. */
export function pointedAt(config: Kubeconfig, daemonHost: string, server: string): Kubeconfig {
  const machine = /^(?:tcp|https?):\/\/(\[[^\]]+\]|[^:/]+)/.exec(daemonHost)?.[1];
  const place = (address: string) => {
    if (server !== "") return server;
    const isLocal = machine === undefined || machine === "localhost" || machine.startsWith("127.");
    return isLocal ? address : address.replace(/^(https:\/\/)127\.0\.0\.1(?=:)/, `$1${machine}`);
  };
  const clusters = config.clusters.map(({ cluster, ...rest }) => ({
    ...rest,
    cluster: { ...cluster, server: place(cluster.server) },
  }));
  return { ...config, clusters };
}

/** The one cluster, user and context of `config` under another name. */
export function renamed(config: Kubeconfig, name: string): Kubeconfig {
  return {
    ...config,
    clusters: config.clusters.map((entry) => ({ ...entry, name })),
    users: config.users.map((entry) => ({ ...entry, name })),
    contexts: config.contexts.map((entry) => ({
      ...entry,
      name,
      context: { ...entry.context, cluster: name, user: name },
    })),
    "current-context": name,
  };
}

/** Puts the entries of `added` into the file, in the place of those of the same name, and makes its context the current one. */
export async function mergeKubeconfig(path: string, added: Kubeconfig): Promise<void> {
  const before = readKubeconfig(await readIfThere(path), path);
  const merged = {
    ...before,
    clusters: withEntries(before.clusters, added.clusters),
    users: withEntries(before.users, added.users),
    contexts: withEntries(before.contexts, added.contexts),
    "current-context": added["current-context"],
  };
  await mkdir(dirname(path), { recursive: true, mode: 0o750 });
  // Beside it first: a file that is half written would lock its owner out of every cluster.
  await writeFile(`${path}.naru`, stringify(merged, { lineWidth: 0 }), { mode: 0o600 });
  await rename(`${path}.naru`, path);
}

function withEntries<T extends Named>(before: readonly T[], added: readonly T[]): T[] {
  const names = new Set(added.map(({ name }) => name));
  return [...before.filter(({ name }) => !names.has(name)), ...added];
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw new CliError(`cannot read ${path}: ${(error as Error).message}`);
  }
}
