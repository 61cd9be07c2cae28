/** GET, HEAD and DELETE of blobs. */

import { unknownBlob } from "../catalog/blobs.ts";
import { parseDigest } from "../names.ts";
import { parseDownloadRange } from "./byte-range.ts";
import { contentHeaders, emptyReply, isUnchanged, type RegistryExchange, unsupported } from "./exchange.ts";

const BLOB_TYPE = "application/octet-stream";
const GATHERED_BYTES = 4 * 1024 * 1024;
/** Content with a digest never changes. */
const FOR_EVER = "max-age=31536000";

export async function answerBlob(exchange: RegistryExchange, reference: string): Promise<Response> {
  const { method, catalog, repository, actor } = exchange;
  const digest = parseDigest(reference);
  if (method === "DELETE") {
    await catalog.deleteBlob(repository, digest, actor);
    return emptyReply(202);
  }
  if (method !== "GET" && method !== "HEAD") throw unsupported(method);
  const found = await catalog.findBlob(repository, digest);
  if (found === undefined) throw unknownBlob(digest);
  const headers: Record<string, string> = {
    ...contentHeaders({ digest, mediaType: BLOB_TYPE }),
    "Accept-Ranges": "bytes",
    "Cache-Control": FOR_EVER,
  };
  if (isUnchanged(exchange.request, digest)) return emptyReply(304, headers);
  const address = method === "GET" ? catalog.blobAddress(repository, digest) : undefined;
  if (address !== undefined) return emptyReply(307, { Location: address, "Docker-Content-Digest": digest });
  const range = wantedRange(exchange.request, digest, found.size);
  if (range !== undefined) headers["Content-Range"] = `bytes ${range.start}-${range.end - 1}/${found.size}`;
  const { start, end } = range ?? { start: 0, end: found.size };
  headers["Content-Length"] = String(end - start);
  const init = { status: range === undefined ? 200 : 206, headers };
  if (method === "HEAD" || start === end) return new Response(null, init);
  const path = catalog.localBlobPath(repository, digest);
  if (path === undefined)
    return await streamedReply(exchange, await catalog.readBlob(repository, digest, range), end - start, init);
  // Bun answers a file by sendfile(2), and its Range by itself; a slice is not cut again.
  return new Response(range === undefined ? Bun.file(path) : Bun.file(path).slice(start, end), init);
}

/** If-Range (RFC 9110, 13.1.5): the rest is only of use to who has the same beginning. */
function wantedRange(request: Request, digest: string, size: number): { start: number; end: number } | undefined {
  const condition = request.headers.get("if-range");
  if (condition !== null && condition !== `"${digest}"`) return undefined;
  return parseDownloadRange(request.headers.get("range"), size);
}

/**
 * Bun sends streams without their length (in chunks, and cut off when the stream fails); so what is small enough is
 * gathered first. Clients know the size of the rest from the manifest.
 */
async function streamedReply(
  { broken }: RegistryExchange,
  pieces: AsyncIterable<Uint8Array>,
  length: number,
  init: ResponseInit,
): Promise<Response> {
  if (length > GATHERED_BYTES) return new Response(streamOf(pieces, broken), init);
  return new Response(Buffer.concat(await Array.fromAsync(pieces)), init);
}

/** Pulls a piece when the client has room for one. */
function streamOf(pieces: AsyncIterable<Uint8Array>, onFailure: (error: unknown) => void): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await iterator.next();
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        } catch (error) {
          onFailure(error);
          // Cuts the connection, so that nobody takes the beginning for the whole. With an error Bun would print its code.
          controller.error(undefined);
        }
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
