/** /etc/os-release (os-release(5)): which distribution an image is made of. */
import type { OperatingSystem } from "./found-package.ts";
import type { ImageTree } from "./image-tree.ts";

const MAX_BYTES = 64 * 1024;

export function readOperatingSystem(tree: ImageTree): OperatingSystem | undefined {
  for (const path of ["etc/os-release", "usr/lib/os-release"]) {
    const file = tree.findFile(path);
    const text = file && tree.readFile(file, MAX_BYTES)?.toString();
    if (text !== undefined) return parseOsRelease(text);
  }
  return undefined;
}

function parseOsRelease(text: string): OperatingSystem | undefined {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([A-Z0-9_]+)=(.*)$/.exec(line.trim());
    if (match) values.set(match[1]!, unquote(match[2]!));
  }
  const id = values.get("ID");
  if (!id || !/^[a-z0-9._-]+$/.test(id)) return undefined;
  const versionId = values.get("VERSION_ID") ?? "";
  return { id, versionId, prettyName: values.get("PRETTY_NAME") ?? `${id} ${versionId}`.trim() };
}

function unquote(value: string): string {
  const quote = value[0];
  if ((quote !== '"' && quote !== "'") || value.at(-1) !== quote || value.length < 2) return value;
  return value.slice(1, -1).replace(/\\(["$`\\'])/g, "$1");
}
