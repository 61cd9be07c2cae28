/** The framing of naru build's connection, two ends joined in memory. */
import { describe, expect, test } from "bun:test";
import { BuildChannels, type ChannelTransport } from "../../../src/lib/build-channels.ts";

/** A pipe that hands bytes over in pieces of this size. */
class Pipe {
  private readonly pieces: Uint8Array[] = [];
  private isEnded = false;
  private wake = () => {};
  written = 0;

  constructor(private readonly pieceBytes: number) {}

  async write(data: Uint8Array): Promise<void> {
    this.written += data.length;
    for (let at = 0; at < data.length; at += this.pieceBytes) this.pieces.push(data.slice(at, at + this.pieceBytes));
    this.wake();
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.pieces.length === 0 && !this.isEnded) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.pieces.shift();
  }

  end(): void {
    this.isEnded = true;
    this.wake();
  }
}

function pair(pieceBytes = 7) {
  const [there, back] = [new Pipe(pieceBytes), new Pipe(pieceBytes)];
  const messages: unknown[] = [];
  const transport = (reads: Pipe, writes: Pipe): ChannelTransport => ({
    read: () => reads.read(),
    write: (data) => writes.write(data),
  });
  const client = new BuildChannels(transport(back, there), () => {});
  const daemon = new BuildChannels(transport(there, back), (message) => messages.push(message));
  const runs = [client.run(), daemon.run()];
  const hangUp = async () => {
    there.end();
    back.end();
    await Promise.allSettled(runs);
  };
  return { client, daemon, messages, there, back, hangUp };
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  return Buffer.concat(parts).toString();
}

test("messages and streams side by side, cut anywhere", async () => {
  const { client, daemon, messages, hangUp } = pair(3);
  client.send({ first: "한글" });
  await client.channel(1).write(Buffer.from("one "));
  await client.channel(2).write(Buffer.from("two"));
  await client.channel(1).write(Buffer.from("more"));
  client.channel(1).end();
  client.send({ second: true });
  client.channel(2).end();
  expect(await textOf(daemon.channel(1).bytes())).toBe("one more");
  expect(await textOf(daemon.channel(2).bytes())).toBe("two");
  expect(messages).toEqual([{ first: "한글" }, { second: true }]);
  await hangUp();
});

test("a stream that nobody reads stops its own writer only", async () => {
  const { client, daemon, there, hangUp } = pair(1 << 20);
  const piece = new Uint8Array(1 << 20);
  let written = 0;
  const flood = (async () => {
    for (let count = 0; count < 64; count += 1) {
      await client.channel(1).write(piece);
      written += 1;
    }
    client.channel(1).end();
  })();
  await client.channel(2).write(Buffer.from("through"));
  client.channel(2).end();
  expect(await textOf(daemon.channel(2).bytes())).toBe("through");
  await Bun.sleep(20);
  expect(written).toBeLessThan(10);
  expect(there.written).toBeLessThan(10 << 20);
  let received = 0;
  for await (const part of daemon.channel(1).bytes()) received += part.length;
  await flood;
  expect(received).toBe(64 << 20);
  await hangUp();
});

describe("failures", () => {
  test("of one stream are heard at its other end", async () => {
    const { client, daemon, hangUp } = pair();
    client.channel(1).fail("the disk is full");
    await expect(daemon.channel(1).read()).rejects.toThrow("the disk is full");
    await hangUp();
  });

  test("a connection that ends fails what is open and what is opened later", async () => {
    const { daemon, hangUp } = pair();
    const reading = daemon.channel(1).read();
    reading.catch(() => {});
    await hangUp();
    await expect(reading).rejects.toThrow("hung up");
    await expect(daemon.channel(9).read()).rejects.toThrow("hung up");
    await expect(daemon.channel(9).write(Buffer.from("x"))).rejects.toThrow("hung up");
  });

  const HOSTILE: [name: string, bytes: number[], reason: string][] = [
    ["a frame of an unknown kind", [0, 0, 0, 0, 99, 0, 0, 0, 0], "unknown kind 99"],
    ["a frame that is too long", [0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1], "too long"],
    ["a message that is no JSON", [0, 0, 0, 1, 0, 0, 0, 0, 0, 0x7b], "no JSON"],
  ];
  for (const [name, bytes, reason] of HOSTILE) {
    test(name, async () => {
      const pipe = new Pipe(1000);
      await pipe.write(new Uint8Array(bytes));
      const channels = new BuildChannels({ read: () => pipe.read(), write: async () => {} }, () => {});
      await expect(channels.run()).rejects.toThrow(reason);
    });
  }
});
