/** A file that is read again when it changed; asked at most once a second, without blocking. */
import { stat } from "node:fs/promises";

const LOOK_AGAIN_MS = 1000;

export class ChangingFile<T> {
  #content: T | undefined;
  #stamp = "";
  #lookedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<T> | undefined;

  /** `onFault` hears of a changed file that cannot be read: what was read before stays in force. */
  constructor(
    readonly path: string,
    private readonly read: (path: string) => Promise<T>,
    private readonly onFault: (error: unknown) => void = () => {},
  ) {}

  /** @throws what `read` throws, as long as the file was never read well */
  async get(): Promise<T> {
    if (this.#content !== undefined && performance.now() - this.#lookedAt < LOOK_AGAIN_MS) return this.#content;
    this.#reading ??= this.#look().finally(() => {
      this.#reading = undefined;
    });
    return await this.#reading;
  }

  async #look(): Promise<T> {
    const stamp = await stat(this.path).then(
      (info) => `${info.ino}:${info.size}:${info.mtimeMs}`,
      () => "absent",
    );
    this.#lookedAt = performance.now();
    if (this.#content !== undefined && stamp === this.#stamp) return this.#content;
    try {
      this.#content = await this.read(this.path);
      this.#stamp = stamp;
    } catch (error) {
      if (this.#content === undefined) throw error;
      if (stamp !== this.#stamp) this.onFault(error);
      this.#stamp = stamp;
    }
    return this.#content;
  }
}
