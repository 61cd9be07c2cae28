/** Runs something every so often; the time of the last run may outlive the process. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { errorText } from "../lib/errors.ts";

/** After a start there is better to do. */
const START_DELAY_MS = 60_000;
/** setTimeout takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class PeriodicRun {
  readonly #abortion = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;

  /** `record`: a file for the time of the last run; undefined: the first run comes a while after every start. */
  constructor(
    private readonly record: string | undefined,
    private readonly everyMs: number,
    private readonly run: (signal: AbortSignal) => Promise<void>,
    private readonly warn: (message: string, fields: Record<string, unknown>) => void,
  ) {}

  async start(): Promise<void> {
    const last = Date.parse(this.record === undefined ? "" : await readFile(this.record, "utf8").catch(() => ""));
    const dueIn = Number.isNaN(last) ? 0 : last + this.everyMs - Date.now();
    this.#plan(Math.max(dueIn, Math.min(START_DELAY_MS, this.everyMs)));
  }

  /** Does not wait for its time any longer; while it runs, nothing. */
  soon(): void {
    if (this.#isRunning || this.#abortion.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#plan(0);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#abortion.abort(new Error("the registry ends"));
    await this.#running;
  }

  #plan(delayMs: number): void {
    this.#timer = setTimeout(
      () => {
        this.#running = this.#runOnce();
      },
      Math.min(delayMs, LONGEST_TIMER_MS),
    );
    this.#timer.unref();
  }

  async #runOnce(): Promise<void> {
    this.#isRunning = true;
    try {
      await this.run(this.#abortion.signal);
      if (this.record !== undefined) await writeTime(this.record);
    } catch (error) {
      if (!this.#abortion.signal.aborted)
        this.warn("a run by schedule failed", {
          what: this.record && basename(dirname(this.record)),
          reason: errorText(error),
        });
    }
    this.#isRunning = false;
    if (!this.#abortion.signal.aborted) this.#plan(this.everyMs);
  }
}

async function writeTime(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, new Date().toISOString());
  await rename(`${path}.new`, path);
}
