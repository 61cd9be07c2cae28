/**
 * The kubeconfig files of this user: which are read, how they become one, and into which of them a change is written
 * (client-go's loading rules; `kubectl config --help` tells them).
 */

import { mkdir, open, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CliError } from "../../cli-error.ts";
import { relativizedEntry } from "./file-paths.ts";
import {
  emptyKubeconfig,
  type Kubeconfig,
  type KubeconfigEntry,
  kubeconfigText,
  parseKubeconfig,
  SECTIONS,
  type Section,
  withEntry,
} from "./model.ts";

/** Reads and changes the files; each use reads them anew. */
export class KubeconfigFiles {
  /** What is read, in order: the file of --kubeconfig alone, else those of KUBECONFIG, else ~/.kube/config. */
  readonly paths: readonly string[];

  /** @param explicit --kubeconfig; empty when not given */
  constructor(
    readonly explicit: string,
    environment: string | undefined = process.env.KUBECONFIG,
  ) {
    const listed = [...new Set((environment ?? "").split(":").filter((path) => path !== ""))];
    this.paths = explicit !== "" ? [explicit] : listed.length > 0 ? listed : [join(homedir(), ".kube", "config")];
  }

  /** The merged content of all files that are there. @throws CliError for one that is no kubeconfig */
  async read(): Promise<Kubeconfig> {
    return mergedKubeconfigs((await this.readEach()).filter((config) => config !== undefined));
  }

  /** Each file's content; undefined where there is no file. */
  async readEach(): Promise<(Kubeconfig | undefined)[]> {
    return await Promise.all(this.paths.map(readIfThere));
  }

  /** Where new entries go: the first file that is there, else the last of the list. */
  async defaultPath(): Promise<string> {
    for (const path of this.paths) if (await isThere(path)) return path;
    return this.paths.at(-1)!;
  }

  /**
   * Writes what differs between the files' content and `change` of it, each entry into the file that it came from.
   * @param relativize write paths of certificates relative to the file
   */
  async change(change: (config: Kubeconfig) => Kubeconfig | Promise<Kubeconfig>, relativize = true): Promise<void> {
    const release = await lockAll(this.paths);
    try {
      const before = await this.read();
      await this.write(before, await change(before), relativize);
    } finally {
      await release();
    }
  }

  private async write(before: Kubeconfig, after: Kubeconfig, relativize: boolean): Promise<void> {
    const edits = new Map<string, Kubeconfig>();
    const edit = async (path: string, change: (config: Kubeconfig) => Kubeconfig) => {
      edits.set(path, change(edits.get(path) ?? (await readIfThere(path)) ?? emptyKubeconfig()));
    };
    const fallback = await this.defaultPath();
    if (before.current !== after.current) {
      const path = after.current === "" ? await this.pathOfCurrent() : fallback;
      await edit(path, (config) => ({ ...config, current: after.current }));
    }
    if (!Bun.deepEquals(before.preferences, after.preferences)) {
      const path = await this.pathOfPreferences(fallback);
      await edit(path, (config) => ({ ...config, preferences: after.preferences }));
    }
    for (const section of SECTIONS) {
      for (const [name, entry] of after[section]) {
        if (Bun.deepEquals(before[section].get(name)?.value, entry.value)) continue;
        const placed: KubeconfigEntry = { ...entry, origin: entry.origin || fallback };
        const written = relativize ? relativizedEntry(section, placed) : placed;
        await edit(placed.origin, (config) => withEntry(config, section, name, written));
      }
      for (const [name, { origin }] of before[section]) {
        if (!after[section].has(name)) await edit(origin, (config) => withEntry(config, section, name, undefined));
      }
    }
    for (const [path, config] of edits) await writeKubeconfig(path, config);
  }

  /** The first file that names a current context. */
  private async pathOfCurrent(): Promise<string> {
    const found = (await this.readEach()).findIndex((config) => config !== undefined && config.current !== "");
    if (found < 0) throw new CliError("error: no config found to write context");
    return this.paths[found]!;
  }

  private async pathOfPreferences(fallback: string): Promise<string> {
    const found = (await this.readEach()).findIndex(
      (config) => config !== undefined && Object.keys(config.preferences).length > 0,
    );
    return found < 0 ? fallback : this.paths[found]!;
  }
}

/** What stands in an earlier file counts: whole clusters, users and contexts, and each single setting. */
export function mergedKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  const section = (name: Section) => new Map(configs.toReversed().flatMap((config) => [...config[name]]));
  return {
    preferences: Object.assign({}, ...configs.toReversed().map(({ preferences }) => preferences)),
    clusters: section("clusters"),
    contexts: section("contexts"),
    users: section("users"),
    current: configs.find(({ current }) => current !== "")?.current ?? "",
    extensions: configs.flatMap(({ extensions }) => extensions),
  };
}

async function readIfThere(path: string): Promise<Kubeconfig | undefined> {
  try {
    return parseKubeconfig(await readFile(path, "utf8"), path);
  } catch (error) {
    if (error instanceof CliError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CliError(`error: error loading config file ${JSON.stringify(path)}: ${(error as Error).message}`);
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Creates `PATH.lock` beside each file, which keeps kubectl and other uses of this command out.
 * @throws CliError when one is there already
 */
async function lockAll(paths: readonly string[]): Promise<() => Promise<void>> {
  const taken: string[] = [];
  const release = async () => {
    for (const lock of taken) await rm(lock, { force: true });
  };
  // Always in the same order: two who lock several files never wait for each other.
  for (const path of paths.toSorted()) {
    const lock = `${path}.lock`;
    try {
      await mkdir(dirname(path), { recursive: true });
      await (await open(lock, "wx", 0o600)).close();
      taken.push(lock);
    } catch (error) {
      await release();
      if ((error as NodeJS.ErrnoException).code === "EEXIST")
        throw new CliError(
          `error: open ${lock}: file exists\nAnother command is changing the file; if none is, delete the lock`,
        );
      throw new CliError(`error: cannot lock ${path}: ${(error as Error).message}`);
    }
  }
  return release;
}

/** Through links, with the mode that the file has. */
async function writeKubeconfig(path: string, config: Kubeconfig): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const mode = await stat(target).then(
    (found) => found.mode & 0o777,
    () => 0o600,
  );
  // Beside it first: a file that is half written would lock its owner out of every cluster.
  await writeFile(`${target}.naru`, kubeconfigText(config), { mode });
  await rename(`${target}.naru`, target);
}
