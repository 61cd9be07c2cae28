/** OCI layouts that came as directories of a client: what is read of them, and what is not. */
import { afterAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryLayout, type LayoutChoice } from "../../../src/build/contexts/directory-layout.ts";
import { digestOf } from "../../../src/lib/digest.ts";

const { signal } = new AbortController();
const folder = await mkdtemp(join(tmpdir(), "naru-layout-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const REF_NAME = "org.opencontainers.image.ref.name";
const [first, second] = [digestOf("first"), digestOf("second", "sha512")];

/** A layout with two manifests; `change` is done to its directory. */
async function layoutOf(choice: LayoutChoice = {}, change: (directory: string) => Promise<unknown> = async () => {}) {
  const directory = await mkdtemp(join(folder, "l-"));
  await mkdir(join(directory, "blobs/sha256"), { recursive: true });
  await Bun.write(join(directory, "blobs", first.replace(":", "/")), "first");
  const manifests = [{ digest: first }, { digest: second, annotations: { [REF_NAME]: "name:v2" } }];
  await Bun.write(join(directory, "index.json"), JSON.stringify({ manifests }));
  await change(directory);
  return new DirectoryLayout({ name: "lay", sync: async () => directory }, choice);
}

async function textOf(layout: DirectoryLayout, digest = first): Promise<string> {
  return Buffer.concat(await Array.fromAsync(layout.read(digest, signal))).toString();
}

test.each<[string, LayoutChoice, string]>([
  ["the first", {}, first],
  ["by tag", { tag: "v2" }, second],
  ["by digest", { digest: digestOf("x") }, digestOf("x")],
])("which manifest is meant: %s", async (_, choice, digest) => {
  expect(await (await layoutOf(choice)).root(signal)).toBe(digest as typeof first);
});

test("blobs are read by their digests, and links lead nowhere else", async () => {
  expect(await textOf(await layoutOf())).toBe("first");
  await expect(textOf(await layoutOf(), second)).rejects.toThrow(`the OCI layout lay lacks the blob ${second}`);
  const secret = join(folder, "secret");
  await Bun.write(secret, "secret");
  const linked = await layoutOf({}, async (directory) => {
    for (const name of ["index.json", `blobs/${first.replace(":", "/")}`]) {
      await rm(join(directory, name));
      await symlink(secret, join(directory, name));
    }
  });
  await expect(textOf(linked)).rejects.toThrow("lacks the blob");
  await expect(linked.root(signal)).rejects.toThrow("lay is no OCI layout: its index.json cannot be read");
});

test.each<[string, LayoutChoice, string, string]>([
  ["no such tag", { tag: "v3" }, "{}", "the OCI layout lay has no manifest with the tag v3 in its index.json"],
  ["no manifest", {}, '{"manifests":{}}', "the OCI layout lay has no manifest in its index.json"],
  ["no digest", {}, '{"manifests":[{"digest":"../x"}]}', '"../x" is no digest'],
  ["no JSON", {}, "{", "lay is no OCI layout: its index.json cannot be read"],
])("%s", async (_, choice, index, words) => {
  const layout = await layoutOf(choice, (directory) => Bun.write(join(directory, "index.json"), index));
  await expect(layout.root(signal)).rejects.toThrow(words);
});
