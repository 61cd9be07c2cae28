/** What a container leaves behind as its last words. */

import { open } from "node:fs/promises";
import type { Engine } from "../../engine/contract.ts";
import type { Container } from "../../model/kubernetes/core.ts";

const MAX_FILE_BYTES = 4096;
const MAX_LOG_BYTES = 2048;
const MAX_LOG_LINES = 80;

/** The message file's text, or the end of the log of a failed container that asked for that. */
export async function terminationMessage(
  engine: Engine,
  { terminationMessagePolicy }: Container,
  { file, containerId, exitCode }: { file: string; containerId: string; exitCode: number },
): Promise<string> {
  const text = await readStart(file);
  if (text !== "" || exitCode === 0 || terminationMessagePolicy !== "FallbackToLogsOnError") return text;
  return logEnd(engine, containerId).catch(() => "");
}

async function readStart(file: string): Promise<string> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return "";
  try {
    const buffer = Buffer.alloc(MAX_FILE_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, MAX_FILE_BYTES, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function logEnd(engine: Engine, containerId: string): Promise<string> {
  const options = { follow: false, stdout: true, stderr: true, timestamps: false, details: false, tail: MAX_LOG_LINES };
  const { chunks } = await engine.containers.logs(containerId, options, AbortSignal.timeout(5000));
  const parts: Uint8Array[] = [];
  for await (const { data } of chunks) parts.push(data.slice());
  return Buffer.concat(parts).subarray(-MAX_LOG_BYTES).toString();
}
