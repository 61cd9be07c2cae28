/** A line typed at the terminal that does not show. */
import { readSync } from "node:fs";
import { writeErr } from "./output.ts";

const INTERRUPTED = 130;
const KEY = {
  interrupt: 0x03,
  end: 0x04,
  backspace: 0x08,
  newline: 0x0a,
  return: 0x0d,
  kill: 0x15,
  delete: 0x7f,
} as const;

/** Asks on standard error; standard input must be a terminal. Ends the process with 130 when there is no line (Ctrl-C, Ctrl-D). */
export function readHiddenLine(prompt: string): string {
  writeErr(prompt);
  const stty = (...words: string[]) =>
    Bun.spawnSync(["stty", ...words], { stdin: "inherit", stdout: "pipe", stderr: "ignore" })
      .stdout.toString()
      .trim();
  const before = stty("-g");
  // Key by key, Ctrl-C too: a signal would end us here and leave the terminal silent.
  stty("-echo", "-icanon", "-isig", "min", "1");
  let line: string | undefined;
  try {
    line = readKeys();
  } finally {
    stty(before);
    writeErr("\n");
  }
  if (line === undefined) process.exit(INTERRUPTED);
  return line;
}

/** Undefined when the user gave up. */
function readKeys(): string | undefined {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  while (readSync(0, one) === 1) {
    const key = one[0]!;
    if (key === KEY.newline || key === KEY.return) return Buffer.from(bytes).toString();
    if (key === KEY.interrupt || (key === KEY.end && bytes.length === 0)) return undefined;
    if (key === KEY.kill) bytes.length = 0;
    else if (key === KEY.backspace || key === KEY.delete) dropCharacter(bytes);
    else bytes.push(key);
  }
  return undefined;
}

/** The last one of UTF-8 text: its first byte and what continues it. */
function dropCharacter(bytes: number[]): void {
  while (bytes.length > 0 && (bytes.at(-1)! & 0xc0) === 0x80) bytes.pop();
  bytes.pop();
}
