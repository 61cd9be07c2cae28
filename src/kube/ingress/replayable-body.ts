/** A request's body that can be sent again from its beginning as long as little of it has been read. */

import type { IncomingMessage } from "node:http";

/** More than what one refused connection can have read. */
const KEPT_BYTES = 256 * 1024;

export class ReplayableBody {
  readonly #source: AsyncIterator<Uint8Array>;
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;

  constructor(request: IncomingMessage) {
    this.#source = request[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  /** False: too much was read to begin again. */
  get canRestart(): boolean {
    return this.#kept !== undefined;
  }

  /** The whole body from its beginning; an earlier stream must not be read any more. */
  stream(): ReadableStream<Uint8Array> {
    let at = 0;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const again = this.#kept?.[at];
        at++;
        if (again !== undefined) return controller.enqueue(again);
        const { done, value } = await this.#source.next();
        if (done === true) return controller.close();
        this.#keep(value);
        controller.enqueue(value);
      },
    });
  }

  #keep(chunk: Uint8Array): void {
    this.#keptBytes += chunk.byteLength;
    if (this.#keptBytes > KEPT_BYTES) this.#kept = undefined;
    this.#kept?.push(chunk);
  }
}
