/** What the client makes of its settings' file, above all of one that it cannot use. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readUsableConfig } from "../../../src/cli/config-file.ts";
import { updateConfigFile } from "../../../src/cli/config-writer.ts";

const root = await mkdtemp(join(tmpdir(), "naru-client-config-"));
afterAll(() => rm(root, { recursive: true, force: true }));
let folders = 0;

async function folderWith(text: string): Promise<string> {
  const folder = join(root, String(++folders));
  await mkdir(folder);
  await writeFile(join(folder, "config.json"), text);
  return folder;
}

async function read(folder: string) {
  const warnings: string[] = [];
  const config = await readUsableConfig(folder, (line) => void warnings.push(line.replaceAll(folder, "FOLDER")));
  return { config, warnings };
}

describe("a settings' file is taken with no word when it", () => {
  test.each([
    ["is empty", "", {}],
    ["has only white space", " \n", {}],
    ["is null", "null", {}],
    ["says something", '{"psFormat":"{{.ID}}","auths":{}}', { psFormat: "{{.ID}}", auths: {} }],
    ["leaves an entry open", '{"psFormat":null,"proxies":null}', { psFormat: null, proxies: null }],
  ])("%s", async (_, text, config) => {
    expect(await read(await folderWith(text))).toEqual({ config, warnings: [] } as never);
  });
  test("is not there", async () => {
    expect(await read(join(root, "nowhere"))).toEqual({ config: {}, warnings: [] });
    expect(await read(join(root, "nowhere/deeper"))).toEqual({ config: {}, warnings: [] });
    const empty = join(root, "empty");
    await mkdir(empty);
    expect(await read(empty)).toEqual({ config: {}, warnings: [] });
  });
});

describe("a settings' file is left aside with a warning when it", () => {
  test.each([
    ["is cut off", "{", /JSON Parse error/],
    ["is a list", "[]", /it holds no object/],
    ["is a text", '"x"', /it holds no object/],
    ["has a number for a text", '{"psFormat":3}', /psFormat must be a text/],
    ["has a list for an object", '{"auths":[]}', /auths must be an object/],
  ])("%s", async (_, text, reason) => {
    const { config, warnings } = await read(await folderWith(text));
    expect(config).toEqual({});
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toStartWith("WARNING: Error parsing config file (FOLDER/config.json): ");
    expect(warnings[0]).toMatch(reason);
  });
  test("is a folder", async () => {
    const folder = join(root, "folder");
    await mkdir(join(folder, "config.json"), { recursive: true });
    const { warnings } = await read(folder);
    expect(warnings).toEqual([
      "WARNING: Error parsing config file (FOLDER/config.json): read FOLDER/config.json: is a directory\n",
    ]);
  });
  test("cannot be opened", async () => {
    const folder = join(root, "file");
    await writeFile(folder, "");
    expect(await read(folder)).toEqual({
      config: {},
      warnings: ["WARNING: Error loading config file: open FOLDER/config.json: not a directory\n"],
    });
  });
});

test("a file that could not be understood is not overwritten", async () => {
  const folder = await folderWith('{"auths":{"a.example":');
  await expect(updateConfigFile(folder, { currentContext: "x" })).rejects.toThrow("Error parsing config file");
  expect(await Bun.file(join(folder, "config.json")).text()).toBe('{"auths":{"a.example":');
});
