/**
 * The cluster's file: every write is a row of a log; `current` says which row holds a key now.
 *
 *   log(id, key, value, created, previous)   value NULL: deleted; created: revision that made the key; previous: id of the key's row before, 0 without
 *   current(key, id)
 *   fact(name, number)                       "revision", "compacted"
 *   PRAGMA user_version                      version of this layout
 *
 * A row's id is its revision times 4096 plus its place in the commit, so that history is in order of the primary key.
 */

import { Database, type Statement } from "bun:sqlite";
import { errorText, NaruError } from "../../lib/errors.ts";
import { CompactedError, type Mutation, type StoredEntry } from "./contract.ts";
import { DiskReserve } from "./disk-reserve.ts";
import type {
  CommitAnswer,
  HistoryAnswer,
  LoggedChange,
  RangeAnswer,
  RangeRequest,
  Written,
} from "./sqlite-messages.ts";

const LAYOUT_VERSION = 1;
const PLACES = 4096;
/** The revision of an empty store, as etcd counts. */
const FIRST_REVISION = 1;
/** Rows of history that are answered at once. */
const HISTORY_PAGE = 1000;

const LAYOUT = `
  CREATE TABLE log (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT, created INTEGER NOT NULL, previous INTEGER NOT NULL
  );
  CREATE TABLE current (key TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE fact (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO fact VALUES ('revision', ${FIRST_REVISION}), ('compacted', 0);
  PRAGMA user_version = ${LAYOUT_VERSION};
`;

interface Row {
  id: number;
  key: string;
  value: string | null;
  created: number;
  previous: number;
}

const revisionOfId = (id: number) => Math.floor(id / PLACES);
/** The greatest id that a row of that revision may have. */
const lastId = (revision: number) => revision * PLACES + PLACES - 1;

function entryOf({ id, key, value, created }: Row): StoredEntry {
  return { key, value: value ?? "", createRevision: created, modRevision: revisionOfId(id) };
}

