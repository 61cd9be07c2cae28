/** Runs retention every so often; the time of the last run outlives the process. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorText } from "../../lib/errors.ts";

/** After a start there is better to do. */
const START_DELAY_MS = 60_000;
/** setTimeout takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class RetentionSchedule {
  readonly #path: string;
  readonly #abortion = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    root: string,
    private readonly everyMs: number,
    private readonly run: (signal: AbortSignal) => Promise<void>,
    private readonly warn: (message: string, fields: Record<string, unknown>) => void,
  ) {
    this.#path = join(root, "retention", "last-run");
  }

  async start(): Promise<void> {
    const last = Date.parse(await readFile(this.#path, "utf8").catch(() => ""));
    const dueIn = Number.isNaN(last) ? 0 : last + this.everyMs - Date.now();
    this.#plan(Math.max(dueIn, Math.min(START_DELAY_MS, this.everyMs)));
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
    try {
      await this.run(this.#abortion.signal);
      await mkdir(join(this.#path, ".."), { recursive: true });
      await writeFile(`${this.#path}.new`, new Date().toISOString());
      await rename(`${this.#path}.new`, this.#path);
    } catch (error) {
      if (!this.#abortion.signal.aborted) this.warn("retention failed", { reason: errorText(error) });
    }
    if (!this.#abortion.signal.aborted) this.#plan(this.everyMs);
  }
}
