/** `logs`: what a container has written, and what it writes from now on. */
import { hostname } from "node:os";
import { NaruError } from "../lib/errors.ts";
import type { OutputChunk } from "../runtime/contract.ts";
import { nowNs } from "./clock.ts";
import type { Container } from "./container.ts";
import type { LogOptions } from "./contract.ts";
import type { EngineContext } from "./engine-context.ts";
import { logAttributes } from "./log-attributes.ts";
import { findTail, type LogFile, openLogFiles, readBlocks } from "./log-files.ts";
import { awaitFirstFile, type FollowOptions, followBlocks } from "./log-follow.ts";
import { LineFormatter } from "./log-lines.ts";

/** @throws {NaruError} not-implemented for a driver that keeps nothing, invalid without any stream */
export async function readContainerLog(
  context: EngineContext,
  ref: string,
  options: LogOptions,
  signal: AbortSignal,
): Promise<{ tty: boolean; chunks: AsyncIterable<OutputChunk> }> {
  const container = context.containers.get(ref);
  if (!options.stdout && !options.stderr) {
    throw new NaruError("invalid", "Bad parameters: you must choose at least one stream");
  }
  const { config, logPath } = container.record;
  if (logPath === "") throw new NaruError("not-implemented", "configured logging driver does not support reading");
  await container.process?.flushLog();
  const attributes = options.details ? detailsOf(container) : [];
  const formatter = new LineFormatter({ ...options, prefix: options.details ? `${attributes.join(",")} ` : "" });
  return { tty: config.Tty ?? false, chunks: readLog(container, options, formatter, signal) };
}

/** As Go escapes the parts of a query. */
function escapeQuery(text: string): string {
  const escaped = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return escaped.replaceAll("%20", "+");
}

/** What `--details` shows, "name=value"; nothing for a driver that does not keep it. */
function detailsOf({ record }: Container): string[] {
  if (record.hostConfig.LogConfig?.Type === "local") return [];
  const attributes = logAttributes(record, { imageName: record.config.Image ?? "", hostname: hostname() });
  return Object.entries(attributes).map(([name, value]) => `${escapeQuery(name)}=${escapeQuery(value)}`);
}

async function* readLog(
  container: Container,
  options: LogOptions,
  formatter: LineFormatter,
  signal: AbortSignal,
): AsyncGenerator<OutputChunk> {
  const path = container.record.logPath;
  const isFollowing = options.follow && container.isRunning;
  const leaving = new AbortController();
  const following: FollowOptions = {
    path,
    ended: runEnd(container, leaving.signal),
    signal: endSignal(options, signal),
  };
  const files = await openLogFiles(path);
  try {
    const start = options.tail === undefined ? { fileIndex: 0, offset: 0 } : await findTail(files, options.tail);
    for (const [index, file] of files.entries()) {
      if (index < start.fileIndex) continue;
      const offset = index === start.fileIndex ? start.offset : 0;
      const isLast = index === files.length - 1;
      if (isLast && isFollowing) {
        files.pop();
        yield* format(followBlocks(file, offset, following), formatter);
        return;
      }
      yield* format(readBlocks(await file.text(), offset), formatter);
      if (formatter.isFinished || signal.aborted) return;
    }
    if (isFollowing && files.length === 0) {
      const first = await awaitFirstFile(following);
      if (first !== undefined) yield* format(followBlocks(first, 0, following), formatter);
    }
  } finally {
    leaving.abort();
    await closeAll(files);
  }
}

async function* format(blocks: AsyncIterable<Buffer>, formatter: LineFormatter): AsyncGenerator<OutputChunk> {
  for await (const block of blocks) {
    yield* formatter.format(block);
    if (formatter.isFinished) return;
  }
}

/** Resolves when the present run is over; its last output is in the file by then. */
function runEnd(container: Container, leaving: AbortSignal): Promise<void> {
  if (!container.isRunning) return Promise.resolve();
  return container.onceExited(leaving).then(
    () => {},
    () => {},
  );
}

/** Aborts with the caller's signal, or when `--until` has passed. */
function endSignal({ untilNs }: LogOptions, signal: AbortSignal): AbortSignal {
  if (untilNs === undefined) return signal;
  const leftMs = Math.max(0, Number((untilNs - nowNs()) / 1_000_000n));
  return leftMs > 2 ** 31 - 1 ? signal : AbortSignal.any([signal, AbortSignal.timeout(leftMs)]);
}

async function closeAll(files: readonly LogFile[]): Promise<void> {
  for (const file of files) await file.close();
}
