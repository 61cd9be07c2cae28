/**
 * Docker's multiplexed stream: before each piece of output eight bytes that name its stream and length
 * (Engine API specification, ContainerAttach).
 */
import type { OutputChunk } from "../runtime/contract.ts";

const STREAM_NUMBERS = { stdin: 0, stdout: 1, stderr: 2, systemerr: 3 } as const;
export const FRAME_HEADER_BYTES = 8;

/** The header of a frame of `length` bytes. */
function frameHeader(stream: keyof typeof STREAM_NUMBERS, length: number): Uint8Array {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header[0] = STREAM_NUMBERS[stream];
  header.writeUInt32BE(length, 4);
  return header;
}

/** How chunks of output look on the wire: raw for a terminal, in frames where stdout and stderr are two streams. */
export function wireChunks(chunk: OutputChunk, framed: boolean): Uint8Array[] {
  return framed ? [frameHeader(chunk.stream, chunk.data.length), chunk.data] : [chunk.data];
}

/** Of a stream that tells nothing of its form; Docker says so to clients that ask for no upgrade, framed or not. */
export const RAW_STREAM = "application/vnd.docker.raw-stream";

/** The content type that tells a client which of the two it gets; told apart since API version 1.42. */
export function streamContentType(framed: boolean, version: number): string {
  return framed && version >= 42 ? "application/vnd.docker.multiplexed-stream" : RAW_STREAM;
}

const NEWLINE = 10;

/** A chunk of a log with a frame around each line: clients take one frame for one line of the log, as Docker sends them. */
export function lineFrames({ stream, data }: OutputChunk): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const ends: number[] = [];
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, end + 1)) ends.push(end + 1);
  if (ends.at(-1) !== bytes.length && bytes.length > 0) ends.push(bytes.length);
  const framed = Buffer.allocUnsafe(bytes.length + ends.length * FRAME_HEADER_BYTES);
  let start = 0;
  let at = 0;
  for (const end of ends) {
    framed.writeUInt32BE(STREAM_NUMBERS[stream] << 24, at);
    framed.writeUInt32BE(end - start, at + 4);
    bytes.copy(framed, at + FRAME_HEADER_BYTES, start, end);
    at += FRAME_HEADER_BYTES + end - start;
    start = end;
  }
  return framed;
}
