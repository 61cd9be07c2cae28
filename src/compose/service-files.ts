import { NaruError } from "../lib/errors.ts";
import { isTree, newTree, type Tree } from "./document.ts";
import { type EnvFileValues, parseEnvFile, parseRawEnvFile } from "./env-file.ts";
import type { Lookup } from "./interpolation.ts";
import { listOf, mappingOf } from "./short-forms.ts";

type OnUnset = (name: string) => void;

/** Gives variables of `environment` that have only a name their value from the surroundings, in place. */
export function resolveOwnVariables(services: Tree, lookup: Lookup): void {
  for (const service of Object.values(services)) {
    if (!isTree(service) || service.environment === undefined) continue;
    const environment = newTree();
    for (const [key, value] of Object.entries(mappingOf(service.environment)))
      environment[key] = value ?? lookup(key) ?? null;
    service.environment = environment;
  }
}

/** Puts the variables of each service's env files under its `environment`, in place. Throws "not-found" for a file that must be there. */
export async function resolveEnvironments(services: Tree, lookup: Lookup, onUnset: OnUnset): Promise<void> {
  for (const service of Object.values(services)) {
    if (!isTree(service)) continue;
    const own = mappingOf(service.environment);
    const environment = newTree();
    for (const file of listOf(service.env_file)) {
      if (!isTree(file)) continue;
      const path = String(file.path);
      const text = await readOptional(path, file.required !== false && file.required !== "false");
      // A file may use what the surroundings set, and what files before it said.
      const known: Lookup = (name) => lookup(name) ?? (environment[name] as string | undefined);
      for (const [key, value] of parse(text, path, file.format, known, onUnset)) environment[key] = value;
    }
    for (const key in own) environment[key] = own[key] ?? environment[key] ?? null;
    if (service.environment !== undefined || Object.keys(environment).length > 0) service.environment = environment;
    delete service.env_file;
  }
}

/** Puts the labels of each service's label files under its `labels`, in place. */
export async function resolveLabelFiles(services: Tree, lookup: Lookup, onUnset: OnUnset): Promise<void> {
  for (const service of Object.values(services)) {
    if (!isTree(service) || service.label_file === undefined) continue;
    const labels = newTree();
    for (const path of listOf(service.label_file)) {
      const text = await readOptional(String(path), true);
      for (const [key, value] of parseEnvFile(text, String(path), lookup, onUnset)) labels[key] = value ?? "";
    }
    service.labels = Object.assign(labels, mappingOf(service.labels));
    delete service.label_file;
  }
}

function parse(text: string, path: string, format: unknown, lookup: Lookup, onUnset: OnUnset): EnvFileValues {
  if (format === "raw") return parseRawEnvFile(text, lookup);
  if (format !== undefined && format !== "")
    throw new NaruError(
      "invalid",
      `env file ${path}: unsupported env_file format ${JSON.stringify(format)}: leave it out or use "raw"`,
    );
  return parseEnvFile(text, path, lookup, onUnset);
}

async function readOptional(path: string, isRequired: boolean): Promise<string> {
  const file = Bun.file(path);
  if (await file.exists()) return await file.text();
  if (isRequired)
    throw new NaruError("not-found", `env file ${path} not found: stat ${path}: no such file or directory`);
  return "";
}
