/**
 * A directory as the registry's storage. Objects are written beside and renamed into place, so that what is seen is whole,
 * whenever the process or the machine ends:
 *
 *   <root>/root.lock        held while a server uses the root
 *   <root>/<key>            an object
 *   <root>/uploads/<id>     a growing upload; its size is what has arrived
 *   <root>/staging/<random> small objects before they are renamed; emptied at start
 */
import { copyFile, type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import { syncFile } from "../../lib/whole-file.ts";
import { type FileLock, tryLockFile } from "../../linux/file-lock.ts";
import { errorCode } from "../../linux/sys-error.ts";
import type { RegistryStorage, StoredObject } from "../contract.ts";
import { isAbsent, storageError } from "./disk-failure.ts";
import { listFiles } from "./file-listing.ts";
import { readPieces, statOf } from "./stored-file.ts";
import { appendToFile } from "./upload-file.ts";

/** A removal may take away an empty directory just before a rename into it. */
const RENAME_ATTEMPTS = 5;

interface LocalStorageOptions {
  root: string;
  /** False: an answered push survives a killed server, but perhaps not a power cut. */
  syncs: boolean;
}

/**
 * Locks and opens a root; makes it when absent.
 * @throws conflict when another server uses it
 */
export async function openLocalStorage(options: LocalStorageOptions): Promise<RegistryStorage> {
  const { root } = options;
  await Promise.all([
    mkdir(join(root, "uploads"), { recursive: true, mode: 0o700 }),
    mkdir(join(root, "staging"), { recursive: true, mode: 0o700 }),
  ]);
  const lock = await tryLockFile(join(root, "root.lock"));
  if (lock === undefined)
    throw new NaruError("conflict", `another registry server uses ${root}: end it or choose another root`);
  // Leftovers of a server that was killed; nobody else writes here.
  const leftovers = await readdir(join(root, "staging"));
  await Promise.all(leftovers.map((name) => rm(join(root, "staging", name), { force: true })));
  return new LocalStorage(options, lock);
}

class LocalStorage implements RegistryStorage {
  readonly #root: string;
  readonly #syncs: boolean;

  constructor(
    options: LocalStorageOptions,
    private readonly lock: FileLock,
  ) {
    this.#root = options.root;
    this.#syncs = options.syncs;
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    return await statOf(this.localPath(key));
  }

  async *read(key: string, range?: { start: number; end: number }): AsyncGenerator<Uint8Array> {
    yield* readPieces(this.localPath(key), range, key);
  }

  async readSmall(key: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.localPath(key));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  async write(key: string, data: Uint8Array, { durable = true } = {}): Promise<void> {
    const staged = join(this.#root, "staging", crypto.randomUUID());
    try {
      const file = await open(staged, "wx", 0o600);
      try {
        await file.writeFile(data);
        if (durable && this.#syncs) await file.datasync();
      } finally {
        await file.close();
      }
      await this.#publish(staged, key, durable);
    } catch (error) {
      await rm(staged, { force: true });
      throw storageError(error, `store ${key}`);
    }
  }

  /** Only for empty objects: their names are all there is to lose. */
  async settle(keys: readonly string[]): Promise<void> {
    if (!this.#syncs) return;
    const directories = new Set(keys.map((key) => dirname(this.localPath(key))));
    await Promise.all(
      [...directories].map((path) =>
        syncFile(path).catch((error: unknown) => {
          // Removed meanwhile: there is nothing left to lose.
          if (!isAbsent(error)) throw storageError(error, "store a link");
        }),
      ),
    );
  }

  localPath(key: string): string {
    return join(this.#root, key);
  }

  temporaryAddress(): undefined {
    return undefined;
  }

  list(prefix: string, options: { after?: string; limit?: number } = {}) {
    return listFiles(this.#root, prefix, options);
  }

  async remove(key: string): Promise<void> {
    const path = this.localPath(key);
    try {
      await unlink(path);
    } catch (error) {
      if (!isAbsent(error)) throw storageError(error, `remove ${key}`);
    }
    await this.#removeEmptyParents(path);
  }

  async beginUpload(id: string): Promise<void> {
    try {
      await (await open(this.#upload(id), "wx", 0o600)).close();
    } catch (error) {
      throw storageError(error, "begin an upload");
    }
  }

  async appendUpload(id: string, offset: number, data: AsyncIterable<Uint8Array>): Promise<number> {
    let file: FileHandle;
    try {
      file = await open(this.#upload(id), "r+");
    } catch (error) {
      if (isAbsent(error)) throw new NaruError("not-found", `there is no upload ${id}`);
      throw storageError(error, "open an upload");
    }
    try {
      const { size } = await file.stat();
      if (size !== offset) throw new NaruError("conflict", `the upload ${id} has ${size} bytes, not ${offset}`);
      return await appendToFile(file, offset, data, { syncs: this.#syncs });
    } catch (error) {
      throw storageError(error, "take in an upload");
    } finally {
      await file.close();
    }
  }

  async uploadSize(id: string): Promise<number | undefined> {
    return (await statOf(this.#upload(id)))?.size;
  }

  readUpload(id: string): AsyncIterable<Uint8Array> {
    return readPieces(this.#upload(id), undefined, `upload ${id}`);
  }

  async finishUpload(id: string, key: string): Promise<void> {
    const path = this.#upload(id);
    try {
      await this.#syncFile(path);
      await this.#publish(path, key, true);
    } catch (error) {
      if (isAbsent(error)) throw new NaruError("not-found", `there is no upload ${id}`);
      throw storageError(error, `store ${key}`);
    }
  }

  async adoptFile(path: string, key: string): Promise<void> {
    const staged = join(this.#root, "staging", crypto.randomUUID());
    try {
      await rename(path, staged).catch(async (error: unknown) => {
        if (errorCode(error) !== "EXDEV") throw error;
        await copyFile(path, staged);
        await rm(path);
      });
      await this.#syncFile(staged);
      await this.#publish(staged, key, true);
    } catch (error) {
      await rm(staged, { force: true });
      throw storageError(error, `store ${key}`);
    }
  }

  async abandonUpload(id: string): Promise<void> {
    await rm(this.#upload(id), { force: true });
  }

  async *listUploads(): AsyncGenerator<{ id: string } & StoredObject> {
    for await (const { key, size, modifiedAt } of listFiles(this.#root, "uploads/", {})) {
      yield { id: key.slice("uploads/".length), size, modifiedAt };
    }
  }

  async close(): Promise<void> {
    await this.lock.release();
  }

  #upload(id: string): string {
    return join(this.#root, "uploads", id);
  }

  async #syncFile(path: string): Promise<void> {
    if (!this.#syncs) return;
    const file = await open(path, "r");
    await file.datasync().finally(() => file.close());
  }

  /** Renames a finished file to its key. @throws ENOENT when `path` is gone */
  async #publish(path: string, key: string, durable: boolean): Promise<void> {
    const target = this.localPath(key);
    for (let attempt = 1; ; attempt++) {
      try {
        await rename(path, target);
        break;
      } catch (error) {
        if (!isAbsent(error) || attempt === RENAME_ATTEMPTS) throw error;
        await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      }
    }
    if (!durable || !this.#syncs) return;
    await syncFile(dirname(target));
  }

  async #removeEmptyParents(path: string): Promise<void> {
    for (let parent = dirname(path); parent.length > this.#root.length; parent = dirname(parent)) {
      try {
        await rmdir(parent);
      } catch {
        // Not empty, or somebody else was here.
        return;
      }
    }
  }
}
