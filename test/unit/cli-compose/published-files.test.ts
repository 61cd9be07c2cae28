/** The files of a project as they are published: names of files of this machine become names beside them. */
import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPublishedFiles } from "../../../src/cli/compose/remote/published-files.ts";

const root = await mkdtemp(join(tmpdir(), "naru-published-"));
afterAll(() => rm(root, { recursive: true, force: true }));

let count = 0;
/** The published files of a project; its folder is `/P` in their texts, and names are those of the files that they stand for. */
async function published(files: Record<string, string>, variables: Record<string, string> = {}) {
  const folder = join(root, String(count++));
  for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
  const read = await readPublishedFiles([join(folder, "compose.yaml")], folder, new Map(Object.entries(variables)));
  const names = Object.keys(files).flatMap((name) => {
    const hash = new Bun.CryptoHasher("sha256").update(join(folder, name)).digest("hex");
    return ["env", "yaml"].map((ending) => [`${hash}.${ending}`, `<${name}>`] as const);
  });
  const plain = (text: string) => names.reduce((all, [hash, name]) => all.replaceAll(hash, name), text);
  return read.map(({ kind, name, bytes }) => [kind, plain(name), plain(new TextDecoder().decode(bytes))]);
}

const ENV = { "a.env": "A=1\n", "b/c.env": "C=1\n" };
const FORMS: [string, string, string][] = [
  ["one name", "env_file: a.env # why", "env_file: <a.env> # why"],
  ["a list in brackets", "env_file: [a.env, 'b/c.env']", "env_file: [<a.env>, <b/c.env>]"],
  ["maps", 'env_file: [{path: "./a.env", required: true}]', "env_file: [{path: <a.env>, required: true}]"],
  ["a variable", "env_file: $" + "{WHERE}/c.env", "env_file: <b/c.env>"],
  ["one that need not be there", "env_file: [{path: a.env}, {path: none.env, required: false}]", "<a.env>"],
];
test.each(FORMS)("env files: %s", async (_, written, wanted) => {
  const [own, ...env] = await published(
    { "compose.yaml": `services:\n  a:\n    image: x\n    ${written}\n`, ...ENV },
    { WHERE: "b" },
  );
  expect(own).toEqual(["compose", "compose.yaml", expect.stringContaining(wanted)]);
  const named = [...wanted.matchAll(/<[^>]+>/g)].map(([name]) => ["env", name]);
  expect(env.map(([kind, name]) => [kind, name])).toEqual(named);
});

test.each([
  [
    "an env file that is missing",
    "services: {a: {image: x, env_file: none.env}}",
    /^the env file .*\/none\.env of compose\.yaml cannot be published: ENOENT/,
  ],
  [
    "an env file that is a folder",
    "services: {a: {image: x, env_file: [{path: b, required: false}]}}",
    /^the env file .*\/b of compose\.yaml cannot be published: EISDIR/,
  ],
  [
    "a folder of an include's own",
    "include: [{path: a.yaml, project_directory: b}]",
    /an include with a project_directory cannot be published/,
  ],
])("%s is refused", async (_, text, words) => {
  await expect(published({ "compose.yaml": text, ...ENV })).rejects.toThrow(words);
});

test("anchors and merge keys are followed, and replaced where they are written", async () => {
  const text =
    "x-base: &base\n  env_file: &file a.env\nservices:\n  a: {<<: *base, image: x}\n  b: {<<: [*base], env_file: *file}\n";
  expect(await published({ "compose.yaml": text, ...ENV })).toEqual([
    ["compose", "compose.yaml", text.replace("a.env", "<a.env>")],
    ["env", "<a.env>", "A=1\n"],
  ]);
});

test("what is extended and included goes along, with what it names itself, each once", async () => {
  const files = {
    "compose.yaml":
      "include: [sub/in.yaml, {path: [sub/two.yaml], env_file: a.env}]\nservices: {a: {extends: {file: sub/base.yaml, service: b}}}\n",
    "sub/in.yaml": "services: {i: {extends: {service: b, file: base.yaml}}}\n",
    "sub/two.yaml": "services: {t: {image: x}}\n---\nservices: {t: {env_file: ../a.env}}\n",
    "sub/base.yaml": "services: {b: {image: x, extends: {service: c}}, c: {env_file: ../b/c.env}}\n",
    ...ENV,
  };
  const all = await published(files);
  expect(all.map(([kind, name]) => `${kind} ${name}`).toSorted()).toEqual([
    "compose compose.yaml",
    "env <a.env>",
    "env <b/c.env>",
    "named <sub/base.yaml>",
    "named <sub/in.yaml>",
    "named <sub/two.yaml>",
  ]);
  expect(all[0]![2]).toBe(
    "include: [<sub/in.yaml>, {path: [<sub/two.yaml>], env_file: <a.env>}]\nservices: {a: {extends: {file: <sub/base.yaml>, service: b}}}\n",
  );
});

test("what everybody can fetch stays as it is; files that name each other end", async () => {
  const text =
    "include: [oci://reg/x, 'https://host/r.git']\nservices: {a: {extends: {file: other.yaml, service: b}}}\n";
  const other = "services: {b: {extends: {file: compose.yaml, service: a}}}\n";
  const [own, first, second] = await published({ "compose.yaml": text, "other.yaml": other });
  expect(own![2]).toBe(text.replace("other.yaml", "<other.yaml>"));
  expect([first![1], second![1]].toSorted()).toEqual(["<compose.yaml>", "<other.yaml>"]);
});

test("a file that is not there is told", async () => {
  const text = "services: {a: {extends: {file: none.yaml, service: b}}}\n";
  await expect(published({ "compose.yaml": text })).rejects.toThrow("none.yaml cannot be published");
});
