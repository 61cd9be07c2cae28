/**
 * The server's side of SPDY/3.1 (SPDY protocol, draft 3.1), as much as Kubernetes' clients need: streams that the client opens, with
 * headers and data in both directions. Our header blocks are deflate blocks without compression: they are few and small.
 */
import { createInflate, type Inflate } from "node:zlib";
import { StatusError } from "../../status.ts";
import { HEADER_DICTIONARY } from "./header-dictionary.ts";

const TYPES = { synStream: 1, synReply: 2, reset: 3, settings: 4, ping: 6, goAway: 7, headers: 8, window: 9 } as const;
const CONTROL = 0x8000;
const VERSION = 3;
const FIN = 0x01;
const RESET_CANCEL = 5;
const MAX_CONTROL_BYTES = 64 * 1024;
/** A frame's length has 24 bits; one piece of ours is no longer than this. */
const MAX_DATA_BYTES = 64 * 1024;
/** The header of a zlib stream without a dictionary. */
const ZLIB_HEADER = Buffer.of(0x78, 0x01);
/** An empty block: Go hands out what it has read when it meets one (Z_SYNC_FLUSH ends so). */
const FLUSH = Buffer.of(0, 0, 0, 0xff, 0xff);

interface SpdyTransport {
  /** Resolves when the connection takes more. @throws when the client is gone */
  write(data: Uint8Array): Promise<void>;
}

export class SpdyStream {
  /** Called one after the other; the whole connection waits for it. */
  onData: (data: Uint8Array) => Promise<void> = async () => {};
  /** The client sends no more on this stream. */
  onEnd: () => void = () => {};
  #isEnded = false;

  constructor(
    private readonly session: SpdySession,
    readonly id: number,
    /** Names in lower case. */
    readonly headers: ReadonlyMap<string, string>,
  ) {}

  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length && !this.#isEnded; at += MAX_DATA_BYTES) {
      await this.session.sendData(this.id, data.subarray(at, at + MAX_DATA_BYTES), 0);
    }
  }

  /** We send no more. Idempotent. */
  async end(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.session.sendData(this.id, new Uint8Array(), FIN);
  }

  /** Ends both directions at once. */
  async reset(): Promise<void> {
    this.#isEnded = true;
    const body = Buffer.alloc(8);
    body.writeUInt32BE(this.id);
    body.writeUInt32BE(RESET_CANCEL, 4);
    await this.session.sendControl(TYPES.reset, 0, body);
  }
}

export class SpdySession {
  readonly #streams = new Map<number, SpdyStream>();
  readonly #headerReader = new HeaderReader();
  #rest: Buffer = Buffer.alloc(0);
  #hasSentHeaders = false;

  /** `onStream` sets the stream's handlers before it returns. */
  constructor(
    private readonly transport: SpdyTransport,
    private readonly onStream: (stream: SpdyStream) => void,
  ) {}

