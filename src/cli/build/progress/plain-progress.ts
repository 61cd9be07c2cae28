/** Numbered steps, line by line; one step is told at a time, the others wait for their turn. */
import type { WireEvent } from "../../../model/build-exchange.ts";
import {
  BuildState,
  type LogLine,
  progressText,
  type StateChange,
  type StepState,
  warningText,
} from "./build-state.ts";

/** A step that says nothing for so long gives way to others that have something to tell. */
const QUIET_MS = 1500;
const LOOK_MS = 500;
/** Running transfers are told this often. */
const PROGRESS_MS = 5000;
/** Shorter times are not worth telling. */
const LEAST_SECONDS = 0.01;

/** What a step has to tell and has not told yet. */
interface Untold {
  lines: string[];
  number: number | undefined;
  /** When progress with that id was told last. */
  progressAt: Map<string, number>;
  reasonTold: boolean;
  endTold: boolean;
}

export class PlainProgress {
  readonly state = new BuildState();
  private readonly untold = new Map<StepState, Untold>();
  private current: StepState | undefined;
  private lastTold: StepState | undefined;
  private numbers = 0;
  private quietSince = 0;
  private readonly timer: ReturnType<typeof setInterval>;

  /** `now` in Unix milliseconds. */
  constructor(
    private readonly write: (text: string) => void,
    private readonly options: { driver: string; now?: () => number },
  ) {
    this.write(`#0 building with "default" instance using ${options.driver} driver\n`);
    this.timer = setInterval(() => this.turn(), LOOK_MS);
  }

  take(events: readonly WireEvent[]): void {
    for (const event of events) {
      const change = this.state.take(event);
      if (change) this.note(change);
    }
    this.turn();
  }

  /** Tells what is left. */
  finish(): void {
    clearInterval(this.timer);
    for (const state of this.untold.keys()) {
      if (state.isStarted && this.hasNews(state)) this.tell(state);
    }
  }

  private now(): number {
    return this.options.now?.() ?? Date.now();
  }

  private note(change: StateChange): void {
    const { state } = change;
    const untold = this.of(state);
    if (change.kind === "lines") for (const line of change.lines) untold.lines.push(logText(line));
    else if (change.kind === "warning") untold.lines.push(`WARN: ${warningText(change.warning)}`);
    else if (change.kind === "progress") {
      const { progress } = change;
      const told = untold.progressAt.get(progress.id) ?? progress.startedAt;
      if (progress.completedAt === undefined && this.now() - told < PROGRESS_MS) return;
      untold.progressAt.set(progress.id, this.now());
      const seconds = ((progress.completedAt ?? this.now()) - progress.startedAt) / 1000;
      const time = seconds > LEAST_SECONDS ? ` ${seconds.toFixed(1)}s` : "";
      untold.lines.push(`${progressText(progress)}${time}${progress.completedAt === undefined ? "" : " done"}`);
    } else if (state.isCompleted) {
      for (const line of state.endLog(state.step.completedAt!)) untold.lines.push(logText(line));
    }
  }

  private of(state: StepState): Untold {
    let untold = this.untold.get(state);
    if (untold === undefined) {
      untold = { lines: [], number: undefined, progressAt: new Map(), reasonTold: false, endTold: false };
      this.untold.set(state, untold);
    }
    return untold;
  }

  private hasNews(state: StepState): boolean {
    const { lines, number, endTold } = this.of(state);
    return lines.length > 0 || number === undefined || (state.isCompleted && !endTold);
  }

  /** Tells the step whose turn it is, and those after it that are done. */
  private turn(): void {
    for (;;) {
      if (this.current === undefined || (this.current.isCompleted && this.of(this.current).endTold)) {
        this.current = this.next();
        if (this.current === undefined) return;
      }
      const { current } = this;
      if (this.hasNews(current)) {
        this.tell(current);
        this.quietSince = this.now();
        if (current.isCompleted) continue;
      }
      if (this.now() - this.quietSince < QUIET_MS) return;
      const other = this.next();
      if (other === undefined || other === current) return;
      this.current = other;
    }
  }

  /** Steps that are done go first, in the order in which they began. */
  private next(): StepState | undefined {
    const waiting = [...this.untold.keys()].filter((state) => state.isStarted && this.hasNews(state));
    return waiting.find((state) => state.isCompleted) ?? waiting[0];
  }

  private tell(state: StepState): void {
    const untold = this.of(state);
    let text = "";
    if (this.lastTold !== state) {
      const before = this.lastTold && this.of(this.lastTold);
      if (before && !before.endTold) text += `#${before.number} ...\n`;
      untold.number ??= ++this.numbers;
      text += `\n#${untold.number} ${state.step.name}\n`;
      this.lastTold = state;
    }
    const prefix = `#${untold.number} `;
    const { missReason } = state.step;
    if (missReason !== undefined && !untold.reasonTold) {
      text += `${prefix}cache miss: ${missReason}\n`;
      untold.reasonTold = true;
    }
    for (const line of untold.lines.splice(0)) text += `${prefix}${line}\n`;
    if (state.isCompleted && !untold.endTold) {
      text += `${prefix}${endText(state)}\n`;
      untold.endTold = true;
    }
    this.write(text);
  }
}

function logText({ seconds, text }: LogLine): string {
  return `${seconds.toFixed(3)} ${text}`.trimEnd();
}

function endText({ step }: StepState): string {
  if (step.error !== undefined) return /context canceled$/.test(step.error) ? "CANCELED" : `ERROR: ${step.error}`;
  if (step.cached) return "CACHED";
  return `DONE ${((step.completedAt! - step.startedAt!) / 1000).toFixed(1)}s`;
}
