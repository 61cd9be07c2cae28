/**
 * Sends a blob: POST opens a session, PATCH streams into it, PUT closes it. After a break the registry tells how much it has
 * and the rest follows. Small blobs go with the closing PUT.
 */
import type { ChunkList } from "../lib/chunk-list.ts";
import { NaruError } from "../lib/errors.ts";
import type { Digest } from "../model/image.ts";
import { ConnectionError } from "./connection-error.ts";
import type { HttpReply } from "./http-reply.ts";
import { errorOfReply, RegistryError } from "./registry-error.ts";
import type { HostRequest } from "./registry-host.ts";
import { delayBefore, mayPass, pause, type RetryRule } from "./retry.ts";

export interface UploadTarget {
  send(path: string | URL, request: HostRequest): Promise<HttpReply>;
  /** "/v2/<name>/blobs/uploads/". */
  uploadsPath: string;
  /** Where a registry of naru's is asked which chunks it knows. */
  chunksPath: string;
}
export interface BlobToSend {
  digest: Digest;
  size: number;
}
export interface BlobBytes {
  open(offset: number, length?: number): AsyncIterable<Uint8Array>;
  listChunks?(): Promise<ChunkList>;
}
export interface UploadOptions {
  signal?: AbortSignal;
  onProgress?: (bytesSent: number) => void;
}

/** Up to this size one request with the whole blob is cheaper than a stream. */
export const SMALL_BLOB_BYTES = 256 * 1024;
const OCTETS = { "Content-Type": "application/octet-stream" };

/** @throws {RegistryError} denied, digest invalid, …; {ConnectionError} after the last try; what `source` throws */
export async function pushBlob(
  target: UploadTarget,
  blob: BlobToSend,
  source: BlobBytes,
  rule: RetryRule,
  options: UploadOptions,
): Promise<void> {
  const upload = new BlobUpload(target, blob, source, options);
  let best = 0;
  for (let failures = 1; ; failures++) {
    try {
      return await upload.proceed();
    } catch (error) {
      if (options.signal?.aborted) {
        await upload.cancel();
        throw options.signal.reason;
      }
      // More than ever before has arrived: the line works, if badly.
      if (upload.received > best) failures = 1;
      best = Math.max(best, upload.received);
      const isLost = error instanceof RegistryError && (error.status === 404 || error.status === 416);
      if (failures >= rule.attempts || !(isLost || mayPass(error, rule.longestDelayMs))) {
        await upload.cancel();
        throw error;
      }
      await pause(delayBefore(failures, error, rule), options.signal);
      await upload.learnState();
    }
  }
}

class BlobUpload {
  /** Bytes that the registry is known to have. */
  received = 0;
  /** The session; undefined before it is open, or when it is lost. */
  private session: URL | undefined;

  constructor(
    private readonly target: UploadTarget,
    private readonly blob: BlobToSend,
    private readonly source: BlobBytes,
    private readonly options: UploadOptions,
  ) {}

  /** Goes on from where the upload stands to its end. */
  async proceed(): Promise<void> {
    this.session ??= await this.open();
    const { size } = this.blob;
    if (size <= SMALL_BLOB_BYTES && this.received === 0) return this.close(await this.whole());
    if (this.received < size) await this.stream();
    await this.close();
  }

  /** After a failure: what has the registry got? When it does not know the session any more, all starts again. */
  async learnState(): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    try {
      const reply = await this.target.send(session, { method: "GET", signal: this.options.signal });
      await reply.discard();
      if (reply.status === 204) {
        this.follow(reply);
        this.received = receivedBytes(reply);
        return;
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
    this.session = undefined;
    this.received = 0;
  }

  /** Tells the registry to forget the session. It may be gone, and nothing depends on it. */
  async cancel(): Promise<void> {
    if (this.session === undefined) return;
    const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS);
    await this.target
      .send(this.session, { method: "DELETE", signal })
      .then((reply) => reply.discard())
      .catch(() => {});
  }

  private async open(): Promise<URL> {
    const { signal } = this.options;
    const reply = await this.target.send(this.target.uploadsPath, { method: "POST", signal });
    if (reply.status !== 202) throw await errorOfReply(reply);
    await reply.discard();
    this.received = 0;
    return this.follow(reply);
  }

  private async whole(): Promise<Uint8Array<ArrayBuffer>> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.source.open(0)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  private async stream(): Promise<void> {
    const { size } = this.blob;
    const start = this.received;
    // The first stream says no range, as docker's does: registries from before the specification know nothing else.
    const range: Record<string, string> = start === 0 ? {} : { "Content-Range": `${start}-${size - 1}` };
    const reply = await this.target.send(this.session!, {
      method: "PATCH",
      headers: { ...OCTETS, "Content-Length": String(size - start), ...range },
      body: () => this.counted(start),
      signal: this.options.signal,
    });
    if (reply.status !== 202 && reply.status !== 204 && reply.status !== 201) throw await errorOfReply(reply);
    await reply.discard();
    this.session = this.follow(reply);
    this.received = size;
  }

  private async *counted(start: number): AsyncGenerator<Uint8Array> {
    const { digest, size } = this.blob;
    // A body that is not as long as was said would leave the registry waiting.
    const wrong = (length: number) =>
      new NaruError("invalid", `blob ${digest}: expected ${size} bytes to send, got ${length}`);
    let sent = start;
    for await (const piece of this.source.open(start)) {
      if (sent + piece.length > size) throw wrong(sent + piece.length);
      yield piece;
      sent += piece.length;
      this.options.onProgress?.(sent);
    }
    if (sent < size) throw wrong(sent);
  }

  private async close(body?: Uint8Array<ArrayBuffer>): Promise<void> {
    const url = new URL(this.session!);
    url.searchParams.set("digest", this.blob.digest);
    const reply = await this.target.send(url, {
      method: "PUT",
      headers: { ...OCTETS, "Content-Length": String(body?.length ?? 0) },
      body: body && (() => body),
      signal: this.options.signal,
    });
    if (reply.status !== 201 && reply.status !== 204) throw await errorOfReply(reply);
    await reply.discard();
    this.session = undefined;
    if (body !== undefined) this.options.onProgress?.(this.blob.size);
  }

  private follow(reply: HttpReply): URL {
    return nextAddress(reply, this.session);
  }
}

/** The session's address moves with every answer (distribution specification, "Pushing blobs"). */
export function nextAddress(reply: HttpReply, before?: URL): URL {
  const location = reply.headers.get("location");
  const next = location === null ? before : URL.parse(location, reply.url.href);
  if (!next) throw new RegistryError("unavailable", `${reply.url.host} opened an upload without a Location`, "", 502);
  // Registries behind a proxy that ends TLS often name themselves with http.
  if (reply.url.protocol === "https:" && next.hostname === reply.url.hostname && next.protocol === "http:") {
    next.protocol = "https:";
    next.port = reply.url.port;
  }
  return next;
}

const CANCEL_TIMEOUT_MS = 5000;

/** "0-1023" of the Range header means 1024 bytes; "0-0" is what empty sessions say. */
function receivedBytes(reply: HttpReply): number {
  const end = /^(?:bytes=)?0-(\d+)$/.exec(reply.headers.get("range") ?? "")?.[1];
  return end === undefined || end === "0" ? 0 : Number(end) + 1;
}
