import { dirname, isAbsolute, join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import {
  type ComposeDocument,
  isTree,
  joinPath,
  newTree,
  type Positions,
  parseComposeDocuments,
  type Tree,
  type Value,
} from "./document.ts";
import { parseEnvFile } from "./env-file.ts";
import { withPlace } from "./error-place.ts";
import { interpolate, type Lookup } from "./interpolation.ts";
import { dropRepeated, mergeTrees, removePaths } from "./merge.ts";
import { resolveProjectPaths, resolveServicePaths } from "./paths.ts";
import { isRemoteFile } from "./remote-address.ts";
import { expandFile, listOf } from "./short-forms.ts";
import { parseSimpleYaml } from "./simple-yaml.ts";
import { validateSchema } from "./validate-schema.ts";

/** How files are read and what is done with them. */
interface LoadOptions {
  /** The text of a file. Throws NaruError "not-found" in the system's words. */
  read(path: string): Promise<string>;
  /** Brings a file here that lies elsewhere. Resolves to its path. */
  fetch(address: string): Promise<string>;
  lookup: Lookup;
  isInterpolated: boolean;
  onUnset(name: string): void;
  /** Hears where the parts of each document stand; one that is only extended lies beneath those heard of before. */
  onDocument(positions: () => Positions, isBeneath: boolean): void;
}

/** Reads files that belong together, each laid over the one before; `folder` is what their paths refer to. */
export async function loadFiles(
  files: readonly string[],
  folder: string,
  options: LoadOptions,
  including: readonly string[] = [],
): Promise<Tree> {
  let merged = newTree();
  for (const file of files) {
    for (const { tree, overrides } of await readFile(file, options)) {
      // What is reset is taken from what came before, and from the file's own tree (done by readFile).
      removePaths(merged, overrides);
      const included = await loadIncludes(tree, file, folder, options, including);
      await extendServices(tree, file, folder, options);
      merged = mergeTrees(merged, tree);
      dropRepeatedIn(merged);
      if (included) merged = addIncluded(merged, included);
    }
  }
  return merged;
}

interface ReadDocument {
  tree: Tree;
  overrides: string[];
}

/** The documents of a file: usually one; several (`---`) are laid over each other like files. */
async function readFile(file: string, options: LoadOptions, isBeneath = false): Promise<ReadDocument[]> {
  const text = await options.read(file);
  const simple = parseSimpleYaml(text);
  const documents = simple ? [plainDocument(simple, text, file)] : parseComposeDocuments(text, file);
  return documents.map((document) => {
    options.onDocument(document.positions, isBeneath);
    return withPlace([document.positions], () => readDocument(document, file, options));
  });
}

function readDocument(document: ComposeDocument, file: string, options: LoadOptions): ReadDocument {
  const { tree, positions, resets, overrides } = document;
  removePaths(tree, resets);
  if (options.isInterpolated) interpolateTree(tree, "", options);
  for (const name in tree) if (tree[name] === null && name !== "version") delete tree[name];
  for (const name of ["services", "networks", "volumes", "secrets", "configs"]) {
    if (tree[name] !== undefined && !isTree(tree[name])) throw new NaruError("invalid", `${name} must be a mapping`);
  }
  validateSchema(tree, file, positions);
  delete tree.version;
  return { tree: expandFile(tree, !options.isInterpolated), overrides: [...resets, ...overrides] };
}

/** A document without tags; where its parts stand is only worked out for a complaint. */
function plainDocument(tree: Tree, text: string, file: string): ComposeDocument {
  const positions = () => parseComposeDocuments(text, file)[0]!.positions();
  return { tree, positions, resets: new Set<string>(), overrides: new Set<string>() };
}

function interpolateTree(tree: Tree | Value[], path: string, options: LoadOptions): void {
  for (const [key, value] of Object.entries(tree)) {
    const at = joinPath(path, key);
    if (typeof value === "object" && value !== null) interpolateTree(value, at, options);
    else if (typeof value === "string" && value.includes("$")) (tree as Tree)[key] = interpolateAt(value, at, options);
  }
}

function interpolateAt(value: string, path: string, options: LoadOptions): string {
  try {
    return interpolate(value, options.lookup, options.onUnset);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (message.startsWith("Invalid template")) {
      throw new NaruError(
        "invalid",
        `invalid interpolation format for ${path}.\nYou may need to escape any $ with another $.\n${value}`,
      );
    }
    throw new NaruError("invalid", `error while interpolating ${path}: ${message}`);
  }
}

function dropRepeatedIn(tree: Tree): void {
  for (const [name, service] of Object.entries(isTree(tree.services) ? tree.services : {}))
    if (isTree(service)) dropRepeated(service, name);
}

/** Replaces `extends` of every service by what it names; chains are followed, cycles refused. */
async function extendServices(tree: Tree, file: string, folder: string, options: LoadOptions): Promise<void> {
  const services = isTree(tree.services) ? tree.services : newTree();
  for (const name in services) services[name] = await extended(services, name, { file, folder }, options, []);
}

interface Place {
  file: string;
  folder: string;
}

async function extended(
  services: Tree,
  name: string,
  place: Place,
  options: LoadOptions,
  trail: readonly string[],
): Promise<Value> {
  const service = services[name];
  if (!isTree(service) || !isTree(service.extends)) return service ?? null;
  const step = `${name} in ${place.file}`;
  if (trail.includes(step))
    throw new NaruError("invalid", `Circular reference:\n  ${[...trail, step].join("\n  extends ")}`);
  const { service: baseName, file } = service.extends;
  const basePlace = typeof file === "string" ? await placeOf(file, place, options) : place;
  const source = basePlace === place ? services : await servicesOf(basePlace.file, options);
  if (!isTree(source[String(baseName)])) {
    throw new NaruError(
      "invalid",
      `cannot extend service "${name}" in ${place.file}: service "${baseName}" not found${basePlace === place ? "" : ` in ${file}`}`,
    );
  }
  const base = structuredTree(await extended(source, String(baseName), basePlace, options, [...trail, step]));
  if (basePlace !== place) resolveServicePaths(base, basePlace.folder);
  const own = { ...service };
  delete own.extends;
  const result = mergeTrees(treeAt(name, base), treeAt(name, Object.assign(newTree(), own)));
  dropRepeatedIn(result);
  return (result.services as Tree)[name]!;
}

async function placeOf(file: string, from: Place, options: LoadOptions): Promise<Place> {
  const path = await pathOf(file, from.folder, options);
  return { file: path, folder: dirname(path) };
}

/** A path of this machine, as seen from a folder; what lies elsewhere is fetched. */
async function pathOf(file: string, folder: string, { fetch }: LoadOptions): Promise<string> {
  if (isRemoteFile(file)) return await fetch(file);
  return isAbsolute(file) ? file : join(folder, file);
}

async function servicesOf(file: string, options: LoadOptions): Promise<Tree> {
  let merged = newTree();
  for (const { tree, overrides } of await readFile(file, options, true)) {
    removePaths(merged, overrides);
    merged = mergeTrees(merged, tree);
  }
  return isTree(merged.services) ? merged.services : newTree();
}

const treeAt = (name: string, service: Tree): Tree =>
  Object.assign(newTree(), { services: Object.assign(newTree(), { [name]: service }) });
const structuredTree = (value: Value): Tree => copyOf(value) as Tree;

function copyOf(value: Value): Value {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isTree(value)) return value;
  const copy = newTree();
  for (const key in value) copy[key] = copyOf(value[key]!);
  return copy;
}

