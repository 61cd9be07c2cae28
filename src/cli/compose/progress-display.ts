import type { OnProgress, ProgressEvent } from "../../compose/contract.ts";
import { humanSize } from "../../lib/human-size.ts";
import { isSwitchedOn } from "../go-bool.ts";
import { isTerminal, writeErr, writeOut } from "../output.ts";
import type { ComposeContext } from "./declaration.ts";
import { ansiWish, usesColors } from "./screen.ts";

/** Where progress is shown: standard error, or standard output with COMPOSE_STATUS_STDOUT. */
const shownOn = (): 1 | 2 => (isSwitchedOn(process.env.COMPOSE_STATUS_STDOUT) ? 1 : 2);
const write = (text: string) => (shownOn() === 1 ? writeOut(text) : writeErr(text));

/** Shows what is done. */
interface ProgressDisplay {
  readonly take: OnProgress;
  /** The last picture stays. May be called more than once. */
  finish(): void;
}

const NOTHING: ProgressDisplay = { take: () => {}, finish: () => {} };

/**
 * The display that `--progress`, COMPOSE_PROGRESS and the terminal ask for: a picture drawn anew, a line for each change, or a JSON
 * object for each. `title` stands over the picture: `Running`, `Pulling`.
 */
export function openProgressDisplay(context: ComposeContext, title: string, quiet = false): ProgressDisplay {
  const wished = context.globals.progress || process.env.COMPOSE_PROGRESS || "auto";
  const drawsAnew = wished === "tty" || (wished === "auto" && isTerminal(shownOn()) && ansiWish(context) !== "never");
  if (quiet || wished === "quiet") return NOTHING;
  if (wished === "json") return { take: (event) => write(`${jsonLine(event)}\n`), finish: () => {} };
  if (!drawsAnew) return { take: (event) => write(plainLine(event)), finish: () => {} };
  return new ProgressPicture(title, usesColors(context, shownOn()));
}

/** `Container p-web-1` and its like have a kind; what else is shown (services, layers) has none. */
const hasKind = (id: string) => /^(Container|Network|Volume|Image|Secret|Config) /.test(id);

function plainLine({ id, text, current, total }: ProgressEvent): string {
  const bytes = current !== undefined && total ? ` ${humanSize(current)}/${humanSize(total)}` : "";
  return ` ${id}${hasKind(id) ? "  " : " "}${text}${bytes}\n`;
}

function jsonLine({ id, parent, text, state, current, total }: ProgressEvent): string {
  const error = state === "error" ? { error: true } : {};
  const what = hasKind(id) ? { status: text } : { text };
  return JSON.stringify({
    ...error,
    id,
    ...(parent === undefined ? {} : { parent_id: parent }),
    ...what,
    current,
    total,
  });
}

/** News are gathered for this long; running times move on as often. */
const FRAME_MS = 100;
/** Lines that the picture leaves free below. */
const FREE_ROWS = 2;
const BAR = "⠀⡀⣀⣄⣤⣦⣶⣷⣿";

interface PictureLine {
  event: ProgressEvent;
  startedMs: number;
  endedMs?: number;
  layers: Map<string, ProgressEvent>;
}

class ProgressPicture implements ProgressDisplay {
  private readonly lines = new Map<string, PictureLine>();
  private timer: ReturnType<typeof setInterval> | undefined;
  private drawnLines = 0;

  constructor(
    private readonly title: string,
    private readonly hasColors: boolean,
  ) {}

  readonly take = (event: ProgressEvent): void => {
    this.timer ??= setInterval(() => this.draw(), FRAME_MS);
    if (event.parent !== undefined) {
      this.lines.get(event.parent)?.layers.set(event.id, event);
      return;
    }
    const line: PictureLine = this.lines.get(event.id) ?? { event, startedMs: Date.now(), layers: new Map() };
    line.event = event;
    line.endedMs = event.state === "working" ? undefined : Date.now();
    this.lines.set(event.id, line);
  };

  finish(): void {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    this.draw(true);
    // What comes after a pause is a picture of its own.
    this.drawnLines = 0;
  }

  private draw(isLast = false): void {
    const all = [...this.lines.values()];
    const done = all.filter(({ event }) => event.state !== "working").length;
    const { columns, rows } = screenSize();
    const room = isLast ? all.length : Math.max(1, rows - FREE_ROWS);
    // Where not all fit, what goes on is more of interest than what is over.
    const shown =
      all.length <= room ? all : [...all.filter(({ event }) => event.state === "working"), ...all].slice(0, room);
    const width = Math.max(0, ...shown.map(({ event }) => event.id.length));
    const texts = [
      `[+] ${this.title} ${done}/${all.length}`,
      ...[...new Set(shown)].map((line) => this.lineText(line, width, columns)),
    ];
    const up = this.drawnLines > 0 ? `\x1b[${this.drawnLines}A\r` : "";
    write(`\x1b[?25l${up}${texts.map((text) => `${text}\x1b[K\n`).join("")}\x1b[J\x1b[?25h`);
    this.drawnLines = texts.length;
  }

  private lineText({ event, startedMs, endedMs, layers }: PictureLine, width: number, columns: number): string {
    const seconds = `${(((endedMs ?? Date.now()) - startedMs) / 1000).toFixed(1)}s`;
    const transfer = layers.size > 0 && event.state === "working" ? ` ${transferText([...layers.values()])}` : "";
    const plain = ` ${SIGNS[event.state]} ${event.id.padEnd(width)} ${transfer} ${event.text}`;
    const cut =
      Bun.stringWidth(plain) + seconds.length + 2 > columns
        ? `${plain.slice(0, columns - seconds.length - 3)}…`
        : plain;
    const padded = cut + " ".repeat(Math.max(1, columns - 1 - Bun.stringWidth(cut) - seconds.length));
    return this.hasColors ? `\x1b[${COLORS[event.state]}m${padded}\x1b[34m${seconds}\x1b[0m` : `${padded}${seconds}`;
  }
}

/** Some terminals tell no size. */
function screenSize(): { columns: number; rows: number } {
  const [columns = 0, rows = 0] = isTerminal(2)
    ? process.stderr.getWindowSize()
    : isTerminal(1)
      ? process.stdout.getWindowSize()
      : [];
  return { columns: columns || 80, rows: rows || 24 };
}

const SIGNS = { working: "⠿", done: "✔", warning: "!", error: "✘" };
const COLORS = { working: 36, done: 32, warning: 33, error: 31 };

/** `[⣿⣿⣤⠀] 12MB / 30MB` of an image's layers. */
function transferText(layers: readonly ProgressEvent[]): string {
  const bars = layers.map(({ state, current = 0, total = 0 }) => {
    const part = state === "done" ? 1 : total > 0 ? Math.min(1, current / total) : 0;
    return BAR[Math.floor(part * (BAR.length - 1))];
  });
  const sum = (values: readonly (number | undefined)[]) => values.reduce<number>((all, value = 0) => all + value, 0);
  const total = sum(layers.map((layer) => layer.total));
  const sizes = total > 0 ? ` ${humanSize(sum(layers.map((layer) => layer.current)))} / ${humanSize(total)}` : "";
  return `[${bars.join("")}]${sizes}`;
}
