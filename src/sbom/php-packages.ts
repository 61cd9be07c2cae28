/** PHP's packages: what Composer installed, or its lock file where it installed nothing beside it. */

import type { TreeFile } from "./image-tree.ts";
import { type FileReader, isObject, readText, type Scan, shownPath, textOf } from "./scan.ts";

const INSTALLED = /(?:^|\/)composer\/installed\.json$/;
const MAX_BYTES = 64 * 1024 * 1024;

export const phpPackages: FileReader = {
  accepts: ({ path }, name) => (name === "installed.json" && INSTALLED.test(path)) || name === "composer.lock",
  read(scan, file) {
    if (file.path.endsWith("composer.lock") && scan.tree.hasBeside(file, "vendor")) return;
    const text = readText(scan, file, MAX_BYTES);
    if (text === undefined) return;
    for (const entry of listedPackages(text)) if (isObject(entry)) addPackage(scan, file, entry);
  },
};

/** Composer 2 writes an object with "packages", Composer 1 the bare list. */
function listedPackages(text: string): unknown[] {
  try {
    const document: unknown = JSON.parse(text);
    const packages = isObject(document) ? document.packages : document;
    return Array.isArray(packages) ? packages : [];
  } catch {
    return [];
  }
}

function addPackage(scan: Scan, file: TreeFile, entry: Record<string, unknown>): void {
  const [, namespace, name] = /^([^/]+)\/([^/]+)$/.exec(textOf(entry.name) ?? "") ?? [];
  if (namespace === undefined || name === undefined) return;
  const licenses = Array.isArray(entry.license) ? entry.license.filter((one) => typeof one === "string") : [];
  scan.add({
    type: "composer",
    namespace: namespace.toLowerCase(),
    name: name.toLowerCase(),
    version: (textOf(entry.version) ?? "").replace(/^v(?=\d)/, ""),
    license: licenses.length > 0 ? { notation: "spdx", values: [licenses.join(" OR ")] } : undefined,
    homepage: textOf(entry.homepage),
    summary: textOf(entry.description),
    foundIn: shownPath(file),
  });
}
