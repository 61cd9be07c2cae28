/** The lines that a terminal shows of a build: a header, a line a step, below it what happens in the step. */
import { type BuildState, progressText, type StepState, warningText } from "./build-state.ts";

interface ScreenOptions {
  columns: number;
  /** Lines that fit; older steps that are done give way. Undefined: all are shown. */
  rows?: number;
  nowMs: number;
  startedMs: number;
  isFinished: boolean;
  /** What stands at the right end of the header, such as "docker:default". */
  builder: string;
  hasColors: boolean;
}

const COLOR = { done: "\u001b[34m", failed: "\u001b[31m", warned: "\u001b[33m", plain: "\u001b[0m" } as const;
/** Lines of output below a running step. */
const LOG_LINES = 6;
const BAR_COLUMNS = 20;
/** " => => " and a time. */
const LINE_ENDS = 16;

type Color = keyof typeof COLOR | undefined;

export function screenLines(state: BuildState, options: ScreenOptions): string[] {
  const blocks = [...state.steps.values()].filter(({ isStarted }) => isStarted).map((step) => stepLines(step, options));
  const lines = fitting(blocks, options.rows).flatMap(({ lines: shown }) => shown);
  return [header(state, options), ...lines];
}

function header(state: BuildState, { startedMs, nowMs, isFinished, builder, columns }: ScreenOptions): string {
  const { completed, total } = state.counts;
  const seconds = ((nowMs - startedMs) / 1000).toFixed(1);
  const left = `[+] Building ${seconds}s (${completed}/${total})${isFinished ? " FINISHED" : ""}`;
  return aligned(left, builder, columns);
}

interface Block {
  lines: string[];
  isRunning: boolean;
}

function stepLines(state: StepState, options: ScreenOptions): Block {
  const { step } = state;
  const { columns, nowMs } = options;
  const isRunning = step.completedAt === undefined;
  const seconds = ((step.completedAt ?? nowMs) - step.startedAt!) / 1000;
  const color: Color = step.error !== undefined ? "failed" : isRunning ? undefined : "done";
  const line = aligned(` => ${endMark(state)}${step.name}`, `${seconds.toFixed(1)}s`, columns);
  const lines = [painted(line, color, options)];
  const below = (text: string, time = "", belowColor: Color = color) =>
    lines.push(painted(aligned(` => => ${text}`, time, columns), belowColor, options));
  if (step.missReason !== undefined && !step.cached) below(`cache miss: ${step.missReason}`);
  for (const progress of state.progress.values()) {
    const time = ((progress.completedAt ?? nowMs) - progress.startedAt) / 1000;
    const text = progressText(progress);
    const bar = progress.completedAt === undefined ? barText(progress.current, progress.total) : "";
    const isRoom = width(text) + bar.length + LINE_ENDS <= columns;
    below(isRoom ? `${text}${bar}` : text, `${time.toFixed(1)}s`);
  }
  for (const warning of state.warnings) below(`WARN: ${warningText(warning)}`, "", "warned");
  if (isRunning) for (const { text } of state.lines.slice(-LOG_LINES)) below(`# ${text}`);
  return { lines, isRunning };
}

function endMark({ step }: StepState): string {
  if (step.completedAt === undefined) return "";
  if (step.error !== undefined) return /context canceled$/.test(step.error) ? "CANCELED " : "ERROR ";
  return step.cached ? "CACHED " : "";
}

function barText(current: number, total: number): string {
  if (total <= 0) return "";
  const filled = Math.min(BAR_COLUMNS, Math.floor((current / total) * BAR_COLUMNS));
  return ` [${"=".repeat(filled)}${filled < BAR_COLUMNS ? ">" : ""}${" ".repeat(Math.max(0, BAR_COLUMNS - filled - 1))}]`;
}

/** Steps that are done go first when there are too many lines; of running ones the first lines stay. */
function fitting(blocks: Block[], rows: number | undefined): Block[] {
  if (rows === undefined) return blocks;
  let excess = blocks.reduce((sum, { lines }) => sum + lines.length, 0) - (rows - 1);
  const kept: Block[] = [];
  for (const block of blocks) {
    if (excess > 0 && !block.isRunning) excess -= block.lines.length;
    else kept.push(block);
  }
  for (const block of kept) {
    const extra = Math.min(Math.max(0, excess), block.lines.length - 1);
    excess -= extra;
    if (extra > 0) block.lines = [block.lines[0]!, ...block.lines.slice(1 + extra)];
  }
  return kept.slice(Math.max(0, excess));
}

function aligned(left: string, right: string, columns: number): string {
  const clean = left.replaceAll("\t", "    ").replace(/\u001b\[[0-9;?]*[A-Za-z]|[\u0000-\u001f\u007f]/g, "");
  const room = columns - (right === "" ? 0 : Bun.stringWidth(right) + 1);
  const shown = Bun.stringWidth(clean) > room ? cut(clean, Math.max(0, room - 1)) : clean;
  return right === "" ? shown : `${shown}${" ".repeat(Math.max(1, columns - width(shown) - width(right)))}${right}`;
}

function width(text: string): number {
  return Bun.stringWidth(text);
}

/** To so many columns; wide characters count twice. */
function cut(text: string, columns: number): string {
  let taken = 0;
  let result = "";
  for (const character of text) {
    taken += Bun.stringWidth(character);
    if (taken > columns) break;
    result += character;
  }
  return result;
}

function painted(line: string, color: Color, { hasColors }: ScreenOptions): string {
  return hasColors && color !== undefined ? `${COLOR[color]}${line}${COLOR.plain}` : line;
}
