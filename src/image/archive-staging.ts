/**
 * Takes an image archive apart into a staging directory: every file under a number, with its digest, so that nothing
 * an archive calls its files can matter. Runs in a worker thread.
 */
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { closeFd, fromRaw, O, openPath } from "../linux/file-calls.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { Digest } from "../model/image.ts";
import { entryPath, insideRoot } from "./archive-names.ts";
import { decompress, detectStream } from "./compression.ts";
import { BlobOutput, tap, UnpackGuard, type UnpackLimits } from "./layer-ingest.ts";
import type { TarEntry } from "./tar-header.ts";
import { TarReader, type TarSink } from "./tar-reader.ts";

export interface StagedFile {
  /** In the staging directory. */
  fileName: string;
  digest: Digest;
  size: number;
}
/** Paths in the archive → files, and paths that are links → the path they stand for. */
export interface StagedArchive {
  files: [path: string, file: StagedFile][];
  links: [path: string, target: string][];
}

const MAX_FILES = 20_000;
/** Files of an OCI layout whose names are sha512 digests. */
const SHA512_BLOBS = "blobs/sha512/";

/** @throws invalid for anything that an image archive has no use for */
export async function stageArchive(
  input: AsyncIterable<Uint8Array>,
  params: { directory: string; limits: UnpackLimits },
): Promise<StagedArchive> {
  const fd = openPath(params.directory, O.RDONLY | O.DIRECTORY);
  const sink = new StagingSink(params.directory);
  try {
    const guard = new UnpackGuard(fd, params.limits);
    const detected = await detectStream(input);
    const reader = new TarReader(sink);
    const source = tap(detected.chunks, (chunk) => guard.countInput(chunk.length));
    for await (const chunk of decompress(source, detected.compression)) {
      guard.countUnpacked(chunk.length);
      reader.push(Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength));
    }
    reader.finish();
    return { files: [...sink.files], links: [...sink.links] };
  } catch (error) {
    if (errorCode(error) === "ENOSPC") throw new NaruError("unavailable", "no space left on device while loading");
    throw error;
  } finally {
    sink.close();
    closeFd(fd);
  }
}

class StagingSink implements TarSink {
  readonly files = new Map<string, StagedFile>();
  readonly links = new Map<string, string>();
  private output: BlobOutput | undefined;
  private current: { path: string; fileName: string } | undefined;
  private count = 0;

  constructor(private readonly directory: string) {}

  begin(entry: TarEntry): void {
    const path = fromRaw(entryPath(entry));
    if (entry.type === "directory") return;
    if (this.files.has(path) || this.links.has(path)) {
      throw new NaruError("invalid", `invalid archive: ${path} is in it more than once`);
    }
    if (entry.type === "symlink" || entry.type === "hardlink") this.links.set(path, linkTarget(path, entry));
    else if (entry.type === "file") this.open(path);
    else
      throw new NaruError("invalid", `invalid archive: ${path} is a ${entry.type} device, which no image archive has`);
  }

  data(chunk: Buffer, offset: number, length: number): void {
    this.output?.write(chunk.subarray(offset, offset + length));
  }

  end(): void {
    if (!this.output || !this.current) return;
    const { path, fileName } = this.current;
    this.files.set(path, { fileName, digest: this.output.digest(), size: this.output.bytes });
    this.close();
  }

  close(): void {
    this.output?.close();
    this.output = undefined;
    this.current = undefined;
  }

  private open(path: string): void {
    this.count += 1;
    if (this.count > MAX_FILES) throw new NaruError("invalid", `invalid archive: more than ${MAX_FILES} files`);
    const fileName = this.count.toString(36);
    this.current = { path, fileName };
    this.output = new BlobOutput(join(this.directory, fileName), path.startsWith(SHA512_BLOBS) ? "sha512" : "sha256");
  }
}

/** Docker before 25 wrote equal layers as symbolic links to the first one. */
function linkTarget(path: string, entry: TarEntry): string {
  const relative = entry.type === "symlink" && !entry.linkPath.startsWith("/");
  const slash = path.lastIndexOf("/");
  const base = relative && slash >= 0 ? `${path.slice(0, slash)}/` : "";
  const target = insideRoot(`${base}${entry.linkPath}`);
  if (target !== undefined) return fromRaw(target);
  throw new NaruError("invalid", `invalid archive: the link ${path} leads out of it (${fromRaw(entry.linkPath)})`);
}
