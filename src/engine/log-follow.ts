/** Following a log file: through writes and rotations, by inode, until the container has ended. */
import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { type LogFile, openLogFile, openLogFiles, readBlocks } from "./log-files.ts";

/** inotify tells of writes; this is for what it misses. */
const POLL_MS = 500;

export interface FollowOptions {
  path: string;
  /** Resolves when the writer has ended and everything is in the file. */
  ended: Promise<void>;
  signal: AbortSignal;
}

/** Blocks of complete lines from `offset` of `file` on. Closes `file` and every file that it opens. */
export async function* followBlocks(file: LogFile, offset: number, options: FollowOptions): AsyncGenerator<Buffer> {
  let current = file;
  let position = offset;
  let isEnded = false;
  using waker = new Waker(options);
  options.ended.then(() => {
    isEnded = true;
    waker.wake();
  });
  try {
    while (!options.signal.aborted) {
      // Looked at before reading: what was written until then will be read now.
      const wasEnded = isEnded;
      position = yield* readBlocks(await current.text(), position);
      const successors = await newerFiles(options.path, current);
      if (successors.length > 0) {
        // Written between the read and the rotation.
        yield* readBlocks(await current.text(), position);
        for (const next of successors) {
          await current.close();
          current = next;
          if (next !== successors.at(-1)) yield* readBlocks(await next.text(), 0);
        }
        position = 0;
        waker.watchAgain();
        continue;
      }
      if (wasEnded) return;
      await waker.next();
    }
  } finally {
    await current.close();
  }
}

/** The files that came after `current`, older ones first; empty while it is the newest. */
async function newerFiles(path: string, current: LogFile): Promise<LogFile[]> {
  const present = await stat(path).catch(() => undefined);
  if (present === undefined || present.ino === current.inode) return [];
  const files = await openLogFiles(path);
  const isOwn = await Promise.all(files.map((file) => file.isSameAs(current)));
  const own = isOwn.lastIndexOf(true);
  for (const file of files.slice(0, own + 1)) await file.close();
  return files.slice(own + 1);
}

/** Wakes the reader at writes, at the end, at abort and now and then. */
class Waker implements Disposable {
  #watcher: FSWatcher | undefined;
  #resolve: (() => void) | undefined;
  #isPending = false;
  readonly #timer: Timer;
  readonly #onAbort = () => this.wake();

  constructor(readonly options: FollowOptions) {
    this.#timer = setInterval(() => this.wake(), POLL_MS);
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
    this.watchAgain();
  }

  /** After a rotation the name stands for another file. */
  watchAgain(): void {
    this.#watcher?.close();
    try {
      this.#watcher = watch(this.options.path, { persistent: false }, () => this.wake());
      this.#watcher.on("error", () => {});
    } catch {
      // Out of inotify watches: the timer does the work.
      this.#watcher = undefined;
    }
  }

  wake(): void {
    this.#isPending = true;
    this.#resolve?.();
  }

  async next(): Promise<void> {
    if (!this.#isPending) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
      this.#resolve = undefined;
    }
    this.#isPending = false;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#watcher?.close();
    this.options.signal.removeEventListener("abort", this.#onAbort);
  }
}

/** Waits until the log's first file exists; undefined when the writer ended before. */
export async function awaitFirstFile(options: FollowOptions): Promise<LogFile | undefined> {
  let isEnded = false;
  options.ended.then(() => {
    isEnded = true;
  });
  while (!options.signal.aborted) {
    const wasEnded = isEnded;
    const file = await openLogFile(options.path);
    if (file !== undefined || wasEnded) return file;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
