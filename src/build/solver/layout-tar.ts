/** An OCI image layout as a tar stream: blobs, index.json, oci-layout. */
import type { Digest } from "../../model/image.ts";
import { MEDIA } from "../../model/media-types.ts";
import type { LayoutBlobs } from "../contract.ts";

const BLOCK_BYTES = 512;
/** What ustar's fields take. */
const MAX_NAME_LENGTH = 100;
const MAX_SIZE = 8 ** 11 - 1;

export async function* layoutTar({ root, blobs, read }: LayoutBlobs): AsyncGenerator<Uint8Array, void> {
  for (const { digest, size } of blobs) {
    yield* header(blobPath(digest), size);
    yield* read(digest);
    yield padding(size);
  }
  const index = { schemaVersion: 2, mediaType: MEDIA.index, manifests: [root] };
  yield* entry("index.json", Buffer.from(JSON.stringify(index)));
  yield* entry("oci-layout", Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" })));
  yield new Uint8Array(2 * BLOCK_BYTES);
}

export function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function* entry(path: string, data: Uint8Array): Generator<Uint8Array, void> {
  yield* header(path, data.length);
  yield data;
  yield padding(data.length);
}

/** Of a plain file; what ustar's fields are too small for stands in a pax header before it (a sha512, eight gigabytes). */
function* header(path: string, size: number): Generator<Uint8Array, void> {
  const records = [
    path.length > MAX_NAME_LENGTH ? paxRecord("path", path) : "",
    size > MAX_SIZE ? paxRecord("size", String(size)) : "",
  ].join("");
  if (records !== "") {
    yield ustarBlock("PaxHeader", records.length, "x");
    yield Buffer.from(records);
    yield padding(records.length);
  }
  yield ustarBlock(path.slice(0, MAX_NAME_LENGTH), size > MAX_SIZE ? 0 : size, "0");
}

/** "LENGTH KEY=VALUE\n"; the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length > length) length += 1;
  return `${length}${rest}`;
}

function ustarBlock(path: string, size: number, kind: "0" | "x"): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, offset: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, offset, "latin1");
  block.write(path, 0, MAX_NAME_LENGTH, "latin1");
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write(`        ${kind}`, 148, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
}
