/** The bars of Docker's progress streams: drawn by the client for its terminal, and by the daemon for those that do not. */
import { humanSize } from "./human-size.ts";

export interface ProgressDetail {
  current?: number;
  total?: number;
  /** Unix seconds when the step began. */
  start?: number;
  hidecounts?: boolean;
  units?: string;
}

const BAR_STEPS = 50;
const LEAST_COLUMNS_FOR_BAR = 110;
const LEAST_COLUMNS_FOR_TIME = 50;

/** `[====>    ]  1.2MB/3.4MB 5s`, as much of it as the columns allow; empty when nothing is known. */
export function progressBar(detail: ProgressDetail, columns: number, nowMs = Date.now()): string {
  const { current = 0, total = 0, units = "" } = detail;
  if (current <= 0 && total <= 0) return "";
  const amount = (value: number) => (units === "" ? humanSize(value) : `${value}`);
  const suffix = units === "" ? "" : ` ${units}`;
  if (total <= 0) return units === "" ? amount(current).padStart(8) : `${current}${suffix}`;
  const done = Math.min(Math.trunc(Math.trunc((current / total) * 100) / 2), BAR_STEPS);
  const bar =
    columns > LEAST_COLUMNS_FOR_BAR ? `[${"=".repeat(done)}>${" ".repeat(Math.max(BAR_STEPS - done, 0))}] ` : "";
  const width = units === "" ? 8 : 0;
  let numbers = "";
  if (!detail.hidecounts) {
    const both = current <= total ? `/${amount(total)}` : "";
    numbers = `${amount(current).padStart(width)}${both}${suffix}`;
  }
  return `${bar}${numbers}${columns > LEAST_COLUMNS_FOR_TIME ? timeLeft(detail, done, nowMs) : ""}`;
}

/** The seconds that remain at the speed so far. */
function timeLeft({ current = 0, total = 0, start = 0 }: ProgressDetail, done: number, nowMs: number): string {
  if (current <= 0 || start <= 0 || done >= BAR_STEPS) return "";
  const passedSeconds = Math.trunc(nowMs / 1000) - start;
  const leftSeconds = Math.trunc((passedSeconds / current) * (total - current));
  const minutes = Math.trunc(leftSeconds / 60);
  return ` ${minutes > 0 ? `${minutes}m` : ""}${leftSeconds % 60}s`;
}
