/**
 * The framing of `naru build`'s connection: JSON messages and any number of byte streams (channels) side by side, in both
 * directions. A frame is its payload's length (32 bits), a kind (8 bits), the channel's number (32 bits), and the payload.
 * Every channel has a window, so that a slow reader stops only its own writer.
 */
import { NaruError } from "./errors.ts";

/** The connection under the frames. */
export interface ChannelTransport {
  /** The next bytes; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  write(data: Uint8Array): Promise<void>;
}

const HEAD_BYTES = 9;
const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
const KIND = { message: 0, data: 1, end: 2, taken: 3, failed: 4 } as const;
/** Bytes of a channel that may be under way before its writer waits. */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** What was taken is told in steps, not for every piece. */
const TAKEN_STEP_BYTES = 512 * 1024;
const NOTHING = new Uint8Array(0);

export class BuildChannels {
  private readonly channels = new Map<number, ByteChannel>();
  private readonly waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private writing: Promise<void> | undefined;
  private failure: Error | undefined;

  constructor(
    private readonly transport: ChannelTransport,
    private readonly onMessage: (message: unknown) => void,
  ) {}

  /** Bytes that the other side has not taken from us yet. */
  get pendingBytes(): number {
    return this.waitingBytes;
  }

  send(message: unknown): void {
    this.write(KIND.message, 0, Buffer.from(JSON.stringify(message)));
  }

  channel(id: number): ByteChannel {
    const known = this.channels.get(id);
    if (known) return known;
    const fresh = new ByteChannel({
      send: (kind, payload) => this.write(kind, id, payload),
      sent: () => this.flushed(),
      closed: () => this.channels.delete(id),
    });
    if (this.failure) fresh.receiveFailure(this.failure.message);
    this.channels.set(id, fresh);
    return fresh;
  }

  /** Reads until the other side hangs up. @throws {NaruError} invalid for malformed frames */
  async run(): Promise<void> {
    try {
      const reader = new FrameReader(this.transport);
      for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) this.take(frame);
      this.fail(new NaruError("unavailable", "the other side of the build's connection has hung up"));
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  /** Resolves when all that was sent is with the kernel. */
  async flushed(): Promise<void> {
    while (this.writing) await this.writing;
  }

  private take({ kind, channel, payload }: Frame): void {
    if (kind === KIND.message) this.onMessage(parseMessage(payload));
    else if (kind === KIND.data) this.channel(channel).receive(payload);
    else if (kind === KIND.end) this.channel(channel).receiveEnd();
    else if (kind === KIND.taken) this.channels.get(channel)?.receiveTaken(Buffer.from(payload).readUInt32BE(0));
    else if (kind === KIND.failed) this.channel(channel).receiveFailure(Buffer.from(payload).toString("utf8"));
    else throw new NaruError("invalid", `the build's connection carries a frame of the unknown kind ${kind}`);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const channel of this.channels.values()) channel.receiveFailure(error.message);
  }

  private write(kind: number, channel: number, payload: Uint8Array): void {
    if (this.failure) return;
    const head = Buffer.allocUnsafe(HEAD_BYTES);
    head.writeUInt32BE(payload.length, 0);
    head[4] = kind;
    head.writeUInt32BE(channel, 5);
    this.waiting.push(head, payload);
    this.waitingBytes += HEAD_BYTES + payload.length;
    this.writing ??= this.writeWaiting();
  }

  private async writeWaiting(): Promise<void> {
    // What is sent in the same turn travels together.
    await Promise.resolve();
    try {
      while (this.waiting.length > 0) {
        const data = this.waiting.length === 1 ? this.waiting[0]! : Buffer.concat(this.waiting);
        this.waiting.length = 0;
        await this.transport.write(data);
        this.waitingBytes -= data.length;
      }
    } catch (error) {
      this.waiting.length = 0;
      this.fail(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.writing = undefined;
    }
  }
}

function parseMessage(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch (cause) {
    throw new NaruError("invalid", "a message on the build's connection is no JSON", { cause });
  }
}

interface ChannelWire {
  send(kind: number, payload: Uint8Array): void;
  sent(): Promise<void>;
  closed(): void;
}

/** One stream of bytes in each direction. */
export class ByteChannel {
  private readonly received: Uint8Array[] = [];
  private untold = 0;
  private isEnded = false;
  private isClosed = false;
  private failure: NaruError | undefined;
  private underWay = 0;
  private wakeReader: (() => void) | undefined;
  private wakeWriter: (() => void) | undefined;

