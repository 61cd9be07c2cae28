import type { OutputChunk } from "../../compose/contract.ts";
import { writeErr, writeOut } from "../output.ts";

interface LogLook {
  /** Names before lines. */
  hasPrefix: boolean;
  hasColors: boolean;
  /** Takes whole lines; standard output and standard error unless given. */
  write?(stream: 1 | 2, text: string): void;
}
interface OpenLine {
  decoder: TextDecoder;
  rest: string;
}

/** In docker compose's order: cyan, yellow, green, magenta, blue, then the bright ones. */
const COLORS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** What several containers write, line by line, each line behind the name of who wrote it: `web-1  | …`. */
export class LogLines {
  private readonly open = new Map<string, OpenLine>();
  private readonly colors = new Map<string, number>();
  private width = 0;

  constructor(private readonly look: LogLook) {}

  /** Makes room for a name; names added before the first line all stand in one column. */
  add(name: string): void {
    if (this.colors.has(name)) return;
    this.colors.set(name, COLORS[this.colors.size % COLORS.length]!);
    this.width = Math.max(this.width, name.length);
  }

  /** Prints the lines that `chunk` ends; what follows its last line break waits for more. */
  take(name: string, { stream, bytes }: OutputChunk): void {
    const key = `${stream} ${name}`;
    const open = this.open.get(key) ?? { decoder: new TextDecoder(), rest: "" };
    this.open.set(key, open);
    const lines = (open.rest + open.decoder.decode(bytes, { stream: true })).split("\n");
    open.rest = lines.pop()!;
    if (lines.length > 0) this.print(name, stream, lines);
  }

  /** Prints what a container left without a line break at its end. */
  end(name: string): void {
    for (const stream of [1, 2] as const) {
      const key = `${stream} ${name}`;
      const open = this.open.get(key);
      this.open.delete(key);
      if (open && open.rest !== "") this.print(name, stream, [open.rest]);
    }
  }

  /** Prints whole lines. */
  print(name: string, stream: 1 | 2, lines: readonly string[]): void {
    const prefix = this.prefix(name);
    const text = lines.map((line) => `${prefix}${line}\n`).join("");
    if (this.look.write) this.look.write(stream, text);
    else if (stream === 1) writeOut(text);
    else writeErr(text);
  }

  private prefix(name: string): string {
    if (!this.look.hasPrefix) return "";
    this.add(name);
    const text = `${name.padEnd(this.width + 1)} | `;
    return this.look.hasColors ? `\x1b[${this.colors.get(name)}m${text}\x1b[0m` : text;
  }
}

/** The name before a container's lines: without the project's, where it begins with that. */
export function lineName(container: string, project: string): string {
  for (const separator of ["-", "_"]) {
    const prefix = `${project}${separator}`;
    if (container.startsWith(prefix)) return container.slice(prefix.length);
  }
  return container;
}
