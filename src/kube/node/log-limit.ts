/** The first bytes of a log. */

/** All of it without a limit. */
export async function* limitBytes(
  chunks: AsyncIterable<{ data: Uint8Array }>,
  limit: number | undefined,
): AsyncGenerator<Uint8Array> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  for await (const { data } of chunks) {
    if (data.length >= left) {
      yield data.subarray(0, left);
      return;
    }
    left -= data.length;
    yield data;
  }
}
