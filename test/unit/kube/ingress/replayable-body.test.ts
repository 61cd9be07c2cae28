import { expect, test } from "bun:test";
import { ReplayableBody } from "../../../../src/kube/ingress/replayable-body.ts";

/** Chunks that come when they are let out. */
function slowSource(chunks: readonly string[]) {
  const waiting: (() => void)[] = [];
  async function* chunksOf(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) {
      await new Promise<void>((resolve) => waiting.push(resolve));
      yield Buffer.from(chunk);
    }
  }
  const letOut = async () => {
    while (waiting.length === 0) await Bun.sleep(0);
    waiting.shift()!();
  };
  return { body: new ReplayableBody(chunksOf()), letOut };
}

test("a read that the first stream began is not lost for the second", async () => {
  const { body, letOut } = slowSource(["first ", "second"]);
  const refused = body.stream().getReader();
  const lost = refused.read();
  const text = new Response(body.stream()).text();
  await letOut();
  await letOut();
  expect(await text).toBe("first second");
  expect(body.canRestart).toBe(true);
  await refused.cancel();
  expect(await lost).toEqual({ done: true, value: undefined });
});

test("what one stream has read another has too", async () => {
  const { body, letOut } = slowSource(["a", "b"]);
  const refused = body.stream().getReader();
  const read = refused.read();
  await letOut();
  expect(Buffer.from((await read).value!).toString()).toBe("a");
  const text = new Response(body.stream()).text();
  await letOut();
  expect(await text).toBe("ab");
});

test("large bodies are not kept", async () => {
  const large = "x".repeat(200_000);
  const { body, letOut } = slowSource([large, large, large]);
  const length = new Response(body.stream()).bytes().then((bytes) => bytes.length);
  for (let at = 0; at < 3; at++) await letOut();
  expect(await length).toBe(600_000);
  expect(body.canRestart).toBe(false);
});
