/** The thread with the cluster's file: SQLite is synchronous, and a checkpoint may take long. */

import { errorText } from "../../lib/errors.ts";
import { CompactedError } from "./contract.ts";
import { SqliteFile } from "./sqlite-file.ts";
import type { FromStoreThread, StoreQuestion, ToStoreThread } from "./sqlite-messages.ts";

declare const self: {
  onmessage: ((event: MessageEvent<ToStoreThread>) => void) | null;
  postMessage(answer: FromStoreThread): void;
};

let opened: SqliteFile | undefined;

function answer(question: StoreQuestion): unknown {
  if (question.kind === "open") {
    opened = new SqliteFile(question.path);
    return opened.revision;
  }
  const file = opened;
  if (file === undefined) throw new Error("the cluster's file is not open");
  switch (question.kind) {
    case "commit":
      return file.commitAll(question.batch);
    case "range":
      return file.range(question.range);
    case "get":
      return file.get(question.key);
    case "history":
      return file.history(question.prefix, question.after);
    case "compact":
      return file.compact(question.revision);
    case "revision":
      return file.revision;
    case "size":
      return file.size();
    case "close":
      opened = undefined;
      return file.close();
  }
}

self.onmessage = ({ data: { id, question } }) => {
  try {
    self.postMessage({ id, answer: answer(question) });
  } catch (error) {
    const compacted = error instanceof CompactedError ? { compacted: error.compacted } : {};
    self.postMessage({ id, failure: errorText(error), ...compacted });
  }
};
