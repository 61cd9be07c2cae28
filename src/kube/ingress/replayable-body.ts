/** A request's body that can be sent again from its beginning as long as little of it has been read. */

import type { IncomingMessage } from "node:http";

/** More than what one refused connection can have read. */
const KEPT_BYTES = 256 * 1024;

export class ReplayableBody {
  readonly #source: AsyncIterator<Uint8Array>;
  /** What was read, but for what came before #first. */
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  /** The number of the first chunk that is kept. */
  #first = 0;
  #hasEnded = false;
  /** A read that an earlier stream began is waited for by the next one: no chunk goes to a stream alone. */
  #reading: Promise<void> | undefined;
  #streams = 0;

  constructor(request: AsyncIterable<Uint8Array> | IncomingMessage) {
    this.#source = request[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  /** False: too much was read to begin again. */
  get canRestart(): boolean {
    return this.#first === 0;
  }

  /** The whole body from its beginning; an earlier stream gives no more. */
  stream(): ReadableStream<Uint8Array> {
    const own = ++this.#streams;
    let at = 0;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        while (own === this.#streams && !this.#hasEnded && at >= this.#first + this.#kept.length) await this.#read();
        if (own !== this.#streams) return;
        const chunk = this.#kept[at - this.#first];
        if (chunk === undefined) return controller.close();
        at++;
        if (this.#keptBytes > KEPT_BYTES) this.#forgetBefore(at);
        controller.enqueue(chunk);
      },
    });
  }

  #read(): Promise<void> {
    this.#reading ??= this.#source
      .next()
      .then(({ done, value }) => {
        if (done === true) this.#hasEnded = true;
        else {
          this.#kept.push(value);
          this.#keptBytes += value.byteLength;
        }
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  #forgetBefore(at: number): void {
    for (const chunk of this.#kept.splice(0, at - this.#first)) this.#keptBytes -= chunk.byteLength;
    this.#first = at;
  }
}
