/**
 * The body of a request that asks for an upgrade: the HTTP parser stops at the headers, so the body is the first
 * Content-Length bytes of the connection, and what follows is the upgraded protocol's.
 */
import { type Duplex, Readable } from "node:stream";
import { badRequest } from "./errors.ts";

/** Bodies before an upgrade are small JSON objects (exec start, attach). */
const MAX_UPGRADE_BODY_BYTES = 1024 * 1024;

/** @throws invalid when the length is missing, or too large to be one of those. */
export function takeUpgradeBody(connection: Duplex, headers: { [name: string]: unknown }): Readable {
  if (headers["transfer-encoding"] !== undefined) {
    throw badRequest("a request that asks for an upgrade must send its body with a Content-Length");
  }
  const length = Number(headers["content-length"] ?? 0);
  if (!(length <= MAX_UPGRADE_BODY_BYTES)) {
    throw badRequest(`the body of a request that asks for an upgrade may have ${MAX_UPGRADE_BODY_BYTES} bytes`);
  }
  return Readable.from(firstBytes(connection, length), { objectMode: false });
}

async function* firstBytes(connection: Duplex, length: number): AsyncGenerator<Uint8Array> {
  let missing = length;
  while (missing > 0) {
    const chunk: Buffer | undefined = connection.read() ?? (await nextChunk(connection));
    if (chunk === undefined) throw badRequest("unexpected EOF");
    if (chunk.length > missing) connection.unshift(chunk.subarray(missing));
    yield chunk.subarray(0, missing);
    missing -= Math.min(chunk.length, missing);
  }
}

/** Undefined when the connection ended. */
function nextChunk(connection: Duplex): Promise<Buffer | undefined> {
  if (connection.destroyed || connection.readableEnded) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const settle = (chunk: Buffer | undefined) => {
      connection.off("readable", onReadable);
      connection.off("end", onEnd);
      connection.off("close", onEnd);
      resolve(chunk);
    };
    const onReadable = () => {
      const chunk: Buffer | null = connection.read();
      if (chunk !== null) settle(chunk);
    };
    const onEnd = () => settle(undefined);
    connection.on("readable", onReadable);
    connection.once("end", onEnd);
    connection.once("close", onEnd);
  });
}
