/** OCI layouts as tar streams, read back by tar itself. */
import { expect, test } from "bun:test";
import { layoutTar } from "../../../src/build/solver/layout-tar.ts";
import type { Digest } from "../../../src/model/image.ts";

const root = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: `sha256:${"a".repeat(64)}`,
  size: 2,
} as const;

async function* once(text: string) {
  yield Buffer.from(text);
}

async function tar(words: string[], input: Uint8Array): Promise<string> {
  const child = Bun.spawn(["tar", ...words], { stdin: input, stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return text;
}

test("blobs of both kinds of digest lie under their own paths", async () => {
  const long: Digest = `sha512:${"b".repeat(128)}`;
  const texts = new Map<Digest, string>([
    [long, "x".repeat(513)],
    [root.digest, "{}"],
  ]);
  const blobs = [...texts].map(([digest, text]) => ({ digest, size: text.length }));
  const pieces: Uint8Array[] = [];
  for await (const piece of layoutTar({ root, blobs, read: (digest) => once(texts.get(digest)!) })) pieces.push(piece);
  const whole = Buffer.concat(pieces);
  const path = `blobs/sha512/${"b".repeat(128)}`;
  const names = [path, `blobs/sha256/${"a".repeat(64)}`, "index.json", "oci-layout"];
  expect((await tar(["-t"], whole)).trim().split("\n")).toEqual(names);
  expect(await tar(["-xO", path], whole)).toBe("x".repeat(513));
  expect(JSON.parse(await tar(["-xO", "index.json"], whole)).manifests).toEqual([root]);
});

test("a blob of eight gigabytes has its size in its header", async () => {
  const size = 8 ** 11;
  const blobs = [{ digest: root.digest, size }];
  const headers: Uint8Array[] = [];
  for await (const piece of layoutTar({ root, blobs, read: () => once("") })) headers.push(piece);
  expect(Buffer.from(headers[1]!).toString()).toBe(`19 size=${size}\n`);
  // tar reads the header, then finds that the rest is missing.
  const child = Bun.spawn(["tar", "-tv"], { stdin: Buffer.concat(headers), stdout: "pipe", stderr: "ignore" });
  expect(await new Response(child.stdout).text()).toContain(` ${size} `);
});
