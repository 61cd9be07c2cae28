/** Objects in files, folders, at addresses and on standard input: YAML with several documents, JSON, lists. */

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../cli-error.ts";

export interface KubeManifestObject {
  apiVersion: string;
  kind: string;
  metadata?: { name?: string; generateName?: string; namespace?: string; [key: string]: unknown };
  [key: string]: unknown;
}
export interface KubeManifest {
  readonly object: KubeManifestObject;
  /** For messages: the path, the address, "STDIN". */
  readonly source: string;
}

/** Several objects as one, as they are printed and edited. */
export const listOf = (objects: readonly KubeManifestObject[]): KubeManifestObject => ({
  apiVersion: "v1",
  kind: "List",
  metadata: {},
  items: [...objects],
});

const ENDINGS = [".json", ".yaml", ".yml"];

/** In the order of the files and of the documents in them. @throws CliError */
export async function readManifests(names: readonly string[], isRecursive: boolean): Promise<KubeManifest[]> {
  const found: KubeManifest[] = [];
  for (const name of names) {
    for (const { text, source } of await textsOf(name, isRecursive)) found.push(...manifestsInText(text, source));
  }
  return found;
}

async function textsOf(name: string, isRecursive: boolean): Promise<{ text: string; source: string }[]> {
  if (name === "-") return [{ text: await Bun.stdin.text(), source: "STDIN" }];
  if (/^https?:\/\//.test(name)) return [{ text: await fetchText(name), source: name }];
  let isFolder: boolean;
  try {
    isFolder = (await stat(name)).isDirectory();
  } catch {
    throw new CliError(`error: the path "${name}" does not exist`);
  }
  if (!isFolder) return [{ text: await readFile(name, "utf8"), source: name }];
  const entries = await readdir(name, { recursive: isRecursive, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && ENDINGS.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (paths.length === 0) {
    throw new CliError(`error: error reading [${name}]: recognized file extensions are [${ENDINGS.join(" ")}]`);
  }
  return await Promise.all(paths.map(async (path) => ({ text: await readFile(path, "utf8"), source: path })));
}

/** @throws CliError when the address does not answer with the text */
export async function fetchText(url: string): Promise<string> {
  const response = await fetch(url).catch((error: Error) => {
    throw new CliError(`error: unable to read URL "${url}": ${error.message}`);
  });
  if (!response.ok) {
    throw new CliError(
      `error: unable to read URL "${url}", server reported ${response.status} ${response.statusText}, status code=${response.status}`,
    );
  }
  return await response.text();
}

/** The objects of one text. @param source for messages @throws CliError */
export function manifestsInText(text: string, source: string): KubeManifest[] {
  return documentsOf(text, source).flatMap((value) => objectsOf(value, source));
}

function documentsOf(text: string, source: string): unknown[] {
  try {
    if (/^\s*[{[]/.test(text)) return [JSON.parse(text)];
  } catch {
    // Flow style YAML begins like JSON.
  }
  try {
    const value: unknown = Bun.YAML.parse(text);
    // Several documents come as a list; a single document of a manifest is never one.
    return Array.isArray(value) ? value : [value];
  } catch (error) {
    throw new CliError(`error: error parsing ${source}: error converting YAML to JSON: ${(error as Error).message}`);
  }
}

function objectsOf(value: unknown, source: string): KubeManifest[] {
  if (value === null || value === undefined) return [];
  const refuse = (what: string) =>
    new CliError(
      `error: unable to decode ${JSON.stringify(source)}: Object '${what}' is missing in '${JSON.stringify(value)}'`,
    );
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new CliError(
      `error: error validating ${JSON.stringify(source)}: error validating data: invalid object to validate`,
    );
  }
  const object = value as KubeManifestObject & { items?: unknown };
  if (typeof object.kind !== "string" || object.kind === "") throw refuse("Kind");
  if (typeof object.apiVersion !== "string" || object.apiVersion === "") throw refuse("apiVersion");
  if (object.kind.endsWith("List") && Array.isArray(object.items)) {
    return object.items.flatMap((item) => objectsOf(item, source));
  }
  return [{ object, source }];
}