  constructor(private readonly wire: ChannelWire) {}

  /** The next bytes; undefined at the end. @throws {NaruError} when the other side failed or is gone */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.received.shift();
      if (piece) {
        this.tellTaken(piece.length);
        return piece;
      }
      if (this.failure) throw this.failure;
      if (this.isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve;
      });
    }
  }

  /** The bytes as they come. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    for (let piece = await this.read(); piece; piece = await this.read()) yield piece;
  }

  /** Resolves when there is room for more. The bytes must not be changed afterwards. */
  async write(data: Uint8Array): Promise<void> {
    if (data.length === 0) return;
    while (this.underWay > WINDOW_BYTES && !this.failure) {
      await new Promise<void>((resolve) => {
        this.wakeWriter = resolve;
      });
    }
    if (this.failure) throw this.failure;
    this.underWay += data.length;
    this.wire.send(KIND.data, data);
  }

  /** No more bytes follow from here. */
  end(): void {
    if (!this.isClosed) this.wire.send(KIND.end, NOTHING);
    this.isClosed = true;
  }

  /** The stream cannot go on; the other side's reads and writes fail with these words. */
  fail(message: string): void {
    if (!this.isClosed) this.wire.send(KIND.failed, Buffer.from(message));
    this.isClosed = true;
  }

  /** To be called when both directions are of no more use. */
  close(): void {
    this.receiveFailure("the stream is closed");
    this.wire.closed();
  }

  receive(data: Uint8Array): void {
    this.received.push(data);
    this.wakeReader?.();
  }

  receiveEnd(): void {
    this.isEnded = true;
    this.wakeReader?.();
  }

  receiveTaken(bytes: number): void {
    this.underWay -= bytes;
    this.wakeWriter?.();
  }

  receiveFailure(message: string): void {
    this.failure ??= new NaruError("unavailable", message);
    this.wakeReader?.();
    this.wakeWriter?.();
  }

  private tellTaken(bytes: number): void {
    this.untold += bytes;
    if (this.untold < TAKEN_STEP_BYTES) return;
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(this.untold);
    this.untold = 0;
    this.wire.send(KIND.taken, payload);
  }
}

interface Frame {
  kind: number;
  channel: number;
  payload: Uint8Array;
}

class FrameReader {
  private data: Buffer = Buffer.alloc(0);
  private readonly more: Uint8Array[] = [];
  private moreBytes = 0;

  constructor(private readonly transport: ChannelTransport) {}

  /** Undefined at the end. */
  async next(): Promise<Frame | undefined> {
    if (!(await this.have(HEAD_BYTES))) return undefined;
    const length = this.data.readUInt32BE(0);
    if (length > MAX_PAYLOAD_BYTES) throw new NaruError("invalid", "a frame of the build's connection is too long");
    if (!(await this.have(HEAD_BYTES + length))) return undefined;
    const frame = {
      kind: this.data[4]!,
      channel: this.data.readUInt32BE(5),
      payload: this.data.subarray(HEAD_BYTES, HEAD_BYTES + length),
    };
    this.data = this.data.subarray(HEAD_BYTES + length);
    return frame;
  }

  private async have(bytes: number): Promise<boolean> {
    while (this.data.length + this.moreBytes < bytes) {
      const piece = await this.transport.read();
      if (piece === undefined) return false;
      this.more.push(piece);
      this.moreBytes += piece.length;
    }
    if (this.data.length < bytes) {
      this.data = Buffer.concat([this.data, ...this.more]);
      this.more.length = 0;
      this.moreBytes = 0;
    }
    return true;
  }
}
