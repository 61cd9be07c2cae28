import { CliError } from "../cli-error.ts";

/** As a shell tells of a command that a signal ended. */
const INTERRUPTED = 130;

/**
 * Does work that Ctrl-C ends: the first one fires the signal and waits until nothing of the work is left, the second one ends the
 * command at once. Throws CliError with the exit code 130 when it was interrupted.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const leave = new AbortController();
  const interrupt = () => {
    if (leave.signal.aborted) process.exit(INTERRUPTED);
    leave.abort(new CliError("canceled", INTERRUPTED));
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    return await work(leave.signal);
  } catch (error) {
    throw leave.signal.aborted ? leave.signal.reason : error;
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}
