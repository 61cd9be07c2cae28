/** Chooses how a build's progress is shown. All of it goes to standard error: standard output is for results. */
import type { WireEvent } from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import { isTerminal, writeErr } from "../output.ts";
import type { BuildState } from "./progress/build-state.ts";

export interface Display {
  readonly state: BuildState | undefined;
  take(events: readonly WireEvent[]): void;
  finish(): void;
}

const MODES = ["auto", "none", "plain", "quiet", "rawjson", "tty"];

/** Opens the display that `--progress`, `--quiet` and BUILDKIT_PROGRESS ask for. Throws CliError. */
export async function openDisplay(
  flags: { progress: string; quiet: boolean },
  options: { isGiven: boolean; program: string },
): Promise<Display> {
  const wished = options.isGiven ? flags.progress : process.env.BUILDKIT_PROGRESS || flags.progress;
  if (!MODES.includes(wished)) {
    throw new CliError(`invalid progress mode ${wished}: there are ${MODES.join(", ")}`);
  }
  if (flags.quiet && options.isGiven && !["auto", "quiet", "none"].includes(wished)) {
    throw new CliError(`progress=${wished} and quiet cannot be used together`);
  }
  const mode =
    flags.quiet || wished === "none" ? "quiet" : wished === "auto" ? (isTerminal(2) ? "tty" : "plain") : wished;
  if (mode === "quiet") return { state: undefined, take: () => {}, finish: () => {} };
  if (mode === "rawjson") {
    const { RawJsonProgress } = await import("./progress/raw-json-progress.ts");
    return new RawJsonProgress(writeErr);
  }
  if (mode === "plain") {
    const { PlainProgress } = await import("./progress/plain-progress.ts");
    return new PlainProgress(writeErr, { driver: options.program });
  }
  const { TerminalProgress } = await import("./progress/terminal-progress.ts");
  return new TerminalProgress({
    write: writeErr,
    size: screenSize,
    builder: `${options.program}:default`,
    hasColors: usesColors(),
  });
}

/** Only on terminals, and not where the user wishes none (no-color.org). */
export function usesColors(): boolean {
  return isTerminal(2) && !process.env.NO_COLOR && process.env.TERM !== "dumb";
}

function screenSize(): { columns: number; rows: number } {
  const [columns = 0, rows = 0] = isTerminal(2) ? process.stderr.getWindowSize() : [];
  return { columns: columns || 80, rows: rows || 24 };
}
