/**
 * The state file: one SQLite database with one table of JSON records.
 *
 *   record(collection TEXT, key TEXT, value TEXT)   primary key (collection, key)
 *   PRAGMA user_version                             version of this layout
 *
 * The shape of the records themselves is their owner's matter; here only the layout has a version.
 */
import { Database } from "bun:sqlite";
import { open } from "node:fs/promises";
import { errorText, NaruError } from "../lib/errors.ts";

/** Step N brings a file of version N to version N + 1. Steps are only ever added. */
const MIGRATIONS: readonly ((file: Database) => void)[] = [
  (file) => {
    file.run(`CREATE TABLE record (
      collection TEXT NOT NULL,
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (collection, key)
    ) WITHOUT ROWID`);
  },
];

const STATE_FILE_VERSION = MIGRATIONS.length;

/** Opens the file for writing, as the writer thread does after migrateStateFile(). */
export function openStateFile(path: string): Database {
  const file = new Database(path, { create: true });
  file.run("PRAGMA journal_mode = WAL");
  // Survives kill -9 of the process; a power cut may lose the last transactions, never half of one.
  file.run("PRAGMA synchronous = NORMAL");
  file.run("PRAGMA busy_timeout = 5000");
  return file;
}

/** Waits until what was written is on the disk: the log holds the last transactions. */
export async function syncStateFile(path: string): Promise<void> {
  await using log = await open(`${path}-wal`);
  await log.datasync();
}

interface StoredRow {
  collection: string;
  key: string;
  value: string;
}

/**
 * Brings the file to the present version and reads every row, ordered by collection and key.
 * @throws {NaruError} unavailable when the file is damaged or was written by a newer naru; nothing is changed then.
 */
export function loadStateFile(path: string): StoredRow[] {
  let file: Database | undefined;
  try {
    file = openStateFile(path);
    migrate(file, path);
    return file.query<StoredRow, []>("SELECT collection, key, value FROM record ORDER BY collection, key").all();
  } catch (cause) {
    if (cause instanceof NaruError) throw cause;
    throw new NaruError(
      "unavailable",
      `the state file ${path} cannot be read: ${errorText(cause)}; move it away (with its -wal and -shm files) to ` +
        "start without the containers it describes, or put a good copy in its place",
      { cause },
    );
  } finally {
    file?.close();
  }
}

function migrate(file: Database, path: string): void {
  const found = file.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (found > STATE_FILE_VERSION) {
    throw new NaruError(
      "unavailable",
      `the state file ${path} has version ${found}, this naru knows versions up to ${STATE_FILE_VERSION}: ` +
        "start the newer naru that wrote it",
    );
  }
  for (let version = found; version < STATE_FILE_VERSION; version++) {
    file.transaction(() => {
      MIGRATIONS[version]!(file);
      file.run(`PRAGMA user_version = ${version + 1}`);
    })();
  }
}
