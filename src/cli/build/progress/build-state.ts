/** What a display knows of a build: its steps in order, what happens in each, the last lines that each printed. */
import type { BuildStep, BuildWarning } from "../../../model/build.ts";
import type { WireEvent } from "../../../model/build-exchange.ts";

/** Lines of a step that are kept, for the end of a build that fails. */
const KEPT_LINES = 12;
/** An endless line is cut into pieces of this many characters. */
const MAX_LINE = 16 * 1024;

export interface LogLine {
  /** Seconds since the step began. */
  seconds: number;
  text: string;
}

type StepProgress = Omit<Extract<WireEvent, { type: "progress" }>, "type" | "step">;

/** One step with all that is known of it. */
export class StepState {
  /** By id, in order of their first news. */
  readonly progress = new Map<string, StepProgress>();
  readonly warnings: BuildWarning[] = [];
  /** The last ones. */
  readonly lines: LogLine[] = [];
  private readonly open = { stdout: "", stderr: "" };
  private readonly decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };

  constructor(public step: BuildStep) {}

  get isStarted(): boolean {
    return this.step.startedAt !== undefined;
  }

  get isCompleted(): boolean {
    return this.step.completedAt !== undefined;
  }

  /** Takes a piece of output; returns the lines that it completed. */
  takeLog(event: Extract<WireEvent, { type: "log" }>): LogLine[] {
    const { stream, at } = event;
    const bytes = "text" in event ? Buffer.from(event.text) : Buffer.from(event.base64, "base64");
    const pieces = `${this.open[stream]}${this.decoders[stream].decode(bytes, { stream: true })}`.split("\n");
    this.open[stream] = pieces.pop() ?? "";
    if (this.open[stream].length > MAX_LINE) {
      pieces.push(this.open[stream]);
      this.open[stream] = "";
    }
    return this.keep(pieces, at);
  }

  /** What was printed last without the end of a line. */
  endLog(at: number): LogLine[] {
    const rest = [this.open.stdout, this.open.stderr].filter((text) => text !== "");
    this.open.stdout = "";
    this.open.stderr = "";
    return this.keep(rest, at);
  }

  private keep(pieces: readonly string[], at: number): LogLine[] {
    const seconds = Math.max(0, (at - (this.step.startedAt ?? at)) / 1000);
    const lines = pieces.map((text) => ({ seconds, text: lastWritten(text) }));
    this.lines.push(...lines);
    this.lines.splice(0, Math.max(0, this.lines.length - KEPT_LINES));
    return lines;
  }
}

/** What a terminal would show of a line that was written over and over with "\r". */
function lastWritten(text: string): string {
  const trimmed = text.replace(/\r+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("\r") + 1);
}

/** Something new, in the terms of the state. */
export type StateChange =
  | { kind: "step"; state: StepState }
  | { kind: "progress"; state: StepState; progress: StepProgress }
  | { kind: "lines"; state: StepState; lines: LogLine[] }
  | { kind: "warning"; state: StepState; warning: BuildWarning };

export class BuildState {
  readonly steps = new Map<string, StepState>();

  take(event: WireEvent): StateChange | undefined {
    switch (event.type) {
      case "step": {
        const state = this.of(event.step.digest, event.step);
        state.step = event.step;
        return { kind: "step", state };
      }
      case "progress": {
        const state = this.steps.get(event.step);
        if (!state) return undefined;
        const { type: _type, step: _step, ...progress } = event;
        state.progress.set(progress.id, progress);
        return { kind: "progress", state, progress };
      }
      case "log": {
        const state = this.steps.get(event.step);
        return state && { kind: "lines", state, lines: state.takeLog(event) };
      }
      case "warning": {
        const state = this.steps.get(event.step);
        if (!state) return undefined;
        state.warnings.push(event.warning);
        return { kind: "warning", state, warning: event.warning };
      }
      default:
        return undefined;
    }
  }

  get counts(): { completed: number; total: number } {
    let completed = 0;
    for (const state of this.steps.values()) if (state.isCompleted) completed += 1;
    return { completed, total: this.steps.size };
  }

  private of(digest: string, step: BuildStep): StepState {
    const known = this.steps.get(digest);
    if (known) return known;
    const fresh = new StepState(step);
    this.steps.set(digest, fresh);
    return fresh;
  }
}

/** "31B", "1.99MB", as docker's builder writes sizes. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes}B`;
  let value = bytes;
  let unit = -1;
  while (value >= 1000 && unit < 3) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(2)}${["kB", "MB", "GB", "TB"][unit]}`;
}

/** "sha256:ab 1.05MB / 29.00MB" */
export function progressText({ id, current, total }: StepProgress): string {
  const amount = total > 0 ? `${sizeText(current)} / ${sizeText(total)}` : current > 0 ? sizeText(current) : "";
  // A transfer of a known size that is over needs no second number.
  const shown = total > 0 && current === total ? sizeText(total) : amount;
  return shown === "" ? id : `${id} ${shown}`;
}

export function warningText({ rule, short, ranges }: BuildWarning): string {
  const line = ranges[0]?.start.line;
  return `${rule}: ${short}${line === undefined ? "" : ` (line ${line})`}`;
}
