/** GET, HEAD, PUT and DELETE of manifests. */
import { MAX_MANIFEST_BYTES, tooLarge } from "../catalog/manifest-content.ts";
import { unknownManifest } from "../catalog/manifests.ts";
import { isDigest } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import { contentHeaders, emptyReply, isUnchanged, type RegistryExchange, unsupported } from "./exchange.ts";

export async function answerManifest(exchange: RegistryExchange, reference: string): Promise<Response> {
  const { method, catalog, repository, actor } = exchange;
  switch (method) {
    case "GET":
    case "HEAD":
      return await fetchManifest(exchange, reference);
    case "PUT":
      return await putManifest(exchange, reference);
    case "DELETE":
      await catalog.deleteManifest(repository, reference, actor);
      return emptyReply(202);
    default:
      throw unsupported(method);
  }
}

async function fetchManifest(exchange: RegistryExchange, reference: string): Promise<Response> {
  const { method, request, catalog, repository, actor } = exchange;
  // Whoever may have it already is answered without reading the content.
  const isProbe = method === "HEAD" || request.headers.has("if-none-match");
  const manifest = isProbe ? undefined : await catalog.findManifest(repository, reference);
  const descriptor = isProbe ? await catalog.findDescriptor(repository, reference) : manifest?.descriptor;
  if (descriptor === undefined) throw unknownManifest(repository, reference);
  checkAccepted(request.headers.get("accept"), descriptor.mediaType, { name: repository, reference });
  const headers = contentHeaders(descriptor);
  if (isUnchanged(request, descriptor.digest)) return emptyReply(304, headers);
  headers["Content-Length"] = String(descriptor.size);
  if (method === "HEAD") return new Response(null, { headers });
  // By digest: the tag may have moved on meanwhile.
  const { bytes } = manifest ?? (await catalog.findManifest(repository, descriptor.digest)) ?? {};
  if (bytes === undefined) throw unknownManifest(repository, reference);
  catalog.recordPull(repository, descriptor, isDigest(reference) ? undefined : reference, actor);
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers });
}

async function putManifest(exchange: RegistryExchange, reference: string): Promise<Response> {
  const { request, shownName, catalog, repository, actor } = exchange;
  const mediaType = request.headers.get("content-type") ?? "";
  const bytes = await readLimited(exchange);
  const { digest, subject } = await catalog.putManifest(repository, reference, { mediaType, bytes }, actor);
  return emptyReply(201, {
    Location: `/v2/${shownName}/manifests/${digest}`,
    "Docker-Content-Digest": digest,
    ...(subject === undefined ? {} : { "OCI-Subject": subject }),
  });
}

/** @throws SIZE_INVALID (413) as soon as it is known */
async function readLimited(exchange: RegistryExchange): Promise<Uint8Array> {
  if (Number(exchange.request.headers.get("content-length") ?? 0) > MAX_MANIFEST_BYTES) throw tooLarge();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of exchange.body()) {
    bytes += piece.length;
    if (bytes > MAX_MANIFEST_BYTES) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** @throws MANIFEST_UNKNOWN when the client would not know what to do with the manifest */
function checkAccepted(header: string | null, mediaType: string, detail: { name: string; reference: string }): void {
  if (accepts(header, mediaType)) return;
  throw new RegistryError("MANIFEST_UNKNOWN", `the manifest is a ${mediaType}, which the Accept header does not name`, {
    detail: { ...detail, mediaType },
  });
}

/** Weights are of no use here: there is one form of each manifest. */
function accepts(header: string | null, mediaType: string): boolean {
  if (header === null || header.trim() === "") return true;
  return header.split(",").some((entry) => {
    const [type, ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    if (parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) return false;
    return type === mediaType || type === "*/*" || type === "application/*" || type === "application/json";
  });
}
