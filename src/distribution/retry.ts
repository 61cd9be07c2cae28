/** Trying again: exponential back-off with jitter, and what a registry asks for in Retry-After. */
import { ConnectionError } from "./connection-error.ts";
import { RegistryError } from "./registry-error.ts";

export interface RetryRule {
  /** Tries in all. */
  attempts: number;
  /** Wait before the second try; doubled before each further one, up to `longestDelayMs`. */
  firstDelayMs: number;
  longestDelayMs: number;
}

/** True for failures that pass: broken connections, busy servers, and limits whose end is near. */
export function mayPass(error: unknown, longestDelayMs: number): boolean {
  if (error instanceof ConnectionError) return error.isPassing;
  if (!(error instanceof RegistryError)) return false;
  const { status, retryAfterSeconds = 0 } = error;
  // A registry that wants to be left alone for long, as Docker Hub does at its pull limit, is not waited for.
  if (status === 429) return error.retryAfterSeconds !== undefined && retryAfterSeconds * 1000 <= longestDelayMs;
  return status === 408 || (status >= 500 && status !== 501);
}

/** Milliseconds until the try after `failures` failures in a row (1 and more). */
export function delayBefore(failures: number, error: unknown, rule: RetryRule): number {
  const grown = Math.min(rule.firstDelayMs * 2 ** (failures - 1), rule.longestDelayMs);
  // Between half and the whole, so that clients that failed together do not come back together.
  const delay = grown * (0.5 + Math.random() / 2);
  const asked = error instanceof RegistryError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  return Math.max(delay, Math.min(asked, rule.longestDelayMs));
}

/** Waits; rejects with the signal's reason when it is aborted meanwhile. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Does `work` until it succeeds, fails for good, or has been tried often enough. */
export async function withRetries<T>(rule: RetryRule, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted || failures >= rule.attempts || !mayPass(error, rule.longestDelayMs)) throw error;
      await pause(delayBefore(failures, error, rule), signal);
    }
  }
}
