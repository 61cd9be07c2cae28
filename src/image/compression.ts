/** Compressed streams: recognised by their first bytes, read in a worker thread, written as gzip members in parallel. */
import { pipeline, Readable } from "node:stream";
import { promisify } from "node:util";
import { createGunzip, createZstdDecompress, gzip, zstdCompress } from "node:zlib";
import { ChunkCutter, type ChunkSizes } from "../lib/content-defined-chunks.ts";
import { NaruError } from "../lib/errors.ts";

export type Compression = "none" | "gzip" | "zstd" | "bzip2" | "xz";

const MAGIC: [Compression, number[]][] = [
  ["gzip", [0x1f, 0x8b, 0x08]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];
const MAGIC_BYTES = 6;

export function detectCompression(start: Uint8Array): Compression {
  const found = MAGIC.find(([, bytes]) => bytes.every((byte, index) => start[index] === byte));
  return found?.[0] ?? "none";
}

/** A stream whose first bytes have been looked at; `chunks` still yields all of it. */
interface DetectedStream {
  compression: Compression;
  chunks: AsyncGenerator<Uint8Array, undefined>;
}

export async function detectStream(input: AsyncIterable<Uint8Array>): Promise<DetectedStream> {
  const iterator = input[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let start = Buffer.alloc(0);
  while (start.length < MAGIC_BYTES) {
    const next = await iterator.next();
    if (next.done) break;
    seen.push(next.value);
    start = Buffer.concat([start, next.value]);
  }
  async function* chunks(): AsyncGenerator<Uint8Array, undefined> {
    try {
      yield* seen;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { compression: detectCompression(start), chunks: chunks() };
}

/** The plain bytes. @throws invalid when the stream is damaged; unavailable when a program is missing */
export async function* decompress(
  input: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array, undefined> {
  if (compression === "none") yield* input;
  else if (compression === "gzip" || compression === "zstd") yield* decompressInProcess(input, compression);
  else yield* decompressByProgram(input, compression);
}

async function* decompressInProcess(input: AsyncIterable<Uint8Array>, compression: "gzip" | "zstd") {
  const options = { chunkSize: 256 * 1024 };
  const decoder = compression === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  // The failure also reaches the reader of `decoder`; an unread error would end the process.
  pipeline(Readable.from(input), decoder, () => {});
  let failed: unknown;
  decoder.on("error", (error) => {
    failed = error;
  });
  try {
    for await (const chunk of decoder) yield chunk as Uint8Array;
    if (failed) throw failed;
  } catch (error) {
    throw decodeFailure(error, compression);
  } finally {
    decoder.destroy();
  }
}

function decodeFailure(error: unknown, compression: Compression): unknown {
  const code = String((error as { code?: unknown }).code ?? "");
  if (code === "Z_BUF_ERROR") return new NaruError("invalid", "unexpected EOF: the archive is cut off");
  if (code.startsWith("Z_") || code.startsWith("ZSTD")) {
    return new NaruError("invalid", `the archive's ${compression} data are damaged: ${(error as Error).message}`);
  }
  return error;
}

const PROGRAMS = {
  bzip2: { command: ["bzip2", "-dc"], package: "bzip2" },
  xz: { command: ["xz", "-dc"], package: "xz-utils" },
} as const;

async function* decompressByProgram(input: AsyncIterable<Uint8Array>, compression: "bzip2" | "xz") {
  const { command, package: packageName } = PROGRAMS[compression];
  if (Bun.which(command[0]) === null) {
    throw new NaruError(
      "unavailable",
      `the archive is compressed with ${compression}, but the program '${command[0]}' is not installed: install the package ${packageName}`,
    );
  }
  await using child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  const feeding = feed(input, child.stdin);
  // A program that ends early closes its input; its own words say why.
  feeding.catch(() => {});
  for await (const chunk of child.stdout) yield chunk;
  if ((await child.exited) !== 0) {
    const words = (await new Response(child.stderr).text()).trim();
    throw new NaruError("invalid", `the archive's ${compression} data are damaged: ${words}`);
  }
  await feeding;
}

async function feed(input: AsyncIterable<Uint8Array>, sink: Bun.FileSink): Promise<void> {
  for await (const chunk of input) {
    sink.write(chunk);
    await sink.flush();
  }
  await sink.end();
}

/**
 * Members end where the content says, so that a changed file changes the compressed bytes around it and no others: the rest
 * of the blob need not travel again. Smaller members than these make the blob noticeably larger.
 */
const MEMBER_SIZES: ChunkSizes = { minBytes: 128 * 1024, averageBytes: 256 * 1024, maxBytes: 1024 * 1024 };
const MEMBERS_IN_FLIGHT = 16;
/** Fast; a layer is compressed while somebody waits. */
const GZIP_LEVEL = 1;
const gzipMember = promisify(gzip) as (data: Uint8Array, options: { level: number }) => Promise<Buffer>;

type CompressPart = (data: Uint8Array) => Promise<Buffer>;
const asGzipMember: CompressPart = (data) => gzipMember(data, { level: GZIP_LEVEL });
/** A frame of zstd; frames one after the other are a zstd file (RFC 8878, 3.1). */
export const asZstdFrame = promisify(zstdCompress) as CompressPart;

/** Compresses into gzip members, several at a time; their concatenation is a gzip file (RFC 1952, 2.2). */
export class GzipMembers {
  private parts: Uint8Array[] = [];
  private readonly cutter = new ChunkCutter(MEMBER_SIZES);
  private readonly inFlight: Promise<Buffer>[] = [];

  /** `write` takes the members in order. */
  constructor(
    private readonly write: (member: Buffer) => void,
    private readonly compressPart = asGzipMember,
  ) {}

  /** Keeps `chunk`, which must not change afterwards. */
  async push(chunk: Uint8Array): Promise<void> {
    for (let start = 0; start < chunk.length; ) {
      const end = this.cutter.next(chunk, start);
      const part = chunk.subarray(start, end < 0 ? chunk.length : end);
      this.parts.push(part);
      start += part.length;
      if (end >= 0) await this.compress();
    }
  }

  async finish(): Promise<void> {
    if (this.parts.length > 0) await this.compress();
    while (this.inFlight.length > 0) await this.writeOldest();
  }

  private async compress(): Promise<void> {
    if (this.inFlight.length >= MEMBERS_IN_FLIGHT) await this.writeOldest();
    const member = this.compressPart(Buffer.concat(this.parts));
    // Awaited later, and not at all after a failure elsewhere.
    member.catch(() => {});
    this.inFlight.push(member);
    this.parts = [];
  }

  private async writeOldest(): Promise<void> {
    const member = this.inFlight.shift();
    if (member) this.write(await member);
  }
}
