/** Programs called kubectl-… in PATH, which stand for commands that kubectl does not have. */

import { constants } from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { CliError } from "../cli-error.ts";
import { isKnown, KUBECTL_ALIASES } from "./command-table.ts";

const PREFIX = "kubectl-";

const folders = (): string[] => [...new Set((process.env.PATH ?? "").split(":").filter((folder) => folder !== ""))];

/** Names of the words' plugin: "kubectl-a-b" before "kubectl-a"; hyphens in words are underscores in names. */
function namesFor(words: readonly string[]): { name: string; taken: number }[] {
  const plain = words.slice(0, words.findIndex((word) => word.startsWith("-")) >>> 0);
  return plain
    .map((_, at) => plain.slice(0, at + 1))
    .toReversed()
    .map((taken) => ({
      name: PREFIX + taken.map((word) => word.replaceAll("-", "_")).join("-"),
      taken: taken.length,
    }));
}

/** Runs the plugin of the words, when there is one. Resolves to its exit code, or to undefined. */
export async function runPlugin(words: readonly string[]): Promise<number | undefined> {
  const [first = ""] = words;
  if (isKnown(first) || Object.hasOwn(KUBECTL_ALIASES, first) || first.startsWith("-")) return;
  for (const { name, taken } of namesFor(words)) {
    const path = Bun.which(name);
    if (path === null) continue;
    let child: Bun.Subprocess;
    try {
      child = Bun.spawn([path, ...words.slice(taken)], { stdin: "inherit", stdout: "inherit", stderr: "inherit" });
    } catch (error) {
      throw new CliError(`error: ${path}: ${(error as Error).message}`);
    }
    return await child.exited;
  }
  return undefined;
}

interface FoundPlugin {
  readonly path: string;
  /** What is wrong with it. */
  readonly warnings: readonly string[];
}

/** Every plugin in PATH, in its order. `complaints` are of folders that cannot be read. */
export async function findPlugins(): Promise<{ plugins: FoundPlugin[]; complaints: string[] }> {
  const plugins: FoundPlugin[] = [];
  const complaints: string[] = [];
  for (const folder of folders()) {
    let names: string[];
    try {
      names = await readdir(folder);
    } catch (error) {
      complaints.push(
        `Unable to read directory "${folder}" from your PATH: open ${folder}: ${reasonOf(error)}. Skipping...`,
      );
      continue;
    }
    for (const name of names.filter((one) => one.startsWith(PREFIX)).sort()) {
      const path = join(folder, name);
      if ((await stat(path).catch(() => undefined))?.isDirectory() !== false) continue;
      plugins.push({ path, warnings: await warningsFor(path, plugins) });
    }
  }
  return { plugins, complaints };
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ENOENT" ? "no such file or directory" : code === "ENOTDIR" ? "not a directory" : message;
}

async function warningsFor(path: string, earlier: readonly FoundPlugin[]): Promise<string[]> {
  const name = basename(path);
  const words = name.slice(PREFIX.length).split("-");
  const warnings: string[] = [];
  const canRun = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!canRun) warnings.push(`${path} identified as a kubectl plugin, but it is not executable`);
  const shadow = earlier.find((one) => basename(one.path) === name);
  if (shadow !== undefined) warnings.push(`${path} is overshadowed by a similarly named plugin: ${shadow.path}`);
  const [first = ""] = words;
  if (isKnown(first)) warnings.push(`${name} overwrites existing command: "kubectl ${first}"`);
  return warnings;
}
