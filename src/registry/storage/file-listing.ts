/** Files below a directory in the order of their keys, as a bucket lists them. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../../linux/sys-error.ts";
import type { StoredObject } from "../contract.ts";

/** Files whose sizes are asked at the same time. */
const STAT_WIDTH = 32;

/** Keys with `prefix`, after `after`, at most `limit`. What comes or goes meanwhile may be seen or not. */
export async function* listFiles(
  root: string,
  prefix: string,
  { after = "", limit = Number.POSITIVE_INFINITY }: { after?: string; limit?: number },
): AsyncGenerator<{ key: string } & StoredObject> {
  let left = limit;
  let batch: string[] = [];
  const take = async () => {
    const found = await Promise.all(batch.map((key) => statFile(root, key)));
    batch = [];
    return found.filter((entry) => entry !== undefined);
  };
  const directory = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  for await (const key of walk(root, directory, prefix, after)) {
    batch.push(key);
    if (batch.length < Math.min(STAT_WIDTH, left)) continue;
    for (const entry of await take()) {
      yield entry;
      left -= 1;
      if (left <= 0) return;
    }
  }
  for (const entry of await take()) {
    if (left-- <= 0) return;
    yield entry;
  }
}

async function* walk(root: string, directory: string, prefix: string, after: string): AsyncGenerator<string> {
  for (const { name, isDirectory } of await sortedEntries(join(root, directory))) {
    const key = directory + name;
    if (isDirectory) {
      // Nothing below can have the prefix, or everything below lies before `after`.
      if (!key.startsWith(prefix) && !prefix.startsWith(key)) continue;
      if (key <= after && !after.startsWith(key)) continue;
      yield* walk(root, key, prefix, after);
    } else if (key.startsWith(prefix) && key > after) yield key;
  }
}

/** Entries in the order of the keys below them: a directory sorts as its name with a slash. */
async function sortedEntries(path: string): Promise<{ name: string; isDirectory: boolean }[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .map((entry) => ({ name: entry.isDirectory() ? `${entry.name}/` : entry.name, isDirectory: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}

async function statFile(root: string, key: string): Promise<({ key: string } & StoredObject) | undefined> {
  try {
    const { size, mtimeMs } = await stat(join(root, key));
    return { key, size, modifiedAt: mtimeMs };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
