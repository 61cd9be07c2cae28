import type { UpgradedStream } from "../lib/http-client.ts";
import { DetachFilter, parseDetachKeys } from "./detach-keys.ts";
import { fileSystem } from "./file-system.ts";
import { Demultiplexer } from "./multiplexed.ts";
import { READER_HAS_GONE, writeError } from "./output.ts";
import { enterRawMode } from "./terminal.ts";

export interface SessionOptions {
  /** The container has a terminal: bytes are raw, and ours goes to raw mode while we read from it. */
  tty: boolean;
  /** Sends what we read on standard input. */
  stdin: boolean;
  /** Shows what the container writes. */
  output: boolean;
  /** The keys that detach, such as `ctrl-p,ctrl-q`; empty for the default. */
  detachKeys: string;
}

type SessionEnd = "ended" | "detached";

/**
 * Connects our standard streams with those of a container, until its output ends or the user detaches. When
 * our input ends first, the container learns it (half-close) and its output goes on.
 */
export async function runSession(stream: UpgradedStream, options: SessionOptions): Promise<SessionEnd> {
  const restore = options.tty && options.stdin ? enterRawMode() : () => {};
  const input = options.stdin ? startInput(stream, options) : undefined;
  try {
    const output: Promise<SessionEnd> = options.output ? copyOutput(stream, options.tty) : new Promise(() => {});
    const ends = [output];
    // Without output to wait for, the session is over with the input; else only detaching ends it early.
    if (input) ends.push(input.end.then((end) => (end === "ended" && options.output ? output : end)));
    return await Promise.race(ends);
  } finally {
    input?.stop();
    restore();
  }
}

/** Copies the container's output to ours until it ends. */
async function copyOutput(stream: { read(): Promise<Uint8Array | undefined> }, tty: boolean): Promise<SessionEnd> {
  const demultiplexer = tty ? undefined : new Demultiplexer();
  for (let bytes = await stream.read(); bytes; bytes = await stream.read()) {
    await writeOutput(bytes, demultiplexer);
  }
  return "ended";
}

/** Writes a piece of a container's output; with a demultiplexer to both of our streams. */
export async function writeOutput(bytes: Uint8Array, demultiplexer: Demultiplexer | undefined): Promise<void> {
  if (!demultiplexer) return writeFully(1, bytes);
  for (const run of demultiplexer.decode(bytes)) {
    if (run.stream === 3) throw new Error(`error from daemon in stream: ${new TextDecoder().decode(run.bytes)}`);
    await writeFully(run.stream, run.bytes);
  }
}

/** Writes without holding up signals and input, for a slow reader. */
async function writeFully(fd: 1 | 2, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) {
    const written = await new Promise<number>((resolve, reject) => {
      fileSystem().write(fd, rest, 0, rest.length, null, (error, count) => {
        if (!error) resolve(count);
        else if (error.code === "EPIPE") process.exit(READER_HAS_GONE);
        else if (error.code === "EAGAIN") setTimeout(resolve, 2, 0);
        else reject(writeError(fd, error));
      });
    });
    rest = rest.subarray(written);
  }
}

function startInput(stream: UpgradedStream, { tty, detachKeys }: SessionOptions) {
  const filter = tty ? new DetachFilter(parseDetachKeys(detachKeys)) : undefined;
  const reader = Bun.stdin.stream().getReader();
  const copy = async (): Promise<SessionEnd> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !value) break;
      const { bytes, isDetached } = filter?.feed(value) ?? { bytes: value, isDetached: false };
      if (bytes.length > 0) await stream.write(bytes);
      if (isDetached) return "detached";
    }
    stream.closeWrite();
    return "ended";
  };
  // A container that has gone refuses input; its output tells the rest.
  const end = copy().catch((): SessionEnd => "ended");
  return { end, stop: () => void reader.cancel().catch(() => {}) };
}
