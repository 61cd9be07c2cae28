/** Our own standard streams as those of a process in a container. */

import { isTerminal, writeErr, writeOut } from "../output.ts";
import { enterRawMode, terminalSize } from "../terminal.ts";
import type { RemoteStreams } from "./remote-process.ts";

interface TerminalChoice {
  /** -i */
  readonly stdin: boolean;
  /** The process has a terminal, and so have we. */
  readonly tty: boolean;
  /** First claims a row more, so that what runs there draws its screen anew. */
  readonly redraw?: boolean;
}

/** True when -i -t can be had; told on stderr when our input is no terminal. */
export function canHaveTerminal(flags: { stdin: boolean; tty: boolean }, printError: (text: string) => void): boolean {
  if (!flags.tty || !flags.stdin) return false;
  if (isTerminal(0)) return true;
  printError("Unable to use a TTY - input is not a terminal or the right kind of file\n");
  return false;
}

/** Runs with our streams, in raw mode where there is a terminal; puts it back. */
export async function withTerminalStreams<T>(
  { stdin, tty, redraw = false }: TerminalChoice,
  run: (streams: RemoteStreams) => Promise<T>,
): Promise<T> {
  const restore = tty ? enterRawMode() : () => {};
  try {
    return await run({
      tty,
      ...(stdin ? { input: ownInput() } : {}),
      write: (stream, data) => (stream === "stdout" ? writeOut(data) : writeErr(data)),
      ...(tty ? { followSize: (send) => followSize(send, redraw) } : {}),
    });
  } finally {
    restore();
  }
}

function ownInput(): AsyncIterable<Uint8Array> {
  const reader = Bun.stdin.stream().getReader();
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const { done, value } = await reader.read();
        return done || value === undefined ? { done: true, value: undefined } : { done: false, value };
      },
      // A read that waits for a key is given up.
      return: async () => {
        await reader.cancel();
        return { done: true, value: undefined };
      },
    }),
  };
}

function followSize(send: (size: { rows: number; columns: number }) => void, redraw: boolean): () => void {
  const tell = () => {
    const size = terminalSize();
    if (size !== undefined) send(size);
  };
  const first = terminalSize();
  if (redraw && first !== undefined) send({ rows: first.rows + 1, columns: first.columns + 1 });
  tell();
  process.on("SIGWINCH", tell);
  return () => process.off("SIGWINCH", tell);
}
