/**
 * The daemon's end of a monitor: one socket, frames both ways. A connection is made by starting a monitor, or by
 * finding the one of a container that an earlier daemon started. Losing or closing a connection never ends the process.
 *
 * The socket is always read, so news of the process is never stuck behind output that a slow client does not take:
 * the monitor sends about OUTPUT_WINDOW_BYTES that onOutput has not yet passed on, and then waits.
 */
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Socket, SocketHandler, UnixSocketOptions } from "bun";
import { errorText, NaruError } from "../lib/errors.ts";
import { closeDescriptor, openSocketPair } from "../linux/descriptor-passing.ts";
import { errorCode } from "../linux/sys-error.ts";
import { type MonitorOptions, monitorArguments } from "./monitor-command.ts";
import {
  decodeMonitorFrame,
  encodeFlush,
  encodeFrame,
  encodeOutputAck,
  encodeResize,
  FRAME_HEADER_BYTES,
  FrameReader,
  type LogPosition,
  MAX_FRAME_PAYLOAD_BYTES,
  type MonitorHello,
  type MonitorMessage,
  OUTPUT_WINDOW_BYTES,
  type ProcessExited,
  type ProcessStarted,
  type RuntimeFailed,
  TO_MONITOR,
} from "./monitor-protocol.ts";
import { type MonitorOutput, OutputBacklog } from "./output-backlog.ts";

export type { MonitorOutput };

export interface MonitorListener {
  /**
   * Output of a subscribed connection, in order, one call at a time: a returned promise delays the next one, and slows
   * the process down once the window is full. A rejected promise counts as passed on.
   */
  onOutput?(output: MonitorOutput): void | Promise<void>;
  /** After the last onOutput has been passed on and the process has ended, or the connection was lost. Once. */
  onOutputEnd?(): void;
  /** The process has closed its stdin; what is written to it is thrown away. */
  onStdinClosed?(): void;
}

/** "lost": the monitor went away before it could tell. */
export type StartOutcome =
  | ({ kind: "started" } & ProcessStarted)
  | ({ kind: "failed" } & RuntimeFailed)
  | { kind: "lost" };

/** What connecting to a monitor that has ended, or is ending, may say. */
export const MONITOR_HAS_ENDED: readonly string[] = ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"];
const ACKNOWLEDGE_EVERY_BYTES = OUTPUT_WINDOW_BYTES / 4;
/** sun_path of sockaddr_un holds 108 bytes, its end included. */
const LONGEST_SOCKET_PATH_BYTES = 107;

export class MonitorConnection {
  readonly #hello = Promise.withResolvers<MonitorHello | undefined>();
  readonly #started = Promise.withResolvers<StartOutcome>();
  readonly #exited = Promise.withResolvers<ProcessExited | undefined>();
  readonly #closed = Promise.withResolvers<void>();

  /** Resolves with undefined when the connection closed without a hello. */
  readonly hello = this.#hello.promise;
  /** What became of the start; at once on a connection to a running process. Never rejects. */
  readonly started = this.#started.promise;
  /** The end of the process; undefined when the monitor went away without telling (see findExitRecord). */
  readonly exited = this.#exited.promise;
  /** Resolves when the connection is over, for whatever reason. */
  readonly closed = this.#closed.promise;

  readonly #listener: MonitorListener;
  readonly #reader = new FrameReader();
  #socket: Socket | undefined;
  #isClosed = false;
  #unsent: Uint8Array[] = [];

  readonly #undelivered = new OutputBacklog();
  #isDelivering = false;
  #hasEnded = false;
  #passedOnBytes = 0;

  #stdinRoomBytes = 0;
  #stdinTail: Promise<void> = Promise.resolve();
  #wakeStdin: (() => void) | undefined;

  #flushes = new Map<number, (result: { droppedLines: number }) => void>();
  #subscriptions: ((position: LogPosition | undefined) => void)[] = [];
  #nextToken = 1;

  private constructor(listener: MonitorListener) {
    this.#listener = listener;
  }

