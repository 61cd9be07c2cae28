/** Data of config maps and secrets, from words, files, folders and env files. */

import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { CliError } from "../cli-error.ts";

interface DataFlags {
  readonly "from-env-file": readonly string[];
  readonly "from-file": readonly string[];
  readonly "from-literal": readonly string[];
}
const KEY = /^[-._a-zA-Z0-9]+$/;

/** Keys with their bytes, in the order of the flags. @param whose "Data for ConfigMap …", for messages @throws CliError */
export async function readData(flags: DataFlags, whose: string): Promise<Map<string, Buffer>> {
  if (flags["from-env-file"].length > 0 && flags["from-file"].length + flags["from-literal"].length > 0) {
    throw new CliError("error: from-env-file cannot be combined with from-file or from-literal");
  }
  const data = new Map<string, Buffer>();
  const add = (key: string, value: Buffer) => {
    if (!KEY.test(key)) {
      throw new CliError(
        `error: ${JSON.stringify(key)} is not a valid key name: a valid key must consist of alphanumeric characters, '-', '_' or '.'`,
      );
    }
    if (data.has(key))
      throw new CliError(
        `error: cannot add key ${JSON.stringify(key)}, another key by that name already exists in ${whose}`,
      );
    data.set(key, value);
  };
  for (const one of flags["from-file"]) for (const [key, value] of await fromFile(one)) add(key, value);
  for (const one of flags["from-literal"]) {
    const equals = one.indexOf("=");
    if (equals < 1) throw new CliError(`error: invalid literal source ${one}, expected key=value`);
    add(one.slice(0, equals), Buffer.from(one.slice(equals + 1)));
  }
  for (const file of flags["from-env-file"]) for (const [key, value] of await fromEnvFile(file)) add(key, value);
  return data;
}

async function fromFile(source: string): Promise<[string, Buffer][]> {
  const equals = source.indexOf("=");
  const path = equals < 0 ? source : source.slice(equals + 1);
  if (equals === 0 || path === "") throw new CliError(`error: key name or file path is missing in ${source}`);
  try {
    if (!(await stat(path)).isDirectory()) {
      return [[equals < 0 ? basename(path) : source.slice(0, equals), await readFile(path)]];
    }
    if (equals >= 0) throw new CliError("error: cannot give a key name for a directory path");
    const files = (await readdir(path, { withFileTypes: true })).filter(
      (entry) => entry.isFile() && KEY.test(entry.name),
    );
    return await Promise.all(
      files.map(async ({ name }): Promise<[string, Buffer]> => [name, await readFile(join(path, name))]),
    );
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw unreadable(path, error);
  }
}

/** Lines "KEY=value"; a key alone takes its value from the environment. */
async function fromEnvFile(path: string): Promise<[string, Buffer][]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
  return text.split(/\r?\n/).flatMap((line): [string, Buffer][] => {
    const trimmed = line.trimStart();
    if (trimmed === "" || trimmed.startsWith("#")) return [];
    const equals = trimmed.indexOf("=");
    if (equals >= 0) return [[trimmed.slice(0, equals), Buffer.from(trimmed.slice(equals + 1))]];
    return [[trimmed, Buffer.from(process.env[trimmed] ?? "")]];
  });
}

function unreadable(path: string, error: unknown): CliError {
  const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
  return new CliError(
    `error: error reading ${path}: ${isMissing ? "no such file or directory" : (error as Error).message}`,
  );
}
