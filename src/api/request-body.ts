/** JSON bodies of requests: size limit, content type, and failures in Docker's words. */
import type { Readable } from "node:stream";
import { NaruError } from "../lib/errors.ts";
import { badRequest } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { scanJson } from "./go-json-syntax.ts";
import { decodeShape, type Shape } from "./go-shape.ts";

/** No request of the API comes near this; a larger body is a mistake or an attack. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/**
 * The request's body as `shape` describes it; undefined when there is none (Docker takes that for an empty object
 * except where a route says otherwise).
 * @throws invalid for a content type that is not JSON, a syntax error, or a value of the wrong type.
 */
export async function readJsonBody<T>(exchange: Exchange, shape: Shape): Promise<T | undefined> {
  const value = await readAnyJson(exchange);
  return value === undefined ? undefined : (decodeShape(shape, value) as T);
}

/** The body as it came, for those who check it themselves; undefined when there is none. @throws invalid */
export async function readAnyJson(exchange: Exchange): Promise<unknown> {
  const { request } = exchange;
  const contentType = request.headers["content-type"];
  const chunked = request.headers["transfer-encoding"] !== undefined;
  const hasBody = chunked || Number(request.headers["content-length"] ?? 0) > 0;
  if (contentType === undefined && !hasBody) return undefined;
  checkContentType(contentType ?? "");
  if (!hasBody) return undefined;
  return parseBody(await readText(exchange.body));
}

/** @throws invalid unless `header` is application/json, with or without parameters. */
function checkContentType(header: string): void {
  const mediaType = (header.split(";", 1)[0] ?? "").trim().toLowerCase();
  if (mediaType === "application/json") return;
  if (mediaType === "") throw badRequest("malformed Content-Type header (): mime: no media type");
  if (!mediaType.includes("/")) {
    const reason = /\s/.test(mediaType) ? "expected slash after first token" : "";
    if (reason !== "") throw badRequest(`malformed Content-Type header (${header}): mime: ${reason}`);
  }
  throw badRequest(`unsupported Content-Type header (${header}): must be 'application/json'`);
}

async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) {
      throw badRequest(`the request body is larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const syntax = scanJson(text);
    if (syntax.kind === "empty") throw badRequest("invalid JSON: got EOF while reading request body");
    if (syntax.kind === "truncated") throw badRequest("invalid JSON: unexpected EOF");
    if (syntax.kind === "error") throw badRequest(`invalid JSON: ${syntax.message}`);
    if (text.slice(syntax.end).trim() !== "") throw badRequest("unexpected content after JSON");
    throw new NaruError("invalid", "invalid JSON", { cause });
  }
}