  /**
   * Starts a monitor, which starts the runtime. Returns when the monitor runs; `started` tells about the process.
   * @throws {NaruError} kind "internal" when the monitor itself cannot be executed.
   */
  static async spawn(options: MonitorOptions, listener: MonitorListener = {}): Promise<MonitorConnection> {
    const [ours, theirs] = openSocketPair("stream");
    try {
      const child = Bun.spawn([options.binaryPath, ...monitorArguments(options)], {
        stdio: [theirs, theirs, "ignore", ...(options.heldDescriptors ?? [])],
        env: options.environment ?? { PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin" },
        cwd: "/",
      });
      child.unref();
    } catch (cause) {
      closeDescriptor(ours);
      throw new NaruError("internal", `cannot start the monitor ${options.binaryPath}: ${errorText(cause)}`, { cause });
    } finally {
      closeDescriptor(theirs);
    }
    const connection = new MonitorConnection(listener);
    await adoptSocket(ours, connection.#handlers());
    return connection;
  }

  /**
   * Connects to the monitor that listens in `directory`, not subscribed. Undefined when none does any more: it has ended
   * (findExitRecord tells how the process did) or was killed.
   */
  static async find(directory: string, listener: MonitorListener = {}): Promise<MonitorConnection | undefined> {
    const connection = new MonitorConnection(listener);
    try {
      await withSocketPath(directory, (unix) => Bun.connect({ unix, socket: connection.#handlers() }));
      // One that is just ending may take the connection and never speak.
      return (await connection.hello) ? connection : undefined;
    } catch (error) {
      if (MONITOR_HAS_ENDED.includes(errorCode(error))) return undefined;
      throw error;
    }
  }

  /**
   * Output from now on. What came before the returned position is in the log file. Undefined when the connection is
   * over.
   */
  subscribe(): Promise<LogPosition | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<LogPosition | undefined>();
    this.#subscriptions.push(resolve);
    this.#send(encodeFrame(TO_MONITOR.subscribe));
    return promise;
  }

  unsubscribe(): void {
    this.#send(encodeFrame(TO_MONITOR.unsubscribe));
  }

  /**
   * Resolves when the monitor has taken the bytes, which waits while the process does not read. Calls keep their
   * order. Bytes for a process that has ended, or has closed its stdin, are thrown away.
   */
  writeStdin(chunk: Uint8Array): Promise<void> {
    this.#stdinTail = this.#stdinTail.then(() => this.#sendStdin(chunk));
    return this.#stdinTail;
  }

  /** The process reads end-of-file after all that was written before. Ignored for a terminal. */
  closeStdin(): void {
    this.#stdinTail = this.#stdinTail.then(() => this.#send(encodeFrame(TO_MONITOR.stdinEof)));
  }

  /** Sets the terminal's size; ignored without a terminal. */
  resize(rows: number, columns: number): void {
    this.#send(encodeResize(rows, columns));
  }

  /** Resolves when all output written before this call is in the log, but for a line without its end. */
  flushLog(): Promise<{ droppedLines: number }> {
    // A monitor that is gone has written everything before.
    if (this.#isClosed) return Promise.resolve({ droppedLines: 0 });
    const token = this.#nextToken++;
    const { promise, resolve } = Promise.withResolvers<{ droppedLines: number }>();
    this.#flushes.set(token, resolve);
    this.#send(encodeFlush(token));
    return promise;
  }

  /** Makes the monitor open its log by name again, after the file was moved. */
  reopenLog(): void {
    this.#send(encodeFrame(TO_MONITOR.reopenLog));
  }

  /** Leaves the monitor and its process alone; find() comes back to it. */
  close(): void {
    this.#socket?.end();
    this.#onClose();
  }

  #handlers() {
    return {
      open: (socket: Socket) => {
        this.#socket = socket;
        this.#sendUnsent();
      },
      data: (socket: Socket, bytes: Uint8Array) => this.#onBytes(socket, bytes),
      drain: () => this.#sendUnsent(),
      close: () => this.#onClose(),
      error: () => this.#onClose(),
    };
  }

  #onBytes(socket: Socket, bytes: Uint8Array): void {
    try {
      for (const frame of this.#reader.push(bytes)) this.#onMessage(decodeMonitorFrame(frame));
    } catch {
      // Not our protocol: as good as no monitor. The exit record still tells how the process ended.
      socket.terminate();
      this.#onClose();
    }
  }

  #onMessage(message: MonitorMessage): void {
    switch (message.kind) {
      case "output":
        this.#undelivered.push({ stream: message.stream, data: message.bytes });
        if (!this.#isDelivering) this.#deliver();
        break;
      case "hello":
        this.#hello.resolve(message);
        this.#addStdinRoom(message.stdinWindowBytes);
        break;
      case "started":
        this.#started.resolve(message);
        break;
      case "failed":
        this.#started.resolve(message);
        this.#exited.resolve(undefined);
        this.#endOutput();
        break;
      case "exited":
        this.#exited.resolve(message);
        this.#endOutput();
        break;
      case "stdin-ack":
        this.#addStdinRoom(message.bytes);
        break;
      case "stdin-closed":
        this.#listener.onStdinClosed?.();
        break;
      case "subscribed":
        this.#subscriptions.shift()?.(message);
        break;
      case "flushed":
        this.#flushes.get(message.token)?.(message);
        this.#flushes.delete(message.token);
        break;
      default: // A newer monitor's, or one that only fetchHeldDescriptors() asks for.
    }
  }

  #deliver(): void {
    for (let output = this.#undelivered.take(); output; output = this.#undelivered.take()) {
      const bytes = output.data.length + output.frames * FRAME_HEADER_BYTES;
      const pending = this.#listener.onOutput?.({ stream: output.stream, data: output.data });
      if (pending instanceof Promise) {
        this.#isDelivering = true;
        const goOn = () => {
          this.#isDelivering = false;
          this.#acknowledge(bytes);
          this.#deliver();
        };
        pending.then(goOn, goOn);
        return;
      }
      this.#acknowledge(bytes);
    }
    if (this.#hasEnded) this.#listener.onOutputEnd?.();
  }

  #acknowledge(bytes: number): void {
    this.#passedOnBytes += bytes;
    if (this.#passedOnBytes < ACKNOWLEDGE_EVERY_BYTES) return;
    this.#send(encodeOutputAck(this.#passedOnBytes));
    this.#passedOnBytes = 0;
  }

  #endOutput(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (!this.#isDelivering) this.#deliver();
  }

  async #sendStdin(chunk: Uint8Array): Promise<void> {
    // The caller may reuse its memory once we have returned; until then it may not.
    for (let at = 0; at < chunk.length && !this.#isClosed; ) {
      const end = Math.min(chunk.length, at + Math.min(this.#stdinRoomBytes, MAX_FRAME_PAYLOAD_BYTES));
      if (end === at) {
        await new Promise<void>((resolve) => {
          this.#wakeStdin = resolve;
        });
        continue;
      }
      this.#stdinRoomBytes -= end - at;
      this.#send(encodeFrame(TO_MONITOR.stdin, chunk.subarray(at, end)));
      at = end;
    }
  }

  #addStdinRoom(bytes: number): void {
    this.#stdinRoomBytes += bytes;
    this.#wakeStdin?.();
    this.#wakeStdin = undefined;
  }

  #send(frame: Uint8Array): void {
    if (this.#isClosed) return;
    this.#unsent.push(frame);
    if (this.#unsent.length === 1) this.#sendUnsent();
  }

  /** Bounded: by the stdin window, and by requests that wait for their answers. */
  #sendUnsent(): void {
    if (!this.#socket) return;
    for (let frame = this.#unsent[0]; frame; frame = this.#unsent[0]) {
      const written = this.#socket.write(frame);
      if (written < 0) return;
      if (written < frame.length) {
        this.#unsent[0] = frame.subarray(written);
        return;
      }
      this.#unsent.shift();
    }
  }

  #onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unsent = [];
    this.#hello.resolve(undefined);
    this.#started.resolve({ kind: "lost" });
    this.#exited.resolve(undefined);
    for (const resolve of this.#subscriptions.splice(0)) resolve(undefined);
    for (const resolve of this.#flushes.values()) resolve({ droppedLines: 0 });
    this.#flushes.clear();
    this.#addStdinRoom(0);
    this.#endOutput();
    this.#closed.resolve();
  }
}

/** Bun.connect() takes an open descriptor (FdSocketOptions), though its type does not list that form. */
function adoptSocket(fd: number, socket: SocketHandler): Promise<Socket> {
  return Bun.connect({ fd, socket } as unknown as UnixSocketOptions<undefined>);
}

/** Runs `use` with a path to `<directory>/monitor.sock` that fits into a socket address, however long the real one is. */
export async function withSocketPath<T>(directory: string, use: (path: string) => T | Promise<T>): Promise<T> {
  const path = join(directory, "monitor.sock");
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH_BYTES) return await use(path);
  const handle = await open(directory, "r");
  try {
    return await use(`/proc/self/fd/${handle.fd}/monitor.sock`);
  } finally {
    await handle.close();
  }
}