/** The first text after all that begin with `prefix` (keys are plain ASCII). */
function prefixEnd(prefix: string): string {
  if (prefix === "") return "\u{10ffff}";
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

/** @throws NaruError unavailable: damaged, or written by a newer naru */
function openDatabase(path: string): Database {
  let file: Database | undefined;
  try {
    file = new Database(path, { create: true });
    file.run("PRAGMA journal_mode = WAL");
    // Survives kill -9 of the process; a power cut may lose the last commits, never half of one.
    file.run("PRAGMA synchronous = NORMAL");
    // About 1 MiB: the room that a full disk must find again (disk-reserve.ts).
    file.run("PRAGMA wal_autocheckpoint = 256");
    const found = file.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
    if (found > LAYOUT_VERSION) {
      const message = `the cluster's file ${path} has version ${found}, this naru knows versions up to ${LAYOUT_VERSION}: start the newer naru that wrote it`;
      throw new NaruError("unavailable", message);
    }
    if (found === 0) file.transaction(() => file!.run(LAYOUT))();
    return file;
  } catch (cause) {
    file?.close();
    if (cause instanceof NaruError) throw cause;
    const message = `the cluster's file ${path} cannot be opened: ${errorText(cause)}; move it away (with its -wal and -shm files) to start with an empty cluster, or put a good copy in its place`;
    throw new NaruError("unavailable", message, { cause });
  }
}

export class SqliteFile {
  private readonly database: Database;
  private readonly reserve: DiskReserve;
  private revisionNow: number;
  private compacted: number;
  private readonly findCurrent: Statement<Row, [string]>;
  private readonly insertRow: Statement<unknown, [number, string, string | null, number, number]>;
  private readonly setCurrent: Statement<unknown, [string, number]>;
  private readonly dropCurrent: Statement<unknown, [string]>;
  private readonly setFact: Statement<unknown, [number, string]>;

  constructor(path: string) {
    this.database = openDatabase(path);
    this.reserve = new DiskReserve(path === ":memory:" ? undefined : `${path}-reserve`);
    this.reserve.take();
    const facts = this.database.query<{ name: string; number: number }, []>("SELECT name, number FROM fact").all();
    this.revisionNow = facts.find((fact) => fact.name === "revision")!.number;
    this.compacted = facts.find((fact) => fact.name === "compacted")!.number;
    const { database } = this;
    this.findCurrent = database.query(
      "SELECT log.id, log.key, value, created, previous FROM current JOIN log ON log.id = current.id WHERE current.key = ?",
    );
    this.insertRow = database.query("INSERT INTO log (id, key, value, created, previous) VALUES (?, ?, ?, ?, ?)");
    this.setCurrent = database.query("INSERT OR REPLACE INTO current (key, id) VALUES (?, ?)");
    this.dropCurrent = database.query("DELETE FROM current WHERE key = ?");
    this.setFact = database.query("UPDATE fact SET number = ? WHERE name = ?");
  }

  get revision(): number {
    return this.revisionNow;
  }

  /**
   * All commits in one transaction: each is done or refused by itself, none is done when the disk fails. On a full disk what
   * changes or deletes objects is still done for a while, so that room can be made; what creates is refused.
   */
  commitAll(batch: readonly (readonly Mutation[])[]): CommitAnswer[] {
    try {
      return this.tryCommit(batch);
    } catch (error) {
      const creates = batch.some((mutations) => mutations.some((one) => one.value !== undefined && !one.expected));
      if ((error as { code?: string }).code !== "SQLITE_FULL" || creates) throw error;
      this.reserve.release();
      this.compact(this.revisionNow);
      this.database.run("PRAGMA wal_checkpoint(TRUNCATE)");
      const answers = this.tryCommit(batch);
      this.reserve.take();
      return answers;
    }
  }

  private tryCommit(batch: readonly (readonly Mutation[])[]): CommitAnswer[] {
    const before = this.revisionNow;
    try {
      return this.database.transaction(() => {
        const answers = batch.map((mutations) => this.commit(mutations));
        if (this.revisionNow !== before) this.setFact.run(this.revisionNow, "revision");
        return answers;
      })();
    } catch (error) {
      this.revisionNow = before;
      throw error;
    }
  }

  get(key: string): StoredEntry | undefined {
    const row = this.findCurrent.get(key);
    return row === null ? undefined : entryOf(row);
  }

  range({ prefix, after, limit, revision }: RangeRequest): RangeAnswer {
    const at = revision ?? this.revisionNow;
    if (at < this.compacted) throw new CompactedError(this.compacted);
    const from = after === undefined ? prefix : `${after}\0`;
    const end = prefixEnd(prefix);
    const rows =
      at >= this.revisionNow
        ? this.database
            .query<Row, [string, string, number]>(
              `SELECT log.id, log.key, value, created, previous FROM current JOIN log ON log.id = current.id
               WHERE current.key >= ? AND current.key < ? ORDER BY current.key LIMIT ?`,
            )
            .all(from, end, limit + 1)
        : this.rangeAt(from, end, lastId(at), limit + 1);
    const entries = rows.slice(0, limit).map(entryOf);
    return { entries, revision: at, more: rows.length > limit };
  }

  /** Changes after a revision, in order; only whole revisions. */
  history(prefix: string, after: number): HistoryAnswer {
    if (after < this.compacted) throw new CompactedError(this.compacted);
    const rows = this.database
      .query<Row, [number, string, string, number]>(
        "SELECT id, key, value, created, previous FROM log WHERE id > ? AND key >= ? AND key < ? ORDER BY id LIMIT ?",
      )
      .all(lastId(after), prefix, prefixEnd(prefix), HISTORY_PAGE + PLACES);
    if (rows.length <= HISTORY_PAGE) {
      return { changes: rows.map((row) => this.logged(row)), revision: this.revisionNow, more: false };
    }
    const revision = revisionOfId(rows[HISTORY_PAGE - 1]!.id);
    const whole = rows.filter((row) => row.id <= lastId(revision));
    return { changes: whole.map((row) => this.logged(row)), revision, more: true };
  }

  /** Rows that nothing up to a later revision needs: what was replaced up to then, and deletions. */
  compact(revision: number): void {
    const target = Math.min(revision, this.revisionNow);
    if (target <= this.compacted) return;
    const bounds = [lastId(this.compacted), lastId(target)] as const;
    this.database.transaction(() => {
      this.database
        .query("DELETE FROM log WHERE id IN (SELECT previous FROM log WHERE id > ? AND id <= ? AND previous > 0)")
        .run(...bounds);
      this.database.query("DELETE FROM log WHERE id > ? AND id <= ? AND value IS NULL").run(...bounds);
      this.setFact.run(target, "compacted");
    })();
    this.compacted = target;
  }

  size(): number {
    const pages = this.database.query<{ page_count: number }, []>("PRAGMA page_count").get()!.page_count;
    const bytes = this.database.query<{ page_size: number }, []>("PRAGMA page_size").get()!.page_size;
    return pages * bytes;
  }

  close(): void {
    this.database.close();
  }

  private commit(mutations: readonly Mutation[]): CommitAnswer {
    if (mutations.length > PLACES) throw new Error(`a commit of ${mutations.length} writes: at most ${PLACES}`);
    const found = mutations.map(({ key }) => this.findCurrent.get(key));
    for (const [index, { key, expected }] of mutations.entries()) {
      const row = found[index];
      const revision = row ? revisionOfId(row.id) : 0;
      if (expected === undefined || expected === revision) continue;
      return { revision: this.revisionNow, key, conflict: row ? entryOf(row) : undefined };
    }
    const revision = this.revisionNow + 1;
    const written = mutations.map((mutation, place) => this.write(mutation, revision * PLACES + place, found[place]));
    if (written.some((one) => one !== undefined)) this.revisionNow = revision;
    return { revision: this.revisionNow, written };
  }

  /** Undefined: there was nothing to delete. */
  private write({ key, value }: Mutation, id: number, row: Row | null | undefined): Written | undefined {
    const previous = row ? entryOf(row) : undefined;
    if (value === undefined && previous === undefined) return undefined;
    const createRevision = previous?.createRevision ?? revisionOfId(id);
    this.insertRow.run(id, key, value ?? null, createRevision, row?.id ?? 0);
    if (value === undefined) this.dropCurrent.run(key);
    else this.setCurrent.run(key, id);
    return { createRevision, previous };
  }

  /** The state as it was: keys that did not change since, and for the others what their first change since replaced. */
  private rangeAt(from: string, end: string, id: number, limit: number): Row[] {
    return this.database
      .query<Row, [string, string, number, number]>(
        `SELECT log.id AS id, log.key AS key, value, created, previous FROM current JOIN log ON log.id = current.id
           WHERE current.key >= ?1 AND current.key < ?2 AND current.id <= ?3
         UNION ALL
         SELECT old.id, old.key, old.value, old.created, old.previous
           FROM (SELECT min(id) AS first FROM log WHERE id > ?3 AND key >= ?1 AND key < ?2 GROUP BY key) AS changed
           JOIN log AS change ON change.id = changed.first JOIN log AS old ON old.id = change.previous
         ORDER BY key LIMIT ?4`,
      )
      .all(from, end, id, limit);
  }

  private logged(row: Row): LoggedChange {
    const previous =
      row.previous === 0
        ? undefined
        : this.database
            .query<Row, [number]>("SELECT id, key, value, created, previous FROM log WHERE id = ?")
            .get(row.previous);
    return {
      key: row.key,
      value: row.value ?? undefined,
      revision: revisionOfId(row.id),
      createRevision: row.created,
      previous: previous ? entryOf(previous) : undefined,
    };
  }
}
