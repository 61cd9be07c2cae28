/**
 * The few requests of S3 that a registry needs. Bun's own client has no copies on the server's side, by which an upload
 * reaches its final name without its bytes travelling again; so there is one signer and one way of retrying for all.
 */
import { errorText, NaruError } from "../../lib/errors.ts";
import type { StoredObject } from "../contract.ts";
import { encodePath, type S3Credentials, signAddress, signHeaders } from "./s3-signature.ts";

export interface S3Bucket {
  /** "https://s3.eu-central-1.amazonaws.com", "http://127.0.0.1:9000". */
  endpoint: string;
  region: string;
  bucket: string;
  /** True: https://HOST/BUCKET/KEY; false: https://BUCKET.HOST/KEY. */
  pathStyle: boolean;
  credentials: S3Credentials;
}

interface ListPage {
  objects: ({ key: string } & StoredObject)[];
  /** Where the next page begins; undefined at the end. */
  next: string | undefined;
}

interface S3Request {
  method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  key: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Uint8Array;
}

/** Pauses double from the first: some six seconds in all. */
const ATTEMPTS = 7;
const FIRST_PAUSE_MS = 100;
/** Until the answer's headers; a copy of a large part takes its time. */
const ANSWER_MS = 120_000;

/**
 * Milliseconds since 1970. Servers list whole seconds, and some round up (Swift), which would put what was just written into the
 * future: taken is the earliest time that is meant. Whoever needs more knows it better than the bucket (BlobGuard).
 */
function earliestOf(listed: string): number {
  const time = Date.parse(listed);
  return time % 1000 === 0 ? time - 999 : time;
}

export class S3Client {
  private readonly base: URL;

  constructor(private readonly options: S3Bucket) {
    this.base = new URL(options.endpoint);
    if (!options.pathStyle) this.base.hostname = `${options.bucket}.${this.base.hostname}`;
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const response = await this.send({ method: "HEAD", key }, [404]);
    if (response.status === 404) return undefined;
    return {
      size: Number(response.headers.get("content-length")),
      modifiedAt: Date.parse(response.headers.get("last-modified") ?? ""),
    };
  }

  /** The body of an object or of a part of it (`end` is exclusive); undefined when it is not there. */
  async get(key: string, range?: { start: number; end?: number }): Promise<Response | undefined> {
    const headers: Record<string, string> = {};
    if (range !== undefined) headers.range = `bytes=${range.start}-${range.end === undefined ? "" : range.end - 1}`;
    const response = await this.send({ method: "GET", key, headers }, [404]);
    if (response.status !== 404) return response;
    await response.body?.cancel();
    return undefined;
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    await this.drained({ method: "PUT", key, body });
  }

  /** Also of what is not there. */
  async delete(key: string): Promise<void> {
    await this.drained({ method: "DELETE", key }, [404]);
  }

  async copy(from: string, to: string): Promise<void> {
    await this.answeredText({ method: "PUT", key: to, headers: { "x-amz-copy-source": this.source(from) } });
  }

