/** Bytes of one output stream: 1 is standard output, 2 standard error, 3 an error of the daemon. */
interface OutputRun {
  stream: 1 | 2 | 3;
  bytes: Uint8Array;
}

const HEADER_BYTES = 8;

/**
 * Takes apart the stream of a container without terminal: frames with a header of 8 bytes (stream, three zeros, length
 * in network order; Engine API, ContainerAttach). Frames of the same stream are moved together inside each buffer, so
 * that a million short log lines become few writes.
 */
export class Demultiplexer {
  private readonly header = new Uint8Array(HEADER_BYTES);
  private headerFilled = 0;
  private left = 0;
  private stream: OutputRun["stream"] = 1;

  /** The runs in `bytes`, which is overwritten. */
  decode(bytes: Uint8Array): OutputRun[] {
    const runs: OutputRun[] = [];
    let start = 0;
    let filled = 0;
    let runStream = this.stream;
    const close = (at: number) => {
      if (filled > start) runs.push({ stream: runStream, bytes: bytes.subarray(start, filled) });
      start = at;
      filled = at;
    };
    for (let at = 0; at < bytes.length; ) {
      if (this.left > 0) {
        if (runStream !== this.stream) close(at);
        runStream = this.stream;
        const take = Math.min(this.left, bytes.length - at);
        if (at !== filled) bytes.copyWithin(filled, at, at + take);
        filled += take;
        at += take;
        this.left -= take;
        continue;
      }
      this.header[this.headerFilled++] = bytes[at++]!;
      if (this.headerFilled === HEADER_BYTES) this.startFrame();
    }
    close(bytes.length);
    return runs;
  }

  private startFrame(): void {
    const [stream, , , , a = 0, b = 0, c = 0, d = 0] = this.header;
    this.headerFilled = 0;
    this.left = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
    if (stream !== undefined && stream > 3) throw new Error(`Unrecognized input header: ${stream}`);
    this.stream = stream === 2 || stream === 3 ? stream : 1;
  }
}
