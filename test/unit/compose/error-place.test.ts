/** Complaints about a project tell where it stands. */
import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectModel } from "../../../src/compose/service-model.ts";
import { projectOf } from "./project-of.ts";

const folder = await mkdtemp(join(tmpdir(), "naru-places-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const reading = async (text: string) => projectModel(await projectOf(`name: p\n${text}`));

test.each([
  ["services:\n  a:\n    imag: x\n", "did you mean 'image'? (line 4, column 5)"],
  ["services:\n  a: {image: x, deploy: {replicas: many}}\n", '"many": invalid syntax (-, line 3, column 26)'],
  ['services:\n  a:\n    image: "$' + '{X:?say it}"\n', "say it (-, line 4, column 5)"],
  ['services:\n  a: {image: x, ports: ["99999:80"]}\n', "Invalid hostPort: 99999 (-, line 3, column 17)"],
  ["services:\n  a: {image: x, volumes: ['data:/d']}\n", "invalid compose project (-, line 3, column 3)"],
  ["services:\n  a:\n    image: x\n    mem_limit: lots\n", "invalid size: 'lots' (-, line 5, column 5)"],
  ['services:\n  a: {image: x, x-naru-schedule: "61 * * * *"}\n', "from 0 to 59 (-, line 3, column 17)"],
  ["services:\n  a: {image: x, extends: none}\n", 'service "none" not found (-, line 3, column 3)'],
  // Of several documents the one that says it last.
  ["services:\n  a: {image: x, cpus: 1}\n---\nservices:\n  a: {cpus: lots}\n", "(-, line 6, column 7)"],
])("%j", async (text, words) => {
  await expect(reading(text)).rejects.toThrow(words);
});

test.each([
  [
    "the file that says it last, not the one that it extends",
    "command: echo ok",
    "command: 'echo \"'",
    "(-, line 6, column 5)",
  ],
  [
    "the extended file, where that is wrong",
    "cpus: $" + "{X:?say it}",
    "cpus: 1",
    "(FOLDER/base.yaml, line 4, column 5)",
  ],
])("a service that extends another: %s", async (_, base, own, words) => {
  const file = join(folder, "base.yaml");
  await Bun.write(file, `services:\n  a:\n    image: x\n    ${base}\n`);
  const text = `services:\n  # its own\n  a:\n    extends: {file: ${file}, service: a}\n    ${own}\n`;
  await expect(reading(text)).rejects.toThrow(words.replace("FOLDER", folder));
});
