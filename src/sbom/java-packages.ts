/** Java's archives: the Maven coordinates in them, else what the manifest says; archives inside of archives too. */
import type { DeclaredLicense, FoundPackage } from "./found-package.ts";
import { type FileReader, type Scan, shownPath } from "./scan.ts";
import { type ByteSource, bytesInMemory, readZipDirectory, readZipEntry, type ZipEntry } from "./zip-archive.ts";

const ARCHIVE = /\.(jar|war|ear|par|sar|jpi|hpi|jmod|lpkg|nar|kar)$/i;
const POM = /^META-INF\/maven\/[^/]+\/[^/]+\/pom\.properties$/;
const MANIFEST = /^META-INF\/MANIFEST\.MF$/i;
const MAX_TEXT_BYTES = 1024 * 1024;
/** Of one archive inside another, which is held in memory. */
const MAX_NESTED_BYTES = 256 * 1024 * 1024;
/** Of all that lie in one archive, at any depth. */
const MAX_TOTAL_BYTES = 1024 * 1024 * 1024;
const MAX_DEPTH = 4;

export const javaPackages: FileReader = {
  accepts: (_file, name) => ARCHIVE.test(name),
  read(scan, file) {
    using open = scan.tree.openFile(file);
    new ArchiveReader(scan, shownPath(file)).read(open, shownPath(file), 0);
  },
};

class ArchiveReader {
  private inflated = 0;

  constructor(
    private readonly scan: Scan,
    private readonly outermost: string,
  ) {}

  /** `path` of an archive inside another: "/a.war!/WEB-INF/lib/b.jar". */
  read(source: ByteSource, path: string, depth: number): void {
    const entries = readZipDirectory(source);
    if (!entries) {
      this.scan.note(`${path} is no readable archive`);
      return;
    }
    const named = [...this.mavenPackages(source, entries, path)];
    const own = this.ownPackage(source, entries, path);
    // The manifest's license is that of the archive, which its one coordinate names.
    if (named.length === 1) this.scan.add({ ...named[0]!, license: own.license });
    else for (const one of named.length > 0 ? named : [own]) this.scan.add(one);
    for (const entry of entries) if (ARCHIVE.test(entry.name)) this.readNested(source, entry, path, depth);
  }

  private readNested(source: ByteSource, entry: ZipEntry, path: string, depth: number): void {
    const nestedPath = `${path}!/${entry.name}`;
    if (depth >= MAX_DEPTH) {
      this.scan.note(`${nestedPath} was not read: it lies in ${MAX_DEPTH} archives`);
      return;
    }
    const room = Math.min(MAX_NESTED_BYTES, MAX_TOTAL_BYTES - this.inflated);
    const bytes = readZipEntry(source, entry, room);
    if (bytes === undefined) {
      this.scan.note(`${nestedPath} was not read: it is damaged, or too large for what may lie in ${this.outermost}`);
      return;
    }
    this.inflated += bytes.length;
    this.read(bytesInMemory(bytes), nestedPath, depth + 1);
  }

  private *mavenPackages(source: ByteSource, entries: ZipEntry[], foundIn: string): Generator<FoundPackage> {
    for (const entry of entries) {
      if (!POM.test(entry.name)) continue;
      const values = properties(readZipEntry(source, entry, MAX_TEXT_BYTES)?.toString() ?? "");
      const name = values.get("artifactId");
      if (name) {
        yield { type: "maven", namespace: values.get("groupId"), name, version: values.get("version") ?? "", foundIn };
      }
    }
  }

  /** What the manifest and the file's name say of the archive itself. */
  private ownPackage(source: ByteSource, entries: ZipEntry[], foundIn: string): FoundPackage {
    const entry = entries.find(({ name }) => MANIFEST.test(name));
    const values = manifestValues((entry && readZipEntry(source, entry, MAX_TEXT_BYTES)?.toString()) ?? "");
    const file = foundIn.slice(foundIn.lastIndexOf("/") + 1).replace(ARCHIVE, "");
    const [, fileName = file, fileVersion = ""] = /^(.+?)-(\d[\w.+-]*)$/.exec(file) ?? [];
    const bundle = values.get("bundle-symbolicname")?.split(";")[0]?.trim();
    const name = fileVersion === "" ? (plain(values.get("implementation-title")) ?? bundle ?? fileName) : fileName;
    const version =
      fileVersion ||
      values.get("implementation-version") ||
      values.get("bundle-version") ||
      values.get("specification-version") ||
      "";
    const namespace = values.get("implementation-vendor-id") ?? groupOf(bundle, name);
    return { type: "maven", namespace, name, version, foundIn, license: bundleLicense(values) };
  }
}

/** A title for people is no name. */
function plain(title: string | undefined): string | undefined {
  return title && /^[\w.-]+$/.test(title) ? title : undefined;
}

/** "org.example.thing" for a bundle of the artifact "thing" or one of its parts. */
function groupOf(bundle: string | undefined, name: string): string | undefined {
  if (!bundle?.includes(".") || !/^[\w.-]+$/.test(bundle)) return undefined;
  return bundle.endsWith(`.${name}`) ? bundle.slice(0, -name.length - 1) : undefined;
}

function bundleLicense(values: Map<string, string>): DeclaredLicense | undefined {
  const text = values.get("bundle-license")?.split(";")[0]?.trim();
  if (!text || text.length > 100 || /^https?:/.test(text) || text.includes("://")) return undefined;
  return { notation: "spdx", values: [text.replace(/^"|"$/g, "")] };
}

function properties(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([\w.-]+)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (match) values.set(match[1]!, match[2]!);
  }
  return values;
}

/** The main section: "Name: value", long ones continued behind a blank; names in lower case. */
function manifestValues(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.replace(/\r?\n /g, "").split(/\r?\n/)) {
    if (line === "") break;
    const colon = line.indexOf(": ");
    if (colon > 0) values.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 2).trim());
  }
  return values;
}
