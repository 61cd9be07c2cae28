/** A command in a running container, for probes and hooks: its exit code and the beginning of its output. */

import type { Engine } from "../../engine/contract.ts";

const MAX_OUTPUT_BYTES = 10 * 1024;

/** The command goes on when the signal is aborted; its outcome is then of no interest. @throws the signal's reason, or NaruErrors */
export async function runCommand(
  engine: Engine,
  containerId: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<{ exitCode: number; output: string }> {
  signal.throwIfAborted();
  const request = { Cmd: [...command], AttachStdout: true, AttachStderr: true };
  const { Id } = await engine.execs.create(containerId, request);
  const session = await engine.execs.start(Id, { detach: false, tty: false });
  const leave = () => session?.close();
  signal.addEventListener("abort", leave, { once: true });
  // A slow machine may need as long to begin as the command may take.
  if (signal.aborted) leave();
  try {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const { data } of session?.output ?? []) {
      if (length < MAX_OUTPUT_BYTES) parts.push(data.slice(0, MAX_OUTPUT_BYTES - length));
      length += data.length;
    }
    signal.throwIfAborted();
    return { exitCode: engine.execs.inspect(Id).ExitCode ?? 0, output: Buffer.concat(parts).toString() };
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
