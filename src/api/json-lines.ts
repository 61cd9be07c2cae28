/** Bodies of one JSON value per line, sent as they arise: events, progress, statistics. */
import { errorText } from "../lib/errors.ts";
import type { Exchange } from "./exchange.ts";
import { encodeGoJson } from "./go-json.ts";

/** Sends the headers at once and then each value as a line; ends with `values` or when the client goes away. */
export async function streamJsonLines(exchange: Exchange, values: AsyncIterable<unknown>): Promise<void> {
  exchange.start(200, { "Content-Type": "application/json" });
  for await (const value of values) await exchange.write(encodeGoJson(value));
  await exchange.end();
}

/**
 * Progress of a long action. Until the first line a failure is an ordinary error answer; after it, the status line has
 * left and the failure becomes the stream's last line, as Docker's clients expect.
 */
export async function streamProgress(exchange: Exchange, lines: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const line of lines) {
      if (!exchange.started) exchange.start(200, { "Content-Type": "application/json" });
      await exchange.write(progressText(line));
    }
  } catch (error) {
    if (!exchange.started || exchange.signal.aborted) throw error;
    const message = errorText(error);
    await exchange.write(progressText({ errorDetail: { message }, error: message }));
  }
  if (!exchange.started) exchange.start(200, { "Content-Type": "application/json" });
  await exchange.end();
}

/** Docker ends the lines of progress streams with carriage return and newline. */
function progressText(line: unknown): string {
  return encodeGoJson(line).replace(/\n$/, "\r\n");
}
