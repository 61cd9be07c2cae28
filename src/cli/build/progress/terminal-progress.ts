/** The build on a terminal, drawn anew in place: one write a frame, so that nothing flickers. */
import type { WireEvent } from "../../../model/build-exchange.ts";
import { BuildState } from "./build-state.ts";
import { screenLines } from "./screen.ts";

/** News are gathered for this long; running times move on as often. */
const FRAME_MS = 100;

interface TerminalOptions {
  write(text: string): void;
  /** Asked for every frame, since windows change. */
  size(): { columns: number; rows: number };
  builder: string;
  hasColors: boolean;
}

export class TerminalProgress {
  readonly state = new BuildState();
  private readonly startedMs = Date.now();
  private readonly timer: ReturnType<typeof setInterval>;
  private drawnLines = 0;

  constructor(private readonly options: TerminalOptions) {
    this.timer = setInterval(() => this.draw(false), FRAME_MS);
  }

  take(events: readonly WireEvent[]): void {
    for (const event of events) this.state.take(event);
  }

  /** The last frame has all steps and stays. */
  finish(): void {
    clearInterval(this.timer);
    this.draw(true);
  }

  private draw(isFinished: boolean): void {
    if (!isFinished && this.state.steps.size === 0) return;
    const { columns, rows } = this.options.size();
    const { builder, hasColors } = this.options;
    const { startedMs } = this;
    const lines = screenLines(this.state, {
      columns,
      ...(isFinished ? {} : { rows: rows - 1 }),
      nowMs: Date.now(),
      startedMs,
      isFinished,
      builder,
      hasColors,
    });
    // The cursor goes up, every line is written over and cleared to its end, what is left below is cleared.
    const up = this.drawnLines > 0 ? `\u001b[${this.drawnLines}A\r` : "";
    const text = lines.map((line) => `${line}\u001b[K\n`).join("");
    this.options.write(`\u001b[?25l${up}${text}\u001b[J\u001b[?25h`);
    this.drawnLines = lines.length;
  }
}
