/** Everything that is installed in an image: every reader once over its files. */
import { errorText, NaruError } from "../lib/errors.ts";
import { fromRaw } from "../linux/file-calls.ts";
import { readApkPackages } from "./apk-packages.ts";
import { compiledPackages } from "./compiled-packages.ts";
import { readDpkgPackages } from "./dpkg-packages.ts";
import type { FoundPackage, Inventory } from "./found-package.ts";
import { ImageTree, isReadingFault, type TreeFile } from "./image-tree.ts";
import { javaPackages } from "./java-packages.ts";
import { installedNodePackages, nodeLockFiles } from "./node-packages.ts";
import { readOperatingSystem } from "./os-release.ts";
import { packageUrl } from "./package-url.ts";
import { phpPackages } from "./php-packages.ts";
import { pythonPackages } from "./python-packages.ts";
import { readRpmPackages } from "./rpm-packages.ts";
import { rubyPackages } from "./ruby-packages.ts";
import { type DatabaseReader, type FileReader, type Scan, shownPath } from "./scan.ts";

const DATABASES: readonly DatabaseReader[] = [readDpkgPackages, readApkPackages, readRpmPackages];
const FILE_READERS: readonly FileReader[] = [
  installedNodePackages,
  nodeLockFiles,
  pythonPackages,
  rubyPackages,
  phpPackages,
  javaPackages,
  compiledPackages,
];
/** An image of strangers must not fill the memory with what it says of itself. */
const MAX_PACKAGES = 200_000;
const MAX_NOTES = 100;
const NAMELESS = /^[\s\p{Cc}]*$/u;
const FILES_BETWEEN_PAUSES = 1000;

/** `layers`: directories, newest first. @throws {NaruError} see SbomMaker.make() */
export async function takeInventory(
  layers: readonly string[],
  options: { signal?: AbortSignal } = {},
): Promise<Inventory> {
  const tree = ImageTree.open(layers);
  try {
    const collection = new Collection();
    const scan: Scan = {
      tree,
      os: readOperatingSystem(tree),
      add: (found) => collection.add(found),
      note: (text) => collection.note(text),
    };
    for (const path of tree.skipped) scan.note(`/${path} was not looked into: it lies too deep`);
    for (const readDatabase of DATABASES) readDatabase(scan);
    let count = 0;
    for (const file of tree.files()) {
      readFile(scan, file);
      count += 1;
      if (count % FILES_BETWEEN_PAUSES > 0) continue;
      // A wish to stop comes as a message, which the thread hears only when it pauses.
      await new Promise((resolve) => setImmediate(resolve));
      options.signal?.throwIfAborted();
    }
    return { os: scan.os, packages: collection.sorted(), notes: collection.notes };
  } finally {
    tree.close();
  }
}

function readFile(scan: Scan, file: TreeFile): void {
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  for (const reader of FILE_READERS) {
    if (!reader.accepts(file, name)) continue;
    try {
      reader.read(scan, file);
    } catch (error) {
      if (error instanceof NaruError || !(isReadingFault(error) || error instanceof RangeError)) throw error;
      scan.note(`${shownPath(file)} was not read: ${fromRaw(errorText(error))}`);
    }
  }
}

/** Packages by what identifies them: found twice, the first place counts. */
class Collection {
  private readonly packages = new Map<string, FoundPackage>();
  readonly notes: string[] = [];

  add(found: FoundPackage): void {
    // Nothing can be said of what has no name to be called by.
    if (NAMELESS.test(found.name)) return;
    const key = packageUrl(found);
    if (this.packages.has(key)) return;
    if (this.packages.size >= MAX_PACKAGES) {
      throw new NaruError("invalid", `the image claims more than ${MAX_PACKAGES} packages`);
    }
    this.packages.set(key, found);
  }

  note(text: string): void {
    if (this.notes.length < MAX_NOTES) this.notes.push(text);
    else if (this.notes.length === MAX_NOTES) this.notes.push("and more of the kind");
  }

  sorted(): FoundPackage[] {
    return [...this.packages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, found]) => found);
  }
}
