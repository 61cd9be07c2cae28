import { CliError } from "./cli-error.ts";
import type { ContextMetadata } from "./context-store.ts";
import { archiveEntries, TAR_END, tarHeader, tarPadding } from "./tar-format.ts";

const MOST_BYTES = 10 * 1024 * 1024;

/** The archive that `context export` writes: `meta.json` and `tls/docker/*.pem`. */
export function contextArchive(context: ContextMetadata, tlsFiles: ReadonlyMap<string, string>): Uint8Array {
  const parts: Uint8Array[] = [];
  const add = (name: string, text: string, mode: number) => {
    const bytes = Buffer.from(text);
    parts.push(tarHeader({ name, mode, size: bytes.length, type: "file" }), bytes, tarPadding(bytes.length));
  };
  add("meta.json", JSON.stringify(context), 0o644);
  parts.push(tarHeader({ name: "tls", mode: 0o700, size: 0, type: "directory" }));
  if (tlsFiles.size > 0) parts.push(tarHeader({ name: "tls/docker", mode: 0o700, size: 0, type: "directory" }));
  for (const [file, text] of [...tlsFiles].sort()) add(`tls/docker/${file}`, text, 0o600);
  return new Uint8Array(Buffer.concat([...parts, TAR_END]));
}

/** Reads such an archive. Throws CliError when it is none, or holds what does not belong there. */
export async function readContextArchive(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ context: ContextMetadata; tlsFiles: Map<string, string> }> {
  let context: ContextMetadata | undefined;
  const tlsFiles = new Map<string, string>();
  let total = 0;
  for await (const entry of archiveEntries(chunks)) {
    if (entry.header.type === "directory") continue;
    total += entry.header.size;
    if (total > MOST_BYTES) throw new CliError("the archive is too large for a context");
    const pieces: Uint8Array[] = [];
    for await (const chunk of entry.body()) pieces.push(chunk);
    const text = Buffer.concat(pieces).toString();
    const name = entry.header.name.replace(/^\.\//, "");
    if (name === "meta.json") context = JSON.parse(text) as ContextMetadata;
    else if (/^tls\/docker\/(ca|cert|key)\.pem$/.test(name)) tlsFiles.set(name.slice("tls/docker/".length), text);
    else throw new CliError(`invalid context file: ${name} does not belong there`);
  }
  if (!context) throw new CliError("invalid context: no metadata found");
  return { context, tlsFiles };
}
