/** The audit log: a line of JSON for each stage of each request that the policy wants told, in a file that is put aside when it is full. */

import { appendFile, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { errorText } from "../../lib/errors.ts";

/** Lines that wait to be written, and their characters; more are lost, and that is told. */
const MOST_WAITING = 10_000;
const MOST_WAITING_CHARACTERS = 64 * 1024 * 1024;
/** How long the end of a cluster waits for the log's last lines. */
const PATIENCE_MS = 5_000;
/** The time in the name of a file that was put aside. */
const PUT_ASIDE = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/;

interface AuditLogFile {
  /** "-" for the daemon's own standard output. */
  readonly path: string;
  /** The file is put aside when it has so many bytes; 0: never. */
  readonly maxBytes: number;
  /** How many files that were put aside are kept; 0: all. */
  readonly maxBackups: number;
}

export class AuditLog {
  #waiting: string[] = [];
  #characters = 0;
  #lost = 0;
  #writing: Promise<void> | undefined;
  #size: number | undefined;

  /** @param fail told of what cannot be written */
  constructor(
    private readonly file: AuditLogFile,
    private readonly fail: (message: string) => void,
  ) {}

  /** Goes to the file a moment later; a failure is told then. */
  write(event: object): void {
    if (this.#waiting.length >= MOST_WAITING || this.#characters >= MOST_WAITING_CHARACTERS) {
      this.#lost++;
      return;
    }
    const line = `${JSON.stringify(event)}\n`;
    this.#waiting.push(line);
    this.#characters += line.length;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Resolves when everything that was told is in the file, or when whoever reads it takes nothing more for a while. */
  async close(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    const written = async () => {
      while (this.#writing !== undefined) await this.#writing;
    };
    await Promise.race([written(), late]);
    clearTimeout(timer);
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      // What comes in this moment goes with it.
      await Bun.sleep(0);
      const lines = this.#waiting;
      this.#waiting = [];
      this.#characters = 0;
      try {
        await this.#append(lines.join(""));
        if (this.#lost > 0)
          this.fail(`${this.#lost} events were lost: the audit log could not be written as fast as they came`);
        this.#lost = 0;
      } catch (error) {
        // Somebody else may have moved the file: what is there is looked at anew.
        this.#size = undefined;
        this.fail(
          `${lines.length} events were lost: the audit log ${this.file.path} cannot be written: ${errorText(error)}`,
        );
      }
    }
  }

  async #append(text: string): Promise<void> {
    const { path, maxBytes } = this.file;
    if (path === "-") {
      // Awaited: a reader that is slow must not fill the memory.
      return await new Promise((resolve, reject) => {
        process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
      });
    }
    const length = Buffer.byteLength(text);
    this.#size ??= await sizeOf(path);
    if (maxBytes > 0 && this.#size > 0 && this.#size + length > maxBytes) {
      await this.#putAside();
      this.#size = 0;
    }
    await appendFile(path, text, { mode: 0o600 });
    this.#size += length;
  }

  /** "audit.log" becomes "audit-2026-01-01T00-00-00.000.log", as kube-apiserver names them. */
  async #putAside(): Promise<void> {
    const { path, maxBackups } = this.file;
    const [folder, extension] = [dirname(path), extname(path)];
    const stem = basename(path, extension);
    const time = new Date().toISOString().slice(0, 23).replaceAll(":", "-");
    await rename(path, join(folder, `${stem}-${time}${extension}`));
    if (maxBackups === 0) return;
    const isBackup = (name: string) =>
      name.startsWith(`${stem}-`) &&
      name.endsWith(extension) &&
      PUT_ASIDE.test(name.slice(stem.length + 1, name.length - extension.length));
    const old = (await readdir(folder)).filter(isBackup).sort().slice(0, -maxBackups);
    await Promise.all(old.map((name) => rm(join(folder, name), { force: true })));
  }
}

async function sizeOf(path: string): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
