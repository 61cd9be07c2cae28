/** Writing to connections no faster than they take it, and ending them so that nothing is lost. */
import type { Duplex, Writable } from "node:stream";
import { NaruError } from "./errors.ts";

/** How long a connection that had its answer may stay half open before it is cut. */
const LINGER_MS = 10_000;

/** Small pieces are gathered up to this size before they are written. */
const GATHER_BYTES = 64 * 1024;

/** Resolves when `target` takes more. @throws unavailable when `signal` says that the reader is gone. */
export function writeAll(target: Writable, chunk: Uint8Array | string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || target.destroyed) return Promise.reject(clientGone());
  if (target.write(chunk)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => () => {
      target.off("drain", onDrain);
      signal.removeEventListener("abort", onAbort);
      act();
    };
    const onDrain = settle(resolve);
    const onAbort = settle(() => reject(clientGone()));
    target.once("drain", onDrain);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

function clientGone(): NaruError {
  return new NaruError("unavailable", "the client has gone away");
}

/**
 * Gathers what arrives in one turn of the event loop and writes it in one piece: a log of a million short lines must
 * not become a million system calls, and a single line must not wait.
 */
export class GatheringWriter {
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #flushScheduled = false;
  #failure: unknown;

  constructor(private readonly writeOut: (chunk: Uint8Array) => Promise<void>) {}

  /** Resolves at once while little is pending, else when the connection has taken it. */
  write(...chunks: Uint8Array[]): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    for (const chunk of chunks) {
      this.#pending.push(chunk);
      this.#pendingBytes += chunk.length;
    }
    if (this.#pendingBytes >= GATHER_BYTES) return this.flush();
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(() => {
        this.#flushScheduled = false;
        this.flush().catch((error: unknown) => {
          this.#failure = error;
        });
      });
    }
    return undefined;
  }

  /** Resolves when everything that was written so far is with the connection. */
  async flush(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#pendingBytes === 0) return;
    const [first] = this.#pending;
    const whole = this.#pending.length === 1 && first !== undefined ? first : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.writeOut(whole);
  }
}

/**
 * Ends our direction, when all is sent, and reads on until the client has ended its own: closing with unread input
 * would reset the connection, and the client could lose the end of our output.
 */
export function closeGently(socket: Duplex): void {
  if (socket.destroyed) return;
  socket.end(() => {
    if (socket.readableEnded) {
      socket.destroy();
      return;
    }
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
    socket.once("end", () => socket.destroy());
  });
  socket.resume();
}
