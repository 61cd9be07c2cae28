/** The distribution API request by request, for tests that look at statuses and headers. */
import { createHash } from "node:crypto";

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
export const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
export const EMPTY = "application/vnd.oci.empty.v1+json";

export type Bytes = Uint8Array<ArrayBuffer>;

export interface TestBlob {
  bytes: Bytes;
  digest: string;
  size: number;
}
export interface TestManifest extends TestBlob {
  mediaType: string;
}

export function blob(content: Bytes | string, algorithm = "sha256"): TestBlob {
  const bytes = typeof content === "string" ? (new TextEncoder().encode(content) as Bytes) : content;
  return { bytes, digest: `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`, size: bytes.length };
}

let counter = 0;
/** A blob that no other test has. */
export function freshBlob(size = 100): TestBlob {
  const bytes = new Uint8Array(size);
  crypto.getRandomValues(bytes.subarray(0, Math.min(size, 65_536)));
  new TextEncoder().encodeInto(String(counter++), bytes);
  return blob(bytes);
}

export function manifest(content: Record<string, unknown>, mediaType = OCI_MANIFEST): TestManifest {
  return { ...blob(JSON.stringify({ schemaVersion: 2, mediaType, ...content })), mediaType };
}

export function imageManifest(config: TestBlob, layers: TestBlob[], more: Record<string, unknown> = {}): TestManifest {
  const describe = (entry: TestBlob, mediaType: string) => ({ mediaType, digest: entry.digest, size: entry.size });
  return manifest({
    config: describe(config, OCI_CONFIG),
    layers: layers.map((layer) => describe(layer, OCI_LAYER)),
    ...more,
  });
}

export class DistributionClient {
  constructor(readonly url: string) {}

  send(method: string, path: string, init: Omit<RequestInit, "method"> = {}): Promise<Response> {
    return fetch(path.startsWith("http") ? path : this.url + path, { ...init, method, redirect: "manual" });
  }

  /** Begins an upload. @returns its address */
  async begin(name: string): Promise<string> {
    const response = await this.send("POST", `/v2/${name}/blobs/uploads/`);
    if (response.status !== 202) throw new Error(`POST: ${response.status} ${await response.text()}`);
    return response.headers.get("location")!;
  }

  patch(address: string, bytes: RequestInit["body"], headers: Record<string, string> = {}): Promise<Response> {
    return this.send("PATCH", address, { body: bytes, headers });
  }

  put(
    address: string,
    digest: string,
    bytes?: RequestInit["body"],
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const separator = address.includes("?") ? "&" : "?";
    return this.send("PUT", `${address}${separator}digest=${digest}`, { body: bytes, headers });
  }

  async pushBlob(name: string, content: TestBlob): Promise<void> {
    const response = await this.put(await this.begin(name), content.digest, content.bytes);
    if (response.status !== 201) throw new Error(`PUT: ${response.status} ${await response.text()}`);
  }

  putManifest(name: string, reference: string, { bytes, mediaType }: TestManifest): Promise<Response> {
    const headers = { "Content-Type": mediaType };
    return this.send("PUT", `/v2/${name}/manifests/${reference}`, { body: bytes, headers });
  }

  /** An image of a config and layers of its own, under a tag. */
  async pushImage(
    name: string,
    tag: string,
    layers = [freshBlob()],
  ): Promise<{ image: TestManifest; config: TestBlob }> {
    const config = blob(JSON.stringify({ architecture: "amd64", os: "linux", created: String(counter++) }));
    for (const content of [config, ...layers]) await this.pushBlob(name, content);
    const image = imageManifest(config, layers);
    const response = await this.putManifest(name, tag, image);
    if (response.status !== 201) throw new Error(`PUT manifest: ${response.status} ${await response.text()}`);
    return { image, config };
  }
}

/** Status and the first error code of an answer. */
export async function failure(response: Response): Promise<[status: number, code: string]> {
  const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
  if (typeof errors[0]?.message !== "string") throw new Error("the error has no message");
  return [response.status, errors[0].code];
}
