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

/** The content type that tells a client which of the two it gets; told apart since API version 1.42. */
export function streamContentType(framed: boolean, version: number): string {
  return framed && version >= 42 ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream";
}
