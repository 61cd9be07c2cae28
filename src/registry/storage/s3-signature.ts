/** Amazon's Signature Version 4 for S3, in headers and in addresses (AWS General Reference, "Signature Version 4"). */
import { createHash, createHmac } from "node:crypto";

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

interface SigningScope {
  credentials: S3Credentials;
  region: string;
  now: Date;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
/** The body's own checksum is not signed: TLS protects it on the way, the registry's digests protect it for good. */
const UNSIGNED = "UNSIGNED-PAYLOAD";

/** The headers to send: those given and the signature over all of them. `url` must be percent-encoded by encodePath. */
export function signHeaders(
  method: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  scope: SigningScope,
): Record<string, string> {
  const { credentials } = scope;
  const signed: Record<string, string> = {
    ...lowerCased(headers),
    host: url.host,
    "x-amz-content-sha256": UNSIGNED,
    "x-amz-date": timestamp(scope.now),
    ...(credentials.sessionToken === undefined ? {} : { "x-amz-security-token": credentials.sessionToken }),
  };
  const names = Object.keys(signed).sort();
  const canonicalHeaders = names.map((name) => `${name}:${signed[name]!.trim()}\n`).join("");
  const list = names.join(";");
  const signature = sign([method, url.pathname, canonicalQuery(url), canonicalHeaders, list, UNSIGNED], scope);
  const { host: _sentByFetch, ...rest } = signed;
  const credential = `${credentials.accessKeyId}/${scopeText(scope)}`;
  return {
    ...rest,
    authorization: `${ALGORITHM} Credential=${credential}, SignedHeaders=${list}, Signature=${signature}`,
  };
}

/** An address that anybody may GET for `seconds`. */
export function signAddress(url: URL, seconds: number, scope: SigningScope): string {
  const { credentials, now } = scope;
  const signed = new URL(url);
  const parameters: Record<string, string> = {
    "X-Amz-Algorithm": ALGORITHM,
    "X-Amz-Credential": `${credentials.accessKeyId}/${scopeText(scope)}`,
    "X-Amz-Date": timestamp(now),
    "X-Amz-Expires": String(seconds),
    "X-Amz-SignedHeaders": "host",
    ...(credentials.sessionToken === undefined ? {} : { "X-Amz-Security-Token": credentials.sessionToken }),
  };
  for (const [name, value] of Object.entries(parameters)) signed.searchParams.set(name, value);
  const query = canonicalQuery(signed);
  const signature = sign(["GET", signed.pathname, query, `host:${signed.host}\n`, "host", UNSIGNED], scope);
  signed.search = `${query}&X-Amz-Signature=${signature}`;
  return signed.href;
}

/** A path as S3 signs it: everything but unreserved characters and slashes is encoded. */
export function encodePath(path: string): string {
  return path.split("/").map(encodeStrictly).join("/");
}

function sign(request: readonly string[], scope: SigningScope): string {
  const { credentials, region, now } = scope;
  const hash = createHash("sha256").update(request.join("\n")).digest("hex");
  const text = [ALGORITHM, timestamp(now), scopeText(scope), hash].join("\n");
  const parts = [day(now), region, "s3", "aws4_request"];
  const key = parts.reduce<Buffer>(
    (previous, part) => hmac(previous, part),
    Buffer.from(`AWS4${credentials.secretAccessKey}`),
  );
  return hmac(key, text).toString("hex");
}

function canonicalQuery(url: URL): string {
  return [...url.searchParams]
    .map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`)
    .sort()
    .join("&");
}

function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function scopeText({ region, now }: SigningScope): string {
  return `${day(now)}/${region}/s3/aws4_request`;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** "20261121T111653Z" */
function timestamp(now: Date): string {
  return now.toISOString().replace(/[-:]|\.\d+/g, "");
}

function day(now: Date): string {
  return timestamp(now).slice(0, 8);
}