  async list(
    prefix: string,
    { after, limit, next }: { after?: string; limit?: number; next?: string },
  ): Promise<ListPage> {
    const query: Record<string, string> = { "list-type": "2", prefix };
    if (limit !== undefined) query["max-keys"] = String(limit);
    if (next !== undefined) query["continuation-token"] = next;
    else if (after !== undefined) query["start-after"] = after;
    const text = await this.answeredText({ method: "GET", key: "", query });
    const objects = [...text.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, entry]) => ({
      key: field(entry!, "Key") ?? "",
      size: Number(field(entry!, "Size")),
      modifiedAt: earliestOf(field(entry!, "LastModified") ?? ""),
    }));
    return { objects, next: field(text, "IsTruncated") === "true" ? field(text, "NextContinuationToken") : undefined };
  }

  /** @returns the multipart upload's id */
  async beginParts(key: string): Promise<string> {
    const id = field(await this.answeredText({ method: "POST", key, query: { uploads: "" } }), "UploadId");
    if (id === undefined)
      throw new NaruError("unavailable", "the S3 server began a multipart upload without naming it");
    return id;
  }

  /** @returns the part's ETag */
  async putPart(key: string, uploadId: string, part: number, body: Uint8Array): Promise<string> {
    const response = await this.drained({ method: "PUT", key, query: { partNumber: String(part), uploadId }, body });
    return response.headers.get("etag") ?? "";
  }

  /** @returns the part's ETag */
  async copyPart(key: string, uploadId: string, part: number, from: string): Promise<string> {
    const headers = { "x-amz-copy-source": this.source(from) };
    const text = await this.answeredText({
      method: "PUT",
      key,
      query: { partNumber: String(part), uploadId },
      headers,
    });
    return field(text, "ETag") ?? "";
  }

  async finishParts(key: string, uploadId: string, etags: readonly string[]): Promise<void> {
    const parts = etags.map(
      (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${xmlText(etag)}</ETag></Part>`,
    );
    const body = new TextEncoder().encode(`<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`);
    await this.answeredText({ method: "POST", key, query: { uploadId }, body });
  }

  async abandonParts(key: string, uploadId: string): Promise<void> {
    await this.drained({ method: "DELETE", key, query: { uploadId } }, [404]);
  }

  /** Multipart uploads that were begun and never ended, at most a page of them. */
  async listUnfinishedParts(prefix: string): Promise<{ key: string; uploadId: string }[]> {
    const text = await this.answeredText({ method: "GET", key: "", query: { uploads: "", prefix } });
    return [...text.matchAll(/<Upload>(.*?)<\/Upload>/gs)].map(([, entry]) => ({
      key: field(entry!, "Key") ?? "",
      uploadId: field(entry!, "UploadId") ?? "",
    }));
  }

  /** An address from which anybody may fetch the object for `seconds`. */
  temporaryAddress(key: string, seconds: number): string {
    return signAddress(this.address(key, {}), seconds, this.scope());
  }

  private source(key: string): string {
    return encodePath(`/${this.options.bucket}/${key}`);
  }

  private scope() {
    const { credentials, region } = this.options;
    return { credentials, region, now: new Date() };
  }

  private address(key: string, query: Record<string, string>): URL {
    const url = new URL(this.base);
    const root = this.base.pathname.replace(/\/$/, "");
    const bucket = this.options.pathStyle ? `/${encodePath(this.options.bucket)}` : "";
    url.pathname = `${root}${bucket}${key === "" && bucket !== "" ? "" : `/${encodePath(key)}`}`;
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }

  private async drained(request: S3Request, accepted: readonly number[] = []): Promise<Response> {
    const response = await this.send(request, accepted);
    await response.body?.cancel();
    return response;
  }

  /** Copies and the end of an upload may answer 200 and tell a failure in the body. */
  private async answeredText(request: S3Request): Promise<string> {
    const text = await (await this.send(request)).text();
    if (/^\s*(?:<\?xml[^>]*\?>)?\s*<Error>/.test(text)) throw this.failure(request, 200, text);
    return text;
  }

  /** Sends until it is answered with success or one of the `accepted` statuses; what is only busy is asked again. */
  private async send(request: S3Request, accepted: readonly number[] = []): Promise<Response> {
    let pause = FIRST_PAUSE_MS;
    for (let attempt = 1; ; attempt++, pause *= 2) {
      let failure: unknown;
      try {
        const response = await this.attempt(request);
        if (response.ok || accepted.includes(response.status)) return response;
        failure = this.failure(request, response.status, await response.text());
        if (response.status < 500 && response.status !== 429 && response.status !== 408) throw failure;
      } catch (error) {
        if (error === failure) throw error;
        failure = new NaruError(
          "unavailable",
          `the S3 server ${this.base.origin} does not answer: ${errorText(error)}`,
          {
            cause: error,
          },
        );
      }
      if (attempt === ATTEMPTS) throw failure;
      await Bun.sleep(pause * (0.5 + Math.random()));
    }
  }

  private async attempt({ method, key, query = {}, headers = {}, body }: S3Request): Promise<Response> {
    const url = this.address(key, query);
    const timeout = new AbortController();
    // Only until the headers: a body may take as long as its reader does.
    const timer = setTimeout(() => timeout.abort(new Error(`no answer within ${ANSWER_MS / 1000} s`)), ANSWER_MS);
    try {
      return await fetch(url, {
        method,
        headers: signHeaders(method, url, headers, this.scope()),
        body: body as Uint8Array<ArrayBuffer> | undefined,
        redirect: "manual",
        signal: timeout.signal,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  private failure({ method, key }: S3Request, status: number, text: string): NaruError {
    const code = field(text, "Code") ?? String(status);
    const words = field(text, "Message") ?? "";
    const what = `the S3 server refused ${method} ${key === "" ? this.options.bucket : key}: ${code} ${words}`.trim();
    const advice = status === 403 ? " (check the access key, its rights and the region)" : "";
    return new NaruError("unavailable", what + advice);
  }
}

/** The text of the first element of that name. */
function field(xml: string, name: string): string | undefined {
  const match = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml);
  return match === null ? undefined : plainText(match[1]!);
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function plainText(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (whole, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return ENTITIES[name] ?? whole;
  });
}

function xmlText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
