import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseRfc3339 } from "../../../src/engine/clock.ts";
import { findTail, openLogFile, openLogFiles, readBlocks } from "../../../src/engine/log-files.ts";
import { followBlocks } from "../../../src/engine/log-follow.ts";
import { LineFormatter, type LineOptions } from "../../../src/engine/log-lines.ts";
import { processorMs } from "../../support/processor-time.ts";

const plain: LineOptions = { stdout: true, stderr: true, timestamps: false, prefix: "" };

function line(log: string, stream = "stdout", time = "2026-01-02T03:04:05.12Z", more = ""): string {
  return `{"log":${JSON.stringify(log)},"stream":"${stream}"${more},"time":"${time}"}\n`;
}

function format(text: string, options: Partial<LineOptions> = {}): [string, string][] {
  const formatter = new LineFormatter({ ...plain, ...options });
  return formatter.format(Buffer.from(text)).map(({ stream, data }) => [stream, Buffer.from(data).toString()]);
}

test("runs of one stream are one chunk", () => {
  expect(format(line("a\n") + line("b\n") + line("e\n", "stderr") + line("c\n"))).toEqual([
    ["stdout", "a\nb\n"],
    ["stderr", "e\n"],
    ["stdout", "c\n"],
  ]);
  expect(format(line("a\n") + line("e\n", "stderr"), { stdout: false })).toEqual([["stderr", "e\n"]]);
});

test.each([
  "plain\n",
  "no newline",
  'quotes " and \\ and \t\n',
  "ünïcode ✓\n",
  "\u0001\u001b[0m\n",
  "",
  '","stream":"x\n',
])("%j comes back unchanged", (text) =>
  expect(
    format(line(text))
      .map(([, data]) => data)
      .join(""),
  ).toBe(text),
);

test("attributes and torn lines", () => {
  const text = `${line("a\n", "stderr", undefined, ',"attrs":{"k":"v"}')}{"log":"torn\n${line("b\n")}`;
  expect(format(text)).toEqual([
    ["stderr", "a\n"],
    ["stdout", "b\n"],
  ]);
});

test("timestamps have nine digits", () => {
  expect(format(line("a\n"), { timestamps: true })[0]![1]).toBe("2026-01-02T03:04:05.120000000Z a\n");
  expect(format(line("a\n", "stdout", "2026-01-02T03:04:05Z"), { timestamps: true, prefix: "k=v " })[0]![1]).toBe(
    "2026-01-02T03:04:05.000000000Z k=v a\n",
  );
});

test("since and until", () => {
  const text = [1, 2, 3].map((second) => line(`${second}\n`, "stdout", `2026-01-02T03:04:0${second}Z`)).join("");
  const at = (second: number) => parseRfc3339(`2026-01-02T03:04:0${second}Z`)!;
  expect(format(text, { sinceNs: at(2) })).toEqual([["stdout", "2\n3\n"]]);
  expect(format(text, { untilNs: at(2) })).toEqual([["stdout", "1\n2\n"]]);
});

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "naru-logs-"));
  path = join(directory, "x-json.log");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function tail(count: number): Promise<string> {
  const files = await openLogFiles(path);
  const start = await findTail(files, count);
  const pieces: string[] = [];
  for (const [index, { handle }] of files.entries()) {
    if (index < start.fileIndex) continue;
    const offset = index === start.fileIndex ? start.offset : 0;
    for await (const block of readBlocks(handle, offset)) pieces.push(block.toString());
  }
  for (const { handle } of files) await handle.close();
  return pieces.join("");
}

test("the tail reaches into rotated files", async () => {
  await writeFile(`${path}.2`, "1\n2\n");
  await writeFile(`${path}.1`, "3\n4\n");
  await writeFile(path, "5\n6\n");
  expect(await tail(0)).toBe("");
  expect(await tail(1)).toBe("6\n");
  expect(await tail(2)).toBe("5\n6\n");
  expect(await tail(3)).toBe("4\n5\n6\n");
  expect(await tail(99)).toBe("1\n2\n3\n4\n5\n6\n");
});

test("the tail of a file of many blocks", async () => {
  const lines = Array.from({ length: 60_000 }, (_, number) => `line number ${number}\n`);
  await writeFile(path, lines.join(""));
  expect(await tail(1)).toBe(lines.at(-1)!);
  expect(await tail(40_000)).toBe(lines.slice(-40_000).join(""));
  expect(await tail(60_000)).toBe(lines.join(""));
});

test("a line longer than a block", async () => {
  const long = `${"x".repeat(600_000)}\n`;
  await writeFile(path, `a\n${long}b\n`);
  expect(await tail(9)).toBe(`a\n${long}b\n`);
});

test("following goes through rotations and ends after the last byte", async () => {
  await writeFile(path, "1\n");
  const ended = Promise.withResolvers<void>();
  const { signal } = new AbortController();
  const file = (await openLogFile(path))!;
  const seen: string[] = [];
  const reading = (async () => {
    for await (const block of followBlocks(file, 0, { path, ended: ended.promise, signal }))
      seen.push(block.toString());
  })();
  await Bun.sleep(20);
  await appendFile(path, "2\n");
  await Bun.sleep(20);
  await appendFile(path, "3\n");
  await rename(path, `${path}.1`);
  await writeFile(path, "4\n");
  await rename(`${path}.1`, `${path}.2`);
  await rename(path, `${path}.1`);
  await writeFile(path, "5\n");
  await Bun.sleep(20);
  await appendFile(path, "6\n");
  ended.resolve();
  await reading;
  expect(seen.join("")).toBe("1\n2\n3\n4\n5\n6\n");
});

test("a million lines are formatted well under a second", () => {
  const block = Buffer.from(line("some words of a usual line of output 12345\n").repeat(2000));
  const formatter = new LineFormatter(plain);
  const start = processorMs();
  let bytes = 0;
  for (let i = 0; i < 500; i++) for (const { data } of formatter.format(block)) bytes += data.length;
  expect(bytes).toBe(43 * 1_000_000);
  expect(processorMs() - start).toBeLessThan(3000);
});
