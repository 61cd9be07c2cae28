/**
 * Docker Hub as its clients see it, on this machine: registry, token server, index and storage under their own names with
 * TLS, reached through a proxy that leads every name here.
 */
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { MEDIA } from "../../src/model/media-types.ts";
import { digestOf } from "./registry-content.ts";

export const HUB_NAMES = [
  "registry-1.docker.io",
  "auth.docker.io",
  "index.docker.io",
  "storage.docker.example",
] as const;

interface SeenRequest {
  host: string;
  method: string;
  /** Path and query. */
  url: string;
  authorization: string | null;
}
export interface FakeHub extends AsyncDisposable {
  /** The daemon's environment. */
  environment: Record<string, string>;
  seen: SeenRequest[];
}

/** Its one user is "me" with the password "secret"; "library/small" is for all, "me/private" for the user. */
export async function startFakeHub(tls: { certPath: string; keyPath: string }): Promise<FakeHub> {
  const seen: SeenRequest[] = [];
  const content = hubContent();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: Bun.file(tls.certPath), key: Bun.file(tls.keyPath) },
    fetch(request) {
      const url = new URL(request.url);
      const host = (request.headers.get("host") ?? "").replace(/:443$/, "");
      const authorization = request.headers.get("authorization");
      seen.push({ host, method: request.method, url: url.pathname + url.search, authorization });
      if (host === "auth.docker.io") return grantToken(url, authorization);
      if (host === "index.docker.io") return search(url);
      if (host === "registry-1.docker.io") return answerRegistry(url.pathname, authorization, content);
      return new Response(content.blobs.get(url.pathname.slice(1)));
    },
  });
  const proxy = http.createServer((_request, response) => response.writeHead(403).end());
  proxy.on("connect", (request: http.IncomingMessage, near: Duplex) => {
    const name = request.url?.replace(/:443$/, "") ?? "";
    if (!HUB_NAMES.some((known) => known === name)) return near.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    const far = net.connect(server.port!, "127.0.0.1", () => {
      near.write("HTTP/1.1 200 Connection established\r\n\r\n");
      near.pipe(far).pipe(near);
    });
    far.on("error", () => near.destroy());
    near.on("error", () => far.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    environment: { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, NO_PROXY: "" },
    seen,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      proxy.close();
      await server.stop(true);
    },
  };
}

function grantToken({ searchParams }: URL, authorization: string | null): Response {
  const isMe = authorization === `Basic ${btoa("me:secret")}`;
  if (authorization !== null && !isMe) {
    return Response.json({ details: "incorrect username or password" }, { status: 401 });
  }
  const open = searchParams.getAll("scope").filter((scope) => isMe || scope.startsWith("repository:library/"));
  // No secret is needed in a test: the token says what it allows.
  return Response.json({ token: btoa(JSON.stringify(open)), expires_in: 300 });
}

function answerRegistry(path: string, authorization: string | null, { manifest, blobs }: HubContent): Response {
  const refuse = (status: number, code: string, message: string, headers = {}) =>
    Response.json({ errors: [{ code, message, detail: {} }] }, { status, headers });
  const challenge = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"';
  if (authorization === null) {
    return refuse(401, "UNAUTHORIZED", "authentication required", { "WWW-Authenticate": challenge });
  }
  if (path === "/v2/") return Response.json({});
  const [, name = "", kind, reference = ""] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(path) ?? [];
  const allowed: string[] = JSON.parse(atob(authorization.slice("Bearer ".length)));
  if (
    !allowed.some((scope) => scope.startsWith(`repository:${name}:`)) ||
    !["library/small", "me/private"].includes(name)
  ) {
    const scope = `scope="repository:${name}:pull",error="insufficient_scope"`;
    return refuse(401, "UNAUTHORIZED", "authentication required", { "WWW-Authenticate": `${challenge},${scope}` });
  }
  if (reference === "limited") {
    return refuse(429, "TOOMANYREQUESTS", "You have reached your pull rate limit. (words of the hub)");
  }
  // As the hub does, blobs come from somewhere else.
  if (kind === "blobs" && blobs.has(reference))
    return Response.redirect(`https://storage.docker.example/${reference}`, 307);
  if (reference !== "latest" && reference !== digestOf(manifest))
    return refuse(404, "MANIFEST_UNKNOWN", "manifest unknown");
  const headers = { "Content-Type": MEDIA.dockerManifest, "Docker-Content-Digest": digestOf(manifest) };
  return new Response(manifest, { headers });
}

function search({ pathname, searchParams }: URL): Response {
  if (pathname !== "/v1/search") return new Response("", { status: 404 });
  const name = searchParams.get("q") ?? "";
  return Response.json({ results: [{ name, description: "found", star_count: 7, is_official: true }] });
}

interface HubContent {
  manifest: string;
  blobs: Map<string, Uint8Array<ArrayBuffer>>;
}

function hubContent(): HubContent {
  const layer = new Uint8Array(10_240);
  const rootfs = { type: "layers", diff_ids: [digestOf(layer)] };
  const config = new TextEncoder().encode(JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs }));
  const describe = (mediaType: string, bytes: Uint8Array) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.dockerManifest,
    config: describe(MEDIA.dockerConfig, config),
    layers: [describe(MEDIA.layer, layer)],
  };
  const blobs = new Map([config, layer].map((bytes) => [digestOf(bytes) as string, bytes]));
  return { manifest: JSON.stringify(manifest), blobs };
}
