/** npm's packages: what is installed below node_modules; lock files where nothing is installed beside them. */
import type { DeclaredLicense, FoundPackage } from "./found-package.ts";
import type { TreeFile } from "./image-tree.ts";
import { type FileReader, isObject, parseJsonObject, readText, shownPath, textOf } from "./scan.ts";
import { parsePnpmLock, parseYarnLock } from "./yarn-and-pnpm-locks.ts";

/** A package's own file, not one of a fixture somewhere below it. */
const INSTALLED = /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@][^/]*\/package\.json$/;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_LOCK_BYTES = 64 * 1024 * 1024;

export const installedNodePackages: FileReader = {
  accepts: ({ path }, name) => name === "package.json" && INSTALLED.test(path),
  read(scan, file) {
    const text = readText(scan, file, MAX_MANIFEST_BYTES);
    const manifest = text === undefined ? undefined : parseJsonObject(text);
    const name = textOf(manifest?.name);
    // Files that only say {"type": "module"} are no packages.
    if (!manifest || name === undefined) return;
    scan.add({
      ...npmPackage(name, textOf(manifest.version) ?? "", file),
      license: licenseOf(manifest),
      supplier: authorOf(manifest.author),
      homepage: textOf(manifest.homepage),
      summary: textOf(manifest.description),
    });
  },
};

const LOCKS = ["package-lock.json", "yarn.lock", "pnpm-lock.yaml"];

export const nodeLockFiles: FileReader = {
  accepts: ({ path }, name) => LOCKS.includes(name) && !path.includes("node_modules/"),
  read(scan, file) {
    if (scan.tree.hasBeside(file, "node_modules")) return;
    const text = readText(scan, file, MAX_LOCK_BYTES);
    if (text === undefined) return;
    for (const { name, version, license } of lockedPackages(file, text)) {
      const declared: DeclaredLicense | undefined = license ? { notation: "spdx", values: [license] } : undefined;
      scan.add({ ...npmPackage(name, version, file), license: declared });
    }
  },
};

interface LockedPackage {
  name: string;
  version: string;
  license?: string;
}

function lockedPackages(file: TreeFile, text: string): Iterable<LockedPackage> {
  if (file.path.endsWith("yarn.lock")) return parseYarnLock(text);
  if (file.path.endsWith("pnpm-lock.yaml")) return parsePnpmLock(text);
  return parsePackageLock(text);
}

/** Versions 2 and 3 list by path, version 1 as a tree; what only development needs is left out. */
function* parsePackageLock(text: string): Generator<LockedPackage> {
  const lock = parseJsonObject(text);
  if (isObject(lock?.packages)) {
    for (const [path, entry] of Object.entries(lock.packages)) {
      const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
      if (!path.includes("node_modules/") || !isObject(entry) || entry.dev === true || entry.link === true) continue;
      const version = textOf(entry.version);
      if (version) yield { name: textOf(entry.name) ?? name, version, license: textOf(entry.license) };
    }
  } else if (isObject(lock?.dependencies)) yield* oldDependencies(lock.dependencies, 0);
}

const MAX_DEPTH = 100;

function* oldDependencies(dependencies: Record<string, unknown>, depth: number): Generator<LockedPackage> {
  for (const [name, entry] of Object.entries(dependencies)) {
    if (!isObject(entry) || entry.dev === true) continue;
    const version = textOf(entry.version);
    if (version && /^\d/.test(version)) yield { name, version };
    if (isObject(entry.dependencies) && depth < MAX_DEPTH) yield* oldDependencies(entry.dependencies, depth + 1);
  }
}

function npmPackage(fullName: string, version: string, file: TreeFile): FoundPackage {
  const [, namespace, name = fullName] = /^(@[^/]+)\/(.+)$/.exec(fullName) ?? [];
  return { type: "npm", namespace, name, version, foundIn: shownPath(file) };
}

/** "license": "MIT", the older {"type": …} and "licenses": […]: the user may choose among several. */
function licenseOf(manifest: Record<string, unknown>): DeclaredLicense | undefined {
  const given = Array.isArray(manifest.licenses) ? manifest.licenses : [manifest.license ?? manifest.licenses];
  const names = given
    .map((one) => textOf(one) ?? (isObject(one) ? textOf(one.type) : undefined))
    .filter((one) => one !== undefined);
  if (names.length === 0) return undefined;
  return { notation: "spdx", values: [names.length === 1 ? names[0]! : names.map((name) => `(${name})`).join(" OR ")] };
}

function authorOf(author: unknown): FoundPackage["supplier"] {
  if (isObject(author)) {
    const name = textOf(author.name);
    const mail = textOf(author.email);
    return name === undefined ? undefined : { kind: "Person", name: mail ? `${name} <${mail}>` : name };
  }
  const text = textOf(author)?.replace(/\s*\(.*\)\s*$/, "");
  return text ? { kind: "Person", name: text } : undefined;
}
