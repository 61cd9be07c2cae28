import { describe, expect, test } from "bun:test";
import { LogLines, lineName } from "../../../src/cli/compose/log-lines.ts";
import { mergedLogs } from "../../../src/cli/compose/merged-logs.ts";
import type { OutputChunk } from "../../../src/compose/contract.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
async function* chunks(...texts: (string | [1 | 2, string])[]): AsyncGenerator<OutputChunk> {
  for (const text of texts) {
    yield typeof text === "string" ? { stream: 1, bytes: bytes(text) } : { stream: text[0], bytes: bytes(text[1]) };
  }
}

describe("lines of several containers", () => {
  const collect = (look: Partial<{ hasPrefix: boolean; hasColors: boolean }> = {}) => {
    const written: [number, string][] = [];
    const lines = new LogLines({ hasPrefix: true, hasColors: false, ...look, write: (...each) => written.push(each) });
    return { lines, written };
  };

  test("stand in one column, each behind its name", () => {
    const { lines, written } = collect();
    for (const name of ["a-1", "longer-1"]) lines.add(name);
    lines.take("a-1", { stream: 1, bytes: bytes("one\ntwo\n") });
    lines.take("longer-1", { stream: 2, bytes: bytes("three\n") });
    expect(written).toEqual([
      [1, "a-1       | one\na-1       | two\n"],
      [2, "longer-1  | three\n"],
    ]);
  });

  test("wait for their end, apart for each stream, and characters for their last byte", () => {
    const { lines, written } = collect({ hasPrefix: false });
    const euro = bytes("€");
    lines.take("a", { stream: 1, bytes: bytes("cost ") });
    lines.take("a", { stream: 2, bytes: bytes("meanwhile\n") });
    lines.take("a", { stream: 1, bytes: euro.subarray(0, 2) });
    lines.take("a", { stream: 1, bytes: new Uint8Array([...euro.subarray(2), 10]) });
    lines.take("a", { stream: 1, bytes: bytes("no end") });
    lines.end("a");
    expect(written.map(([, text]) => text)).toEqual(["meanwhile\n", "cost €\n", "no end\n"]);
  });

  test("have a colour for each name", () => {
    const { lines, written } = collect({ hasColors: true });
    lines.print("a", 1, ["x"]);
    lines.print("b", 1, ["y"]);
    expect(written.map(([, text]) => text)).toEqual(["\x1b[36ma  | \x1b[0mx\n", "\x1b[33mb  | \x1b[0my\n"]);
  });

  test.each([
    ["shop-web-1", "shop", "web-1"],
    ["shop_web_1", "shop", "web_1"],
    ["own-name", "shop", "own-name"],
    ["shopping-web-1", "shop", "shopping-web-1"],
  ])("%s of %s is %s", (container, project, name) => {
    expect(lineName(container, project)).toBe(name);
  });
});

test("logs are merged by their times, whatever pieces they come in", async () => {
  const logs = new Map([
    ["a", chunks("2026-01-01T00:00:01Z one\n2026-01-0", "1T00:00:04Z four\n", "2026-01-01T00:00:06Z \n")],
    ["b", chunks([2, "2026-01-01T00:00:02Z two\n"], [1, "2026-01-01T00:00:03Z three a b\n2026-01-01T00:00:05Z five"])],
    ["none", chunks()],
  ]);
  const found: string[] = [];
  for await (const { name, stream, text } of mergedLogs(logs)) found.push(`${name}${stream} ${text}`);
  expect(found).toEqual(["a1 one", "b2 two", "b1 three a b", "a1 four", "b1 five", "a1 "]);
});
