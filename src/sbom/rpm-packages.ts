/**
 * RPM's packages: an SQLite database whose rows are package headers. The older kinds (Berkeley DB, ndb) are refused aloud:
 * a list without any of an image's packages would be taken for a true one.
 */
import { Database } from "bun:sqlite";
import { errorText, NaruError } from "../lib/errors.ts";
import type { FoundPackage } from "./found-package.ts";
import type { TreeFile } from "./image-tree.ts";
import { parseRpmHeader, type RpmHeader } from "./rpm-header.ts";
import { type Scan, shownPath } from "./scan.ts";

const DIRECTORIES = ["var/lib/rpm", "usr/lib/sysimage/rpm"];
const OLD_KINDS = { Packages: "Berkeley DB", "Packages.db": "ndb" } as const;
const MAX_BYTES = 512 * 1024 * 1024;
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
  if (scan.tree.hasBeside(file, "rpmdb.sqlite-wal")) {
    scan.note(`${foundIn} was not closed when the image was made: the packages installed last may be missing`);
  }
  let rows: { blob: Uint8Array }[];
  try {
    // A copy in memory: SQLite would write beside a file, and the log's name means nothing there.
    for (const offset of VERSION_OFFSETS) if (bytes[offset] === 2) bytes[offset] = 1;
    using database = Database.deserialize(bytes, true);
    rows = database.query<{ blob: Uint8Array }, []>("SELECT blob FROM Packages ORDER BY hnum").all();
  } catch (cause) {
    throw new NaruError("invalid", `the image's RPM database ${foundIn} is damaged: ${errorText(cause)}`, { cause });
  }
  for (const { blob } of rows) {
    const header = parseRpmHeader(blob);
    if (header === undefined) scan.note(`${foundIn} holds a package whose header is damaged`);
    // Keys of the packages' signers lie among the packages.
    else if (header.name !== "gpg-pubkey") scan.add(describe(scan, header, foundIn));
  }
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
