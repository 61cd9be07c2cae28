/** Uploads of blobs: POST, PATCH, PUT, GET and DELETE under blobs/uploads/. */
import { applyEdit, BLOB_EDIT_TYPE } from "../../lib/blob-edit.ts";
import { unknownBlob } from "../catalog/blobs.ts";
import { uploadRange } from "../catalog/uploads.ts";
import { parseDigest } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import { parseChunkRange } from "./byte-range.ts";
import { emptyReply, type RegistryExchange, unsupported } from "./exchange.ts";

/** POST: mount, single request with a digest, or the beginning of an upload. */
export async function answerUploads(exchange: RegistryExchange): Promise<Response> {
  const { method, query, catalog, repository, actor, grant } = exchange;
  if (method !== "POST") throw unsupported(method);
  const mount = query.get("mount");
  if (mount !== null) {
    const digest = parseDigest(mount);
    const mayRead = (name: string) => grant.may(name, "pull");
    const from = query.get("from") ?? undefined;
    if (await catalog.mountBlob(repository, digest, from, mayRead, actor)) return stored(exchange, digest);
    return started(exchange, await catalog.beginUpload(repository));
  }
  const digest = query.get("digest");
  if (digest === null) return started(exchange, await catalog.beginUpload(repository));
  const wanted = parseDigest(digest);
  const id = await catalog.beginUpload(repository);
  try {
    await catalog.appendUpload(repository, id, 0, exchange.body());
    await catalog.finishUpload(repository, id, wanted, actor);
  } catch (error) {
    // Nobody knows this upload's address, so nobody will go on with it.
    await catalog.abandonUpload(repository, id).catch(() => {});
    throw error;
  }
  return stored(exchange, wanted);
}

/** One upload: a chunk, its end, its state, its removal. */
export async function answerUpload(exchange: RegistryExchange, id: string): Promise<Response> {
  const { method, query, catalog, repository, actor } = exchange;
  switch (method) {
    case "PATCH": {
      const size = await append(exchange, id);
      return emptyReply(202, state(exchange, id, size));
    }
    case "PUT": {
      const digest = query.get("digest");
      if (digest === null) throw new RegistryError("DIGEST_INVALID", "the query parameter digest is missing");
      const wanted = parseDigest(digest);
      if (exchange.request.body !== null) await append(exchange, id);
      await catalog.finishUpload(repository, id, wanted, actor);
      return stored(exchange, wanted);
    }
    case "GET":
    case "HEAD":
      return emptyReply(204, state(exchange, id, await catalog.uploadSize(repository, id)));
    case "DELETE":
      await catalog.abandonUpload(repository, id);
      return emptyReply(204);
    default:
      throw unsupported(method);
  }
}

async function append(exchange: RegistryExchange, id: string): Promise<number> {
  const { request, catalog, repository } = exchange;
  try {
    if (request.headers.get("content-type") === BLOB_EDIT_TYPE) {
      return await catalog.appendUpload(repository, id, 0, editedBlob(exchange));
    }
    const range = parseChunkRange(request.headers.get("content-range"));
    if (range === undefined) return await catalog.appendUpload(repository, id, undefined, exchange.body());
    const length = request.headers.get("content-length");
    if (length !== null && Number(length) !== range.length) throw wrongLength(range.length, Number(length));
    return await catalog.appendUpload(repository, id, range.start, exactly(exchange.body(), range.length));
  } catch (error) {
    if (!(error instanceof RegistryError) || error.code !== "RANGE_INVALID") throw error;
    // With the state, so that the client can go on from there.
    const headers = state(exchange, id, await catalog.uploadSize(repository, id));
    throw new RegistryError("RANGE_INVALID", error.message, { ...error.answer, headers });
  }
}

/** A whole blob, told as pieces of blobs of this repository and new bytes. */
function editedBlob({ catalog, repository, body }: RegistryExchange): AsyncIterable<Uint8Array> {
  return applyEdit(body(), async (source, start, end) => {
    const found = await catalog.findBlob(repository, source);
    if (found === undefined) throw unknownBlob(source);
    if (end > found.size) throw new RegistryError("SIZE_INVALID", `blob ${source} has ${found.size} bytes, not ${end}`);
    return await catalog.readBlob(repository, source, { start, end });
  });
}

/** @throws SIZE_INVALID when the chunk is not as long as its Content-Range says; nothing beyond it is taken */
async function* exactly(body: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  let taken = 0;
  for await (const piece of body) {
    taken += piece.length;
    if (taken > length) throw wrongLength(length, taken);
    yield piece;
  }
  if (taken < length) throw wrongLength(length, taken);
}

function wrongLength(stated: number, actual: number): RegistryError {
  return new RegistryError("SIZE_INVALID", `the Content-Range says ${stated} bytes, the body has ${actual}`);
}

function uploadAddress({ shownName, query }: RegistryExchange, id: string): string {
  const upstream = query.get("ns");
  return `/v2/${shownName}/blobs/uploads/${id}${upstream === null ? "" : `?ns=${encodeURIComponent(upstream)}`}`;
}

function state(exchange: RegistryExchange, id: string, size: number): Record<string, string> {
  return { Location: uploadAddress(exchange, id), Range: uploadRange(size), "Docker-Upload-UUID": id };
}

function started(exchange: RegistryExchange, id: string): Response {
  return emptyReply(202, state(exchange, id, 0));
}

function stored({ shownName }: RegistryExchange, digest: string): Response {
  return emptyReply(201, { Location: `/v2/${shownName}/blobs/${digest}`, "Docker-Content-Digest": digest });
}