async function loadIncludes(
  tree: Tree,
  file: string,
  folder: string,
  options: LoadOptions,
  including: readonly string[],
): Promise<Tree | undefined> {
  const entries = listOf(tree.include);
  delete tree.include;
  let all: Tree | undefined;
  for (const entry of entries) {
    const named = listOf(isTree(entry) ? entry.path : entry).map(String);
    const paths: string[] = [];
    for (const path of named) paths.push(await pathOf(path, folder, options));
    const trail = [...including, file];
    if (paths.some((path) => trail.includes(path)))
      throw new NaruError(
        "invalid",
        `include cycle detected:\n${trail[0]}\n include ${[...trail.slice(1), paths[0]].join("\n include ")}`,
      );
    const given = isTree(entry) && typeof entry.project_directory === "string" ? entry.project_directory : undefined;
    const subfolder = given === undefined ? dirname(paths[0]!) : join(isAbsolute(given) ? "" : folder, given);
    const lookup = await lookupOf(isTree(entry) ? listOf(entry.env_file) : [], subfolder, folder, options);
    const included = await loadFiles(paths, subfolder, { ...options, lookup }, trail);
    resolveProjectPaths(included, subfolder);
    delete included.name;
    all = all ? addIncluded(all, included) : included;
  }
  return all;
}

/** Variables for included files: those of the including project, then those of the files named, or of `.env` beside them. */
async function lookupOf(named: Value[], subfolder: string, folder: string, options: LoadOptions): Promise<Lookup> {
  const files =
    named.length > 0
      ? named.map((path) => join(isAbsolute(String(path)) ? "" : folder, String(path)))
      : [join(subfolder, ".env")];
  const values = new Map<string, string | null>();
  const lookup: Lookup = (name) => options.lookup(name) ?? values.get(name) ?? undefined;
  for (const file of files) {
    const text = await options.read(file).catch((error: unknown) => {
      if (named.length > 0) throw error;
      return "";
    });
    for (const [key, value] of parseEnvFile(text, file, lookup, options.onUnset)) values.set(key, value);
  }
  return lookup;
}

/** Adds what was included. Two different things of one name are refused. */
function addIncluded(tree: Tree, included: Tree): Tree {
  const result: Tree = Object.assign(newTree(), tree);
  for (const section of ["services", "volumes", "networks", "secrets", "configs", "models"]) {
    const theirs = included[section];
    if (!isTree(theirs)) continue;
    const ours: Tree = Object.assign(newTree(), result[section]);
    for (const name in theirs) {
      if (ours[name] !== undefined && !Bun.deepEquals(ours[name], theirs[name]))
        throw new NaruError("invalid", `${section}.${name} conflicts with imported resource`);
      ours[name] ??= theirs[name]!;
    }
    result[section] = ours;
  }
  return result;
}
