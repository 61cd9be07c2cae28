import { expect, test } from "bun:test";
import { constants, createDeflate, createInflate } from "node:zlib";
import { HEADER_DICTIONARY } from "../../../../src/kube/server/spdy/header-dictionary.ts";
import { SpdySession, type SpdyStream } from "../../../../src/kube/server/spdy/spdy-session.ts";

/** A client's end: compresses its headers as one stream for the connection. */
class Client {
  readonly #deflate = createDeflate({ dictionary: HEADER_DICTIONARY });
  #packed: Buffer[] = [];

  constructor() {
    this.#deflate.on("data", (chunk: Buffer) => this.#packed.push(chunk));
  }

  async open(id: number, headers: Record<string, string>, flags = 0): Promise<Buffer> {
    const text = (value: string) => Buffer.concat([number(value.length, 4), Buffer.from(value)]);
    const pairs = Object.entries(headers).flatMap(([name, value]) => [text(name), text(value)]);
    const plain = Buffer.concat([number(pairs.length / 2, 4), ...pairs]);
    this.#packed = [];
    this.#deflate.write(plain);
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, () => resolve()));
    return control(1, flags, Buffer.concat([number(id, 4), number(0, 6), ...this.#packed]));
  }
}

function number(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, Math.max(0, bytes - 6), Math.min(bytes, 6));
  return buffer;
}
function control(type: number, flags: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x80, 3, 0, type, flags), number(body.length, 3), body]);
}
function data(id: number, text: string, flags = 0): Buffer {
  return Buffer.concat([number(id, 4), Buffer.of(flags), number(text.length, 3), Buffer.from(text)]);
}

function serve() {
  const sent: Buffer[] = [];
  const streams: SpdyStream[] = [];
  const heard: string[] = [];
  const session = new SpdySession({ write: async (bytes) => void sent.push(Buffer.from(bytes)) }, (stream) => {
    streams.push(stream);
    stream.onData = async (bytes) => void heard.push(`${stream.id}:${Buffer.from(bytes)}`);
    stream.onEnd = () => heard.push(`${stream.id} ends`);
  });
  return { session, sent, streams, heard };
}

test("streams open with their headers, carry data both ways and end, in pieces of any size", async () => {
  const client = new Client();
  const all = Buffer.concat([
    await client.open(1, { streamType: "error", port: "80" }),
    await client.open(3, { streamType: "data", requestid: "0" }),
    data(3, "hello"),
    control(6, 0, number(7, 4)),
    data(3, " world", 1),
    data(99, "nobody"),
  ]);
  const { session, sent, streams, heard } = serve();
  for (let at = 0; at < all.length; at += 7) await session.push(all.subarray(at, at + 7));
  expect(streams.map(({ id, headers }) => [id, Object.fromEntries(headers)])).toEqual([
    [1, { streamtype: "error", port: "80" }],
    [3, { streamtype: "data", requestid: "0" }],
  ]);
  expect(heard).toEqual(["3:hello", "3: world", "3 ends"]);
  await streams[1]?.write(Buffer.from("answer"));
  await streams[1]?.end();
  await streams[1]?.end();
  expect(sent.slice(-2).map((frame) => frame.toString("latin1"))).toEqual([
    "\0\0\0\x03\0\0\0\x06answer",
    "\0\0\0\x03\x01\0\0\0",
  ]);
  expect(sent.filter((frame) => frame[0] === 0x80).map((frame) => frame[3])).toEqual([2, 2, 6]);
});

test("our replies' headers are one zlib stream that any client can read", async () => {
  const client = new Client();
  const { session, sent } = serve();
  for (const id of [1, 3, 5]) await session.push(await client.open(id, { a: "b" }));
  const inflate = createInflate({ dictionary: HEADER_DICTIONARY });
  const read: Buffer[] = [];
  inflate.on("data", (chunk: Buffer) => read.push(chunk));
  for (const reply of sent) {
    inflate.write(reply.subarray(12));
    await new Promise<void>((resolve) => inflate.flush(() => resolve()));
  }
  expect(Buffer.concat(read)).toEqual(Buffer.alloc(12));
});

test.each([
  ["another version", Buffer.of(0x80, 2, 0, 1, 0, 0, 0, 0), "only version 3"],
  ["a huge control frame", Buffer.of(0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff), "too large"],
  ["headers that are not compressed", control(1, 0, Buffer.alloc(40, 1)), "headers cannot be read"],
  ["a stream without an id", control(1, 0, Buffer.alloc(4)), "too short"],
])("%s ends the session", async (_what, bytes, message) => {
  await expect(serve().session.push(bytes)).rejects.toThrow(message);
});
