import { readSync } from "node:fs";
import { CliError } from "./cli-error.ts";
import type { CommandContext } from "./command.ts";

/** Asks a yes-or-no question on standard output; anything but `y` is a no. `message` may have several lines. */
export function confirm(context: CommandContext, message: string): boolean {
  context.print(`${message} [y/N] `);
  const answer = readLine();
  return answer?.trim().toLowerCase() === "y";
}

/** The next line of standard input; undefined when it has ended. */
export function readLine(): string | undefined {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  for (;;) {
    let count: number;
    try {
      count = readSync(0, one);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EAGAIN") {
        Bun.sleepSync(10);
        continue;
      }
      if (code === "EISDIR" || code === "EBADF") return undefined;
      throw new CliError(`reading the answer failed: ${(error as Error).message}`);
    }
    if (count === 0) return bytes.length > 0 ? Buffer.from(bytes).toString() : undefined;
    if (one[0] === 10) return Buffer.from(bytes).toString();
    bytes.push(one[0]!);
  }
}
