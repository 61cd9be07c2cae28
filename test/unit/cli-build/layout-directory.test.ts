import { afterAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mergeLayout } from "../../../src/cli/build/layout-directory.ts";

const folder = await mkdtemp(join(tmpdir(), "naru-layout-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
const path = join(folder, "index.json");

const image = (letter: string, name?: string) => ({
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: `sha256:${letter.repeat(64)}`,
  size: 1,
  ...(name === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": name } }),
});
const written = (...manifests: object[]) => JSON.stringify({ schemaVersion: 2, manifests });
const manifests = async () => (JSON.parse(await readFile(path, "utf8")) as { manifests: object[] }).manifests;

test("what was named before stays, but for what has the same name now", async () => {
  await writeFile(path, written(image("a", "one"), image("b", "latest")));
  await mergeLayout(folder, () => writeFile(path, written(image("c"))));
  expect(await manifests()).toEqual([image("c", "latest"), image("a", "one")]);
});

test("an output that breaks off leaves the index as it was", async () => {
  await writeFile(path, written(image("a", "one")));
  const unpack = async () => {
    await writeFile(path, written(image("c")));
    throw new Error("broke off");
  };
  await expect(mergeLayout(folder, unpack)).rejects.toThrow("broke off");
  expect(await manifests()).toEqual([image("a", "one")]);
});

test("an index that is none is told of before anything is written", async () => {
  await writeFile(path, "{}");
  await expect(mergeLayout(folder, async () => {})).rejects.toThrow("is no index of an OCI layout");
});
