import { describe, expect, test } from "bun:test";
import { parseMode } from "../../../src/build/solver/file-mode.ts";

describe("parseMode()", () => {
  const CASES: [text: string, file: number, directory: number][] = [
    ["755", 0o755, 0o755],
    ["0600", 0o600, 0o600],
    ["4711", 0o4711, 0o4711],
    ["u=rwX,go=rX", 0o644, 0o755],
    ["a+x", 0o755, 0o755],
    ["+x", 0o755, 0o755],
    ["go-r", 0o600, 0o711],
    ["u+s,+t", 0o5644, 0o5755],
    ["g=u", 0o664, 0o775],
    ["ug+rw-x,o=", 0o660, 0o660],
    ["=", 0, 0],
  ];
  for (const [text, file, directory] of CASES) {
    test(text, () => {
      const change = parseMode(text);
      expect(change(0o644, false).toString(8)).toBe(file.toString(8));
      expect(change(0o755, true).toString(8)).toBe(directory.toString(8));
    });
  }

  test("X adds execution only where some had it", () => {
    expect(parseMode("a=rX")(0o740, false)).toBe(0o555);
    expect(parseMode("a=rX")(0o640, false)).toBe(0o444);
  });

  test("refuses what is neither", () => {
    for (const text of ["", "x", "789", "u=q", "u+rw,"])
      expect(() => parseMode(text)).toThrow("invalid chmod parameter");
  });
});
