/**
 * Directories that clients sent, kept for their next build, so that only what changed travels again. A version in use is
 * never changed: when its files differ, a new one is made that shares the unchanged files.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { framed, unframed } from "../../lib/message-stream.ts";
import { workerEntry } from "../../lib/worker-entry.ts";
import { WorkerPool } from "../../lib/worker-pool.ts";
import { measureTree } from "../../linux/trees.ts";
import type { FilesAnswer } from "../../model/build-exchange.ts";
import type { ReceiveParams, ReceiveResult } from "./receive-directory.ts";

const WORKER_IDLE_MS = 3000;
const MARK = "mark";
/** Contexts that nobody built from for this long are removed at the next start. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;

/** Both directions of a transfer, in messages (lib/file-packets.ts). */
interface FileTransfer {
  messages: AsyncIterable<Uint8Array>;
  send(message: Uint8Array): Promise<void>;
}

/** A transfer of bytes that are framed already (message-stream.ts), whose sender may find that nothing has changed. */
interface MarkedTransfer {
  answer: Promise<FilesAnswer>;
  bytes: AsyncIterable<Uint8Array>;
  sendBytes(data: Uint8Array): Promise<void>;
}

type OpenTransfer = (signal: AbortSignal, known: string | undefined) => FileTransfer | MarkedTransfer;

/** A directory that does not change until it is released. */
export interface ContextLease extends ReceiveResult {
  directory: string;
  /** Equal versions hold the same files. */
  version: string;
  release(): void;
}

interface Version {
  directory: string;
  users: number;
  /** The client's word for this list of files; undefined when it gave none. */
  mark: string | undefined;
  /** Counts the changes made in place. */
  changes: number;
}

/** A directory that is kept. */
export interface KeptRow {
  name: string;
  bytes: number;
  isInUse: boolean;
  createdAt: Date;
  usedAt: Date;
  usageCount: number;
}

class KeptContext {
  latest: Version | undefined;
  createdAt: Date | undefined;
  usageCount = 0;
  /** One transfer at a time. */
  turn: Promise<unknown> = Promise.resolve();
}

export class KeptContexts {
  private readonly contexts = new Map<string, KeptContext>();
  private readonly pool: WorkerPool;
  private nextVersion = Date.now();

  private constructor(private readonly root: string) {
    const entry = workerEntry("src/build/contexts/context-worker.ts", import.meta.url);
    // A transfer waits for its client, so each has a thread of its own.
    this.pool = new WorkerPool(() => new Worker(entry), {
      maxWorkers: Number.POSITIVE_INFINITY,
      idleMs: WORKER_IDLE_MS,
    });
  }

