/** Stands between a client and a registry: counts what goes through, slows it down, spoils it. */
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface WatchedRequest {
  method: string;
  path: string;
  /** Of the request's Range header. */
  range: string | undefined;
  status: number;
  /** Bytes of the answer's body that were passed on. */
  sentBytes: number;
}

export interface WatchedRegistry extends AsyncDisposable {
  /** "127.0.0.1:PORT". */
  host: string;
  requests: WatchedRequest[];
  /** Downloads of blobs, with the given digest or all. */
  blobReads(digest?: string): WatchedRequest[];
  /** Milliseconds of rest after each piece of a blob's body. */
  restMs: number;
  /** Changes each piece of a blob's body; undefined ends the connection. */
  spoil: ((piece: Buffer, request: WatchedRequest) => Buffer | undefined) | undefined;
}

const BLOB = /^\/v2\/.*\/blobs\/(sha256:[0-9a-f]{64})$/;

export async function watchRegistry(target: string): Promise<WatchedRegistry> {
  const [hostname, port] = target.split(":");
  const watched: WatchedRegistry = {
    host: "",
    requests: [],
    restMs: 0,
    spoil: undefined,
    blobReads: (digest) =>
      watched.requests.filter(({ method, path }) => {
        const found = BLOB.exec(path)?.[1];
        return method === "GET" && found !== undefined && (digest === undefined || digest === found);
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = http.createServer((request, response) => {
    const { method = "GET", url = "/", headers } = request;
    const entry: WatchedRequest = { method, path: url, range: headers.range, status: 0, sentBytes: 0 };
    watched.requests.push(entry);
    const outgoing = http.request({ hostname, port, method, path: url, headers }, (answer) => {
      entry.status = answer.statusCode ?? 0;
      response.writeHead(entry.status, answer.headers);
      passOn(watched, entry, answer, response).catch(() => response.destroy());
    });
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    request.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  watched.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return watched;
}

async function passOn(
  watched: WatchedRegistry,
  entry: WatchedRequest,
  answer: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const isBlob = entry.method === "GET" && BLOB.test(entry.path);
  for await (const piece of answer as AsyncIterable<Buffer>) {
    const bytes = isBlob && watched.spoil ? watched.spoil(piece, entry) : piece;
    if (bytes === undefined) {
      response.destroy();
      return;
    }
    entry.sentBytes += bytes.length;
    if (!response.write(bytes)) await room(response);
    if (response.destroyed) return;
    if (isBlob && watched.restMs > 0) await Bun.sleep(watched.restMs);
  }
  response.end();
}

/** Resolves when the response takes more, or is gone. */
async function room(response: http.ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const go = () => {
      response.off("drain", go).off("close", go);
      resolve();
    };
    response.on("drain", go).on("close", go);
  });
}
