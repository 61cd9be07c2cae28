import { expect, test } from "bun:test";
import { Log } from "../../../src/daemon/log.ts";

const at = () => new Date("2026-01-02T03:04:05.678Z");

test("text lines", () => {
  const lines: string[] = [];
  const log = new Log("info", "text", (line) => lines.push(line), at);
  log.debug("unseen");
  log.info("listening", { address: "unix:///a", count: 3, words: "two words", none: undefined });
  log.warn("two\nlines");
  expect(lines).toEqual([
    '2026-01-02T03:04:05.678Z info  listening address=unix:///a count=3 words="two words"\n',
    "2026-01-02T03:04:05.678Z warn  two\\nlines\n",
  ]);
});

test("JSON lines and another level", () => {
  const lines: string[] = [];
  const log = new Log("error", "json", (line) => lines.push(line), at);
  log.warn("unseen");
  log.level = "debug";
  log.debug("seen", { big: 12345678901234567890n });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { time: "2026-01-02T03:04:05.678Z", level: "debug", msg: "seen", big: "12345678901234567890" },
  ]);
});
