/** Reads a blob as fast as it is taken, going on where a connection broke, and checks its digest. */
import { algorithmOf, DigestHasher } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import type { Descriptor } from "../model/image.ts";
import type { HttpReply } from "./http-reply.ts";
import { RegistryError } from "./registry-error.ts";
import { delayBefore, mayPass, pause, type RetryRule } from "./retry.ts";

export interface BlobSource {
  /** Asks for the bytes from `start` to before `end`. The answer may be the whole blob all the same. @throws {RegistryError} */
  open(start: number, end: number, signal?: AbortSignal): Promise<HttpReply>;
}
export interface DownloadOptions {
  offset?: number;
  length?: number;
  signal?: AbortSignal;
  onRetry?: (waitSeconds: number) => void;
  isCheckedByCaller?: boolean;
}

/**
 * @param rule its count of attempts begins again whenever bytes have arrived, so a bad line that moves anything at all
 *   brings the blob in the end
 */
export async function* readBlob(
  source: BlobSource,
  blob: Descriptor,
  rule: RetryRule,
  options: DownloadOptions,
): AsyncGenerator<Uint8Array> {
  const { offset = 0, signal, onRetry, isCheckedByCaller = false } = options;
  const end = Math.min(blob.size, offset + (options.length ?? blob.size));
  const isWhole = offset === 0 && end === blob.size;
  const hasher = isWhole && !isCheckedByCaller ? new DigestHasher(algorithmOf(blob.digest)) : undefined;
  let position = offset;
  let failures = 0;
  while (position < end || (blob.size === 0 && failures === 0)) {
    const before = position;
    try {
      for await (const piece of bytesFrom(await source.open(position, end, signal), position, end, blob)) {
        position += piece.length;
        hasher?.update(piece);
        yield piece;
      }
      if (blob.size === 0) break;
      if (position < end) throw new ShortBody(blob, position);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      failures = position > before ? 1 : failures + 1;
      const isShort = error instanceof ShortBody;
      if (failures >= rule.attempts || !(isShort || mayPass(error, rule.longestDelayMs))) throw error;
      const waitMs = delayBefore(failures, error, rule);
      onRetry?.(Math.ceil(waitMs / 1000));
      await pause(waitMs, signal);
    }
  }
  if (hasher === undefined) return;
  const digest = hasher.digest();
  if (digest !== blob.digest) {
    throw new NaruError("invalid", `verification failed for digest ${blob.digest}: the registry sent ${digest}`);
  }
}

/** The connection ended in good order, but too early. */
class ShortBody extends NaruError {
  constructor(blob: Descriptor, position: number) {
    super("unavailable", `blob ${blob.digest}: expected ${blob.size} bytes, got ${position}: unexpected EOF`);
  }
}

/** What an answer holds from `position` to before `end`. @throws invalid when there is more than the blob's size */
async function* bytesFrom(
  reply: HttpReply,
  position: number,
  end: number,
  blob: Descriptor,
): AsyncGenerator<Uint8Array> {
  // A server that does not know ranges sends all of it again.
  let skip = reply.status === 206 ? position - rangeStart(reply) : position;
  if (skip < 0) {
    await reply.discard();
    throw new RegistryError(
      "unavailable",
      `blob ${blob.digest}: the registry sent another range than asked for`,
      "",
      502,
    );
  }
  let left = end - position;
  for await (const piece of reply.chunks()) {
    const wanted = skip === 0 ? piece : piece.subarray(Math.min(skip, piece.length));
    skip -= piece.length - wanted.length;
    if (wanted.length > left && end < blob.size) {
      // A server that does not know ranges; the rest is not wanted.
      if (left > 0) yield wanted.subarray(0, left);
      return;
    }
    if (wanted.length > left) {
      throw new NaruError(
        "invalid",
        `blob ${blob.digest}: the registry sends more than the ${blob.size} bytes it promised`,
      );
    }
    left -= wanted.length;
    if (wanted.length > 0) yield wanted;
  }
}

/** First byte of a 206's Content-Range; NaN-free: an answer without one counts as starting at 0. */
function rangeStart(reply: HttpReply): number {
  const start = /^bytes (\d+)-/.exec(reply.headers.get("content-range") ?? "")?.[1];
  return start === undefined ? 0 : Number(start);
}
