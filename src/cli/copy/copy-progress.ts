import { humanSize } from "../../lib/human-size.ts";
import type { CommandContext } from "../command.ts";
import { isTerminal } from "../output.ts";

const FIRST_AFTER_MS = 300;
const EVERY_MS = 100;

/** Tells at a terminal how much has been copied; says nothing elsewhere. */
export class CopyProgress {
  private bytes = 0;
  private shownAt = Date.now() + FIRST_AFTER_MS - EVERY_MS;
  private isShown = false;
  private readonly isOn: boolean;

  constructor(
    private readonly context: CommandContext,
    private readonly title: string,
    quiet: boolean,
  ) {
    this.isOn = !quiet && isTerminal(2);
  }

  /** Passes a stream on and counts it. */
  async *count(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.bytes += chunk.length;
      this.draw();
      yield chunk;
    }
  }

  /** Ends with one line about the whole. */
  finish(destination: string): void {
    if (!this.isOn) return;
    this.clear();
    this.context.printError(`Successfully copied ${humanSize(this.bytes, 3)} to ${destination}\n`);
  }

  /** Takes the line away, for an error to be told in its place. */
  clear(): void {
    if (this.isShown) this.context.printError("\r\x1b[K");
    this.isShown = false;
  }

  private draw(): void {
    const now = Date.now();
    if (!this.isOn || now - this.shownAt < EVERY_MS) return;
    this.shownAt = now;
    this.isShown = true;
    this.context.printError(`\r\x1b[K${this.title} - ${humanSize(this.bytes, 3)}`);
  }
}
