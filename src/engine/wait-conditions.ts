/** `wait`: the exit code at a condition. */
import { NaruError } from "../lib/errors.ts";
import type { ExitReport } from "./container.ts";
import type { WaitCondition } from "./contract.ts";
import type { EngineContext } from "./engine-context.ts";

type WaitAnswer = { StatusCode: number; Error?: { Message: string } };

/** Registers the wait before it returns. @throws {NaruError} not-found, or invalid for an unknown condition */
export function waitForContainer(
  context: EngineContext,
  ref: string,
  condition: WaitCondition,
  signal: AbortSignal,
): { result: Promise<WaitAnswer> } {
  if (!["not-running", "next-exit", "removed"].includes(condition)) {
    throw new NaruError("invalid", `invalid condition: ${JSON.stringify(condition)}`);
  }
  const container = context.containers.get(ref);
  if (condition === "removed") {
    // Only a failing removal would be told here, not the start's failure that led to it.
    return { result: container.onceRemoved(signal).then(({ exitCode }) => ({ StatusCode: exitCode })) };
  }
  if (condition === "not-running" && !container.isRunning) {
    return { result: Promise.resolve(answer(container.lastExit)) };
  }
  return { result: container.onceExited(signal).then(answer) };
}

function answer({ exitCode, error }: ExitReport): WaitAnswer {
  return error === "" ? { StatusCode: exitCode } : { StatusCode: exitCode, Error: { Message: error } };
}
