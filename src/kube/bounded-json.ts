/** JSON from servers that are not ours: an answer without an end must not fill the daemon's memory. */

/** As much as a long list of large objects, converted all at once, has. */
const MOST_BYTES = 64 * 1024 * 1024;

/** @param chunks of the body; no more is read from them after a failure @throws Error for what is too large or no JSON */
export async function boundedJson(chunks: AsyncIterable<Uint8Array>, mostBytes = MOST_BYTES): Promise<unknown> {
  const kept: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > mostBytes) throw new Error(`the answer has more than ${mostBytes} bytes`);
    kept.push(chunk);
  }
  return JSON.parse(Buffer.concat(kept).toString());
}
