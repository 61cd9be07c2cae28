import { cut } from "../csv.ts";
import { fileErrorText } from "../file-error.ts";
import { fileSystem } from "../file-system.ts";

/** Checks one `--env`; a bare name takes its value from the client's own environment, where it is set. */
export function checkEnv(text: string): string {
  const [name, value] = cut(text, "=");
  if (name === "") throw new Error(`invalid environment variable: ${text}`);
  if (value !== undefined) return text;
  const own = process.env[name];
  return own === undefined ? name : `${name}=${own}`;
}

/** Checks one `--label`. */
export function checkLabel(text: string): string {
  const [name] = cut(text, "=");
  if (name.trim() === "") throw new Error(`invalid label '${text}': empty name`);
  if (/\s/.test(name)) throw new Error(`label '${name}' contains whitespaces`);
  return text;
}

/** The variables of files and flags, in that order; of a name given by flags twice the last value counts. */
export function environmentOf(files: readonly string[], flags: readonly string[]): string[] | null {
  const fromFiles = files.flatMap((path) => keyValueLines(path, (name) => process.env[name]));
  const byName = new Map(flags.map((entry) => [cut(entry, "=")[0], entry]));
  const all = [...fromFiles, ...byName.values()];
  return all.length > 0 ? all : null;
}

/** The labels of files and flags; a flag overrules a file. */
export function labelsOf(files: readonly string[], flags: readonly string[]): Record<string, string> {
  const lines = files.flatMap((path) => keyValueLines(path, () => undefined));
  return keyValues([...lines, ...flags]);
}

/** `key=value` texts as a record; a text without `=` has an empty value. */
export function keyValues(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((text) => cut(text, "=").map((part) => part ?? "")));
}

/**
 * The lines `NAME=VALUE` of a file. Empty lines and those that begin with `#` are left out, and names without value
 * that `lookup` does not know.
 */
function keyValueLines(path: string, lookup: (name: string) => string | undefined): string[] {
  const found: string[] = [];
  for (const raw of readTextFile(path).split(/\r?\n/)) {
    const line = raw.replace(/^[ \t\v\f]+/, "");
    if (line === "" || line.startsWith("#")) continue;
    const [name, value] = cut(line, "=");
    if (name === "") throw new Error(`invalid env file (${path}): no variable name on line '${line}'`);
    if (/\s/.test(name)) throw new Error(`invalid env file (${path}): variable '${name}' contains whitespaces`);
    const known = value ?? lookup(name);
    if (known !== undefined) found.push(`${name}=${known}`);
  }
  return found;
}

/** Reads a file; errors are in Go's words. */
function readTextFile(path: string): string {
  try {
    return fileSystem()
      .readFileSync(path, "utf8")
      .replace(/^\uFEFF/, "");
  } catch (error) {
    throw new Error(fileErrorText("open", path, error));
  }
}
