/**
 * RPM's packages: an SQLite database whose rows are package headers. The older kinds (Berkeley DB, ndb) are refused aloud:
 * a list without any of an image's packages would be taken for a true one.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import type { FoundPackage } from "./found-package.ts";
import type { TreeFile } from "./image-tree.ts";
import { parseRpmHeader, type RpmHeader } from "./rpm-header.ts";
import { type Scan, shownPath } from "./scan.ts";

const DIRECTORIES = ["var/lib/rpm", "usr/lib/sysimage/rpm"];
const OLD_KINDS = { Packages: "Berkeley DB", "Packages.db": "ndb" } as const;
const MAX_BYTES = 256 * 1024 * 1024;
/** Offsets of the file format's version in SQLite's header: 2 means that a write-ahead log is in use (fileformat2.html). */
const VERSION_OFFSETS = [18, 19];

export function readRpmPackages(scan: Scan): void {
  for (const directory of DIRECTORIES) {
    const database = scan.tree.findFile(`${directory}/rpmdb.sqlite`);
    if (database) {
      addPackages(scan, database);
      // The other directory is a link to this one.
      return;
    }
  }
  for (const directory of DIRECTORIES) {
    for (const [name, kind] of Object.entries(OLD_KINDS)) {
      const file = scan.tree.findFile(`${directory}/${name}`);
      if (!file || file.size === 0) continue;
      throw new NaruError(
        "not-implemented",
        `the image's RPM database ${shownPath(file)} is of the kind ${kind}, which naru cannot read (only rpmdb.sqlite); ` +
          "convert it in the image with `rpmdb --rebuilddb --define '_db_backend sqlite'`",
      );
    }
  }
}

function addPackages(scan: Scan, file: TreeFile): void {
  const foundIn = shownPath(file);
  const bytes = scan.tree.readFile(file, MAX_BYTES);
  if (bytes === undefined) throw new NaruError("invalid", `the image's RPM database ${foundIn} is too large to be one`);
  const log = scan.tree.findFile(`${file.path}-wal`);
  const logBytes = log && log.size > 0 ? scan.tree.readFile(log, MAX_BYTES) : undefined;
  let rows: PackageRow[];
  try {
    rows = logBytes === undefined ? readDatabase(bytes) : readDatabaseWithLog(bytes, logBytes);
  } catch (cause) {
    throw new NaruError("invalid", `the image's RPM database ${foundIn} is damaged: ${errorText(cause)}`, { cause });
  }
  for (const { blob } of rows) {
    const header = blob instanceof Uint8Array ? parseRpmHeader(blob) : undefined;
    if (header === undefined) scan.note(`${foundIn} holds a package whose header is damaged`);
    // Keys of the packages' signers lie among the packages.
    else if (header.name !== "gpg-pubkey") scan.add(describe(scan, header, foundIn));
  }
}

interface PackageRow {
  /** Bytes, unless the database is damaged. */
  blob: unknown;
}

function readDatabase(bytes: Buffer): PackageRow[] {
  // In memory SQLite takes no database that names a write-ahead log, also where there is none.
  for (const offset of VERSION_OFFSETS) if (bytes[offset] === 2) bytes[offset] = 1;
  using database = Database.deserialize(bytes, true);
  return readRows(database);
}

/** What was installed last may lie in the log only, when nobody closed the database. SQLite joins them, in a copy. */
function readDatabaseWithLog(bytes: Buffer, log: Buffer): PackageRow[] {
  const directory = mkdtempSync(join(tmpdir(), "naru-rpm-"));
  try {
    writeFileSync(join(directory, "copy"), bytes, { mode: 0o600 });
    writeFileSync(join(directory, "copy-wal"), log, { mode: 0o600 });
    using database = new Database(join(directory, "copy"), { readwrite: true, create: false });
    return readRows(database);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The schema is a stranger's: what is called Packages must be a plain table, not a view that computes without end. */
function readRows(database: Database): PackageRow[] {
  database.run("PRAGMA trusted_schema = OFF");
  const schema = database
    .query<{ type: string; sql: string }, []>("SELECT type, sql FROM sqlite_master WHERE name = 'Packages'")
    .all();
  if (schema.length !== 1 || schema[0]!.type !== "table" || /virtual|generated|\bas\b/i.test(schema[0]!.sql)) {
    throw new Error("it has no table of packages");
  }
  return database.query<PackageRow, []>("SELECT blob FROM Packages ORDER BY hnum").all();
}

function describe({ os }: Scan, header: RpmHeader, foundIn: string): FoundPackage {
  return {
    type: "rpm",
    namespace: os?.id ?? "redhat",
    name: header.name,
    version: header.release === "" ? header.version : `${header.version}-${header.release}`,
    qualifiers: {
      arch: header.arch,
      epoch: header.epoch === undefined ? undefined : String(header.epoch),
      upstream: header.sourceRpm,
      distro: os && (os.versionId === "" ? os.id : `${os.id}-${os.versionId}`),
    },
    license: header.license ? { notation: "spdx", values: [header.license] } : undefined,
    supplier: header.vendor ? { kind: "Organization", name: header.vendor } : undefined,
    homepage: header.url,
    summary: header.summary,
    foundIn,
  };
}
