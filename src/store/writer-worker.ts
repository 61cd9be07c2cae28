/** The thread that writes the state file: SQLite is synchronous and a checkpoint may take long. */
import type { Database } from "bun:sqlite";
import { errorText } from "../lib/errors.ts";
import { openStateFile } from "./state-file.ts";
import type { RowChange, WriterAnswer, WriterRequest } from "./write-batch.ts";

declare const self: {
  onmessage: ((event: MessageEvent<WriterRequest>) => void) | null;
  postMessage(answer: WriterAnswer): void;
};

let file: Database | undefined;

function writeAll(database: Database, changes: readonly RowChange[]): void {
  const put = database.query("INSERT OR REPLACE INTO record (collection, key, value) VALUES (?, ?, ?)");
  const remove = database.query("DELETE FROM record WHERE collection = ? AND key = ?");
  database.transaction(() => {
    for (const { collection, key, value } of changes) {
      if (value === undefined) remove.run(collection, key);
      else put.run(collection, key, value);
    }
  })();
}

/**
 * The log beside the file is reused from its beginning once all of it is in the file: a full disk has room there for a
 * while, enough to write down what was removed to make room.
 */
function writeInSpiteOfFullDisk(database: Database, changes: readonly RowChange[]): void {
  try {
    writeAll(database, changes);
  } catch (error) {
    if ((error as { code?: string }).code !== "SQLITE_FULL") throw error;
    database.run("PRAGMA wal_checkpoint(RESTART)");
    writeAll(database, changes);
  }
}

function answer(request: WriterRequest): WriterAnswer {
  switch (request.kind) {
    case "open":
      file = openStateFile(request.path);
      return { kind: "opened" };
    case "write":
      if (file === undefined) throw new Error("the state file is not open");
      writeInSpiteOfFullDisk(file, request.changes);
      return { kind: "written", id: request.id };
    case "close":
      file?.close();
      file = undefined;
      return { kind: "closed" };
  }
}

self.onmessage = ({ data: request }) => {
  try {
    self.postMessage(answer(request));
  } catch (error) {
    self.postMessage({
      kind: "failed",
      id: request.kind === "write" ? request.id : undefined,
      message: errorText(error),
    });
  }
};
