/** Small tar archives for tests, hostile ones too. */
import { encodeHeader, padding, type TarEntry } from "../../src/image/tar-header.ts";

export interface TestEntry extends Partial<Omit<TarEntry, "path" | "size">> {
  path: string;
  content?: string | Uint8Array;
}

export function tarEntry({ path, content, ...change }: TestEntry): TarEntry {
  return {
    type: "file",
    path,
    linkPath: "",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content === undefined ? 0 : Buffer.byteLength(content),
    modifiedAt: { seconds: 1_700_000_000, nanoseconds: 0 },
    major: 0,
    minor: 0,
    xattrs: new Map(),
    ...change,
  };
}

export function tarOf(entries: TestEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? "");
    return [encodeHeader(tarEntry(entry)), content, padding(content.length)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** The bytes as a stream of chunks. */
export async function* streamOf(data: Uint8Array, step = 65536): AsyncGenerator<Uint8Array, undefined> {
  for (let at = 0; at < data.length; at += step) yield data.subarray(at, at + step);
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
