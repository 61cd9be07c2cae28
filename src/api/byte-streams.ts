/** Bodies of plain bytes: archives going out and coming in. */
import type { Exchange, Headers } from "./exchange.ts";

/**
 * Sends `chunks` as the body. A failure before the first chunk is an ordinary error answer; after it the transfer is cut,
 * so that nobody takes half an archive for a whole one.
 */
export async function streamBytes(
  exchange: Exchange,
  chunks: AsyncIterable<Uint8Array>,
  headers: Headers,
): Promise<void> {
  for await (const chunk of chunks) {
    if (!exchange.started) exchange.start(200, headers);
    await exchange.write(chunk);
  }
  if (!exchange.started) exchange.start(200, headers);
  await exchange.end();
}

/** The body of the request, read no faster than it is used. */
export function requestBytes(exchange: Exchange): AsyncIterable<Uint8Array> {
  return exchange.body;
}