  /** Takes what came from the client; one call at a time. @throws StatusError BadRequest when it breaks the protocol */
  async push(chunk: Uint8Array): Promise<void> {
    this.#rest = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 8) {
      const isControl = (this.#rest[0]! & 0x80) !== 0;
      const length = this.#rest.readUIntBE(5, 3);
      if (isControl && length > MAX_CONTROL_BYTES) throw broken(`a control frame of ${length} bytes is too large`);
      if (this.#rest.length < 8 + length) return;
      const frame = this.#rest.subarray(0, 8 + length);
      this.#rest = this.#rest.subarray(8 + length);
      if (isControl) await this.#control(frame);
      else await this.#data(frame);
    }
  }

  /** The connection has ended: so have all streams. */
  close(): void {
    for (const stream of this.#streams.values()) stream.onEnd();
    this.#streams.clear();
    this.#headerReader.close();
  }

  async sendData(id: number, data: Uint8Array, flags: number): Promise<void> {
    const frame = Buffer.alloc(8 + data.length);
    frame.writeUInt32BE(id);
    frame[4] = flags;
    frame.writeUIntBE(data.length, 5, 3);
    frame.set(data, 8);
    await this.transport.write(frame);
  }

  async sendControl(type: number, flags: number, body: Uint8Array): Promise<void> {
    const frame = Buffer.alloc(8 + body.length);
    frame.writeUInt16BE(CONTROL | VERSION);
    frame.writeUInt16BE(type, 2);
    frame[4] = flags;
    frame.writeUIntBE(body.length, 5, 3);
    frame.set(body, 8);
    await this.transport.write(frame);
  }

  async #control(frame: Buffer): Promise<void> {
    if ((frame.readUInt16BE(0) & 0x7fff) !== VERSION) throw broken("only version 3 is spoken");
    const flags = frame[4]!;
    const body = frame.subarray(8);
    switch (frame.readUInt16BE(2)) {
      case TYPES.synStream:
        return await this.#open(body, flags);
      case TYPES.reset:
        return this.#end(id(body), true);
      case TYPES.headers:
        // Its headers say nothing here, but they belong to the state of the compression.
        await this.#headerReader.read(body.subarray(4));
        return;
      case TYPES.ping:
        return await this.sendControl(TYPES.ping, 0, body);
      default:
        // Settings, windows and farewells change nothing.
        return;
    }
  }

  async #open(body: Buffer, flags: number): Promise<void> {
    if (body.length < 10) throw broken("a frame that opens a stream is too short");
    const headers = await this.#headerReader.read(body.subarray(10));
    const stream = new SpdyStream(this, id(body), headers);
    this.#streams.set(stream.id, stream);
    this.onStream(stream);
    await this.#reply(stream.id);
    if ((flags & FIN) !== 0) this.#end(stream.id, false);
  }

  /** Accepts a stream, without headers of our own. */
  async #reply(stream: number): Promise<void> {
    const none = Buffer.alloc(4);
    const block = Buffer.concat([
      ...(this.#hasSentHeaders ? [] : [ZLIB_HEADER]),
      Buffer.of(0, none.length, 0, ~none.length & 0xff, 0xff),
      none,
      FLUSH,
    ]);
    this.#hasSentHeaders = true;
    const head = Buffer.alloc(4);
    head.writeUInt32BE(stream);
    await this.sendControl(TYPES.synReply, 0, Buffer.concat([head, block]));
  }

  async #data(frame: Buffer): Promise<void> {
    const stream = this.#streams.get(id(frame));
    if (stream === undefined) return;
    if (frame.length > 8) await stream.onData(frame.subarray(8));
    if ((frame[4]! & FIN) !== 0) this.#end(stream.id, false);
  }

  #end(stream: number, isReset: boolean): void {
    const found = this.#streams.get(stream);
    this.#streams.delete(stream);
    found?.onEnd();
    if (isReset) void found?.end().catch(() => {});
  }
}

/** The client's header blocks are one zlib stream for the whole connection. */
class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary: HEADER_DICTIONARY });
  #output: Buffer[] = [];
  #failure: Error | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor() {
    this.#inflate.on("data", (chunk: Buffer) => this.#output.push(chunk));
    this.#inflate.on("error", (error) => {
      this.#failure = error;
      this.#fail?.(error);
    });
  }

  async read(block: Buffer): Promise<Map<string, string>> {
    await new Promise<void>((resolve, reject) => {
      this.#fail = reject;
      if (this.#failure !== undefined) reject(this.#failure);
      this.#inflate.write(block);
      this.#inflate.flush(() => resolve());
    }).catch((error: Error) => {
      throw broken(`its headers cannot be read: ${error.message}`);
    });
    const bytes = Buffer.concat(this.#output);
    this.#output = [];
    return parseHeaders(bytes);
  }

  close(): void {
    this.#inflate.destroy();
  }
}

function parseHeaders(bytes: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 4;
  const take = (): string => {
    const length = at + 4 <= bytes.length ? bytes.readUInt32BE(at) : bytes.length;
    if (at + 4 + length > bytes.length) throw broken("its headers are cut off");
    at += 4 + length;
    return bytes.toString("utf8", at - length, at);
  };
  const count = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
  for (let index = 0; index < count; index++) headers.set(take().toLowerCase(), take());
  return headers;
}

function id(bytes: Buffer): number {
  return bytes.readUInt32BE(0) & 0x7fffffff;
}

function broken(why: string): StatusError {
  return new StatusError("BadRequest", `the client breaks the SPDY protocol: ${why}`);
}
