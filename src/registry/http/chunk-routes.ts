/** Chunks of blobs, for naru's own clients (docs/chunked-transfer.md); other clients never ask. */
import { CHUNK_LIST_TYPE, ChunkList, MAX_CHUNK_LIST_BYTES } from "../../lib/chunk-list.ts";
import type { ChunkLists } from "../chunks/chunk-lists.ts";
import { parseDigest } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import { jsonReply, type RegistryExchange, unsupported } from "./exchange.ts";

/** GET: which chunks a blob consists of. */
export async function answerChunkList(
  exchange: RegistryExchange,
  lists: ChunkLists,
  digest: string,
): Promise<Response> {
  const { method, repository } = exchange;
  if (method !== "GET" && method !== "HEAD") throw unsupported(method);
  const list = await lists.get(repository, parseDigest(digest));
  return new Response(list.encode(), { headers: { "Content-Type": CHUNK_LIST_TYPE } });
}

/** POST of a list: which stretches of that blob the repository has in others. Reply: {"known": [[offset, length, digest, its offset] …]}. */
export async function answerKnownChunks(exchange: RegistryExchange, lists: ChunkLists): Promise<Response> {
  const { method, repository } = exchange;
  if (method !== "POST") throw unsupported(method);
  const list = ChunkList.decode(await readBody(exchange.body()));
  const stretches = await lists.locate(repository, list);
  const known = stretches.flatMap(({ offset, length, source, sourceOffset }) =>
    source === undefined ? [] : [[offset, length, source, sourceOffset]],
  );
  return jsonReply({ known });
}

async function readBody(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > MAX_CHUNK_LIST_BYTES) throw new RegistryError("SIZE_INVALID", "the list of chunks is too long");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
