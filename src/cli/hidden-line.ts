/** A line typed at the terminal that does not show. */
import { readSync } from "node:fs";
import { writeErr } from "./output.ts";

const INTERRUPTED = 130;

/** Asks on standard error; standard input must be a terminal. Ends the process with 130 when there is no line (Ctrl-C, Ctrl-D). */
export function readHiddenLine(prompt: string): string {
  writeErr(prompt);
  const stty = (...words: string[]) => Bun.spawnSync(["stty", ...words], { stdin: "inherit", stderr: "ignore" });
  stty("-echo");
  const restore = () => stty("echo");
  process.on("exit", restore);
  try {
    const line = readLine();
    if (line === undefined) process.exit(INTERRUPTED);
    return line;
  } finally {
    process.off("exit", restore);
    restore();
    writeErr("\n");
  }
}

/** Undefined at the end of the input. */
function readLine(): string | undefined {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  while (readSync(0, one) === 1) {
    if (one[0] === 0x0a) return Buffer.from(bytes).toString();
    bytes.push(one[0]!);
  }
  return bytes.length > 0 ? Buffer.from(bytes).toString() : undefined;
}
