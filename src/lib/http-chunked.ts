const CR = 13;
const LF = 10;

type State = "size" | "data" | "data-end" | "trailer";

/**
 * Decodes a chunked HTTP body (RFC 9112, section 7.1). Payloads are moved together inside each buffer that comes in,
 * so a server that sends a chunk per line costs one piece per read and not one per line.
 */
export class ChunkedDecoder {
  /** True after the last chunk and its trailer. */
  isDone = false;
  /** Bytes of the last buffer that lie behind the body. */
  rest: Uint8Array = new Uint8Array(0);
  private state: State = "size";
  private left = 0;
  private line = "";

  /** The payload in `bytes`, which is overwritten. Throws an Error on bytes that are no chunked body. */
  decode(bytes: Uint8Array): Uint8Array {
    let filled = 0;
    let at = 0;
    while (at < bytes.length && !this.isDone) {
      if (this.state === "data") {
        const take = Math.min(this.left, bytes.length - at);
        if (at !== filled) bytes.copyWithin(filled, at, at + take);
        filled += take;
        at += take;
        this.left -= take;
        if (this.left === 0) this.state = "data-end";
        continue;
      }
      const byte = bytes[at++]!;
      if (byte === LF) this.endLine();
      else if (byte !== CR) this.line += String.fromCharCode(byte);
    }
    this.rest = bytes.subarray(at);
    return bytes.subarray(0, filled);
  }

  private endLine(): void {
    const line = this.line;
    this.line = "";
    if (this.state === "data-end") this.state = "size";
    else if (this.state === "trailer") this.isDone = line === "";
    else {
      const size = /^([0-9a-fA-F]+)\s*(;.*)?$/.exec(line)?.[1];
      if (size === undefined) throw new Error(`malformed chunk size ${JSON.stringify(line)}`);
      this.left = Number.parseInt(size, 16);
      this.state = this.left === 0 ? "trailer" : "data";
    }
  }
}