  /** Opens what earlier builds left and removes what is old or unfinished. */
  static async open(root: string): Promise<KeptContexts> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const kept = new KeptContexts(root);
    for (const name of await readdir(root)) await kept.adopt(name);
    return kept;
  }

  /**
   * Takes in a directory. `key` is equal for builds of the same directory of the same client.
   * @throws {NaruError} invalid for hostile lists; the signal's reason. What is unfinished then is sent anew the next time.
   */
  async receive(key: string, open: OpenTransfer, signal: AbortSignal): Promise<ContextLease> {
    const name = createHash("sha256").update(key).digest("hex").slice(0, 32);
    const context = this.contexts.get(name) ?? new KeptContext();
    this.contexts.set(name, context);
    const before = context.turn;
    const work = before.then(() => this.transfer(context, name, open, signal));
    context.turn = work.catch(() => {});
    return await work;
  }

  /** Sends a directory to a client that keeps it under a path of its own. */
  async send(directory: string, transfer: FileTransfer, signal: AbortSignal): Promise<void> {
    const job = this.pool.start<void>("send", { directory }, { input: framed(transfer.messages), signal });
    for await (const message of unframed(job.output)) await transfer.send(message);
    await job.result;
  }

  /** What is kept, for lists of the cache; sizes are measured, so this takes as long as `du`. */
  async list(): Promise<KeptRow[]> {
    const rows: KeptRow[] = [];
    for (const [name, { latest, createdAt, usageCount }] of this.contexts) {
      if (latest === undefined) continue;
      const used = await stat(latest.directory).catch(() => undefined);
      if (used === undefined) continue;
      const bytes = await measureTree(join(this.root, name)).catch(() => 0);
      rows.push({
        name,
        bytes,
        isInUse: latest.users > 0,
        createdAt: createdAt ?? used.birthtime,
        usedAt: used.mtime,
        usageCount,
      });
    }
    return rows;
  }

  /** False when a build uses it, or it is not there. */
  async remove(name: string): Promise<boolean> {
    const context = this.contexts.get(name);
    await context?.turn;
    if (context?.latest === undefined || context.latest.users > 0) return false;
    context.latest = undefined;
    this.contexts.delete(name);
    await rm(join(this.root, name), { recursive: true, force: true });
    return true;
  }

  private async transfer(
    context: KeptContext,
    name: string,
    open: OpenTransfer,
    signal: AbortSignal,
  ): Promise<ContextLease> {
    // It may have waited long for its turn.
    signal.throwIfAborted();
    const latest = context.latest ?? { directory: this.newDirectory(name), users: 0, mark: undefined, changes: 0 };
    const stop = new AbortController();
    const transfer = open(AbortSignal.any([signal, stop.signal]), latest.mark);
    try {
      const answer = "answer" in transfer ? await transfer.answer : undefined;
      if (answer?.same) return this.lease(context, latest, { isChanged: false, files: 0, bytes: 0 });
      const { version, result } = await this.bring(latest, name, transfer, signal);
      await remember(version, answer?.mark);
      return this.lease(context, version, result);
    } catch (error) {
      // What never was whole is of no use to anybody.
      if (context.latest === undefined) await rm(join(this.root, name), { recursive: true, force: true });
      throw signal.aborted ? signal.reason : error;
    } finally {
      stop.abort();
    }
  }

  /** Brings what differs, into the latest version or, when that is in use, into a new one. */
  private async bring(
    latest: Version,
    name: string,
    transfer: FileTransfer | MarkedTransfer,
    signal: AbortSignal,
  ): Promise<{ version: Version; result: ReceiveResult }> {
    const copyTo = latest.users > 0 ? this.newDirectory(name) : undefined;
    await mkdir(latest.directory, { recursive: true, mode: 0o755 });
    if (copyTo === undefined) await forget(latest);
    const params: ReceiveParams = { directory: latest.directory, copyTo };
    try {
      const input = "answer" in transfer ? transfer.bytes : framed(transfer.messages);
      const job = this.pool.start<ReceiveResult>("receive", params, { input, signal });
      if ("answer" in transfer) for await (const data of job.output) await transfer.sendBytes(data);
      else for await (const message of unframed(job.output)) await transfer.send(message);
      const result = await job.result;
      if (copyTo !== undefined && result.isChanged) {
        return { version: { directory: copyTo, users: 0, mark: undefined, changes: 0 }, result };
      }
      if (result.isChanged) latest.changes += 1;
      return { version: latest, result };
    } catch (error) {
      if (copyTo !== undefined) await rm(copyTo, { recursive: true, force: true });
      throw error;
    }
  }

  private lease(context: KeptContext, version: Version, result: ReceiveResult): ContextLease {
    context.latest = version;
    context.usageCount += 1;
    version.users += 1;
    const now = new Date();
    context.createdAt ??= now;
    // Only for what is removed when it grows old.
    utimes(version.directory, now, now).catch(() => {});
    return {
      ...result,
      directory: join(version.directory, "tree"),
      version: `${version.directory}#${version.changes}`,
      release: once(() => this.letGo(context, version)),
    };
  }

  private letGo(context: KeptContext, version: Version): void {
    version.users -= 1;
    if (version.users > 0 || context.latest === version) return;
    // What cannot be removed now is removed at the next start.
    rm(version.directory, { recursive: true, force: true }).catch(() => {});
  }

  private newDirectory(name: string): string {
    return join(this.root, name, String(this.nextVersion++));
  }

  private async adopt(name: string): Promise<void> {
    const directory = join(this.root, name);
    const versions = (await readdir(directory)).sort((one, other) => Number(other) - Number(one));
    let newest: string | undefined;
    for (const version of versions) {
      const path = join(directory, version);
      const isUsable = newest === undefined && (await Bun.file(join(path, "list")).exists());
      const isRecent = (await stat(path)).mtimeMs > Date.now() - KEPT_MS;
      if (isUsable && isRecent) newest = path;
      else await rm(path, { recursive: true, force: true });
    }
    if (newest === undefined) {
      await rm(directory, { recursive: true, force: true });
      return;
    }
    const context = new KeptContext();
    const mark = await readFile(join(newest, MARK), "utf8").catch(() => undefined);
    context.latest = { directory: newest, users: 0, mark, changes: 0 };
    this.contexts.set(name, context);
  }
}

/** The mark is gone before the files change: after a crash in between, it must not stand for others. */
async function forget(version: Version): Promise<void> {
  if (version.mark === undefined) return;
  version.mark = undefined;
  await rm(join(version.directory, MARK), { force: true });
}

async function remember(version: Version, mark: string | undefined): Promise<void> {
  if (mark === undefined) return;
  await writeFile(join(version.directory, MARK), mark);
  version.mark = mark;
}

function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) action();
    isDone = true;
  };
}
