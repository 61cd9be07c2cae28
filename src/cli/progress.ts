import { type ProgressDetail, progressBar } from "../lib/progress-bar.ts";
import { CliError } from "./cli-error.ts";

/** One message of a long action (pull, push, load, import, bootstrap), as the daemon streams them. */
export interface ProgressMessage {
  id?: string;
  from?: string;
  status?: string;
  stream?: string;
  progressDetail?: ProgressDetail | null;
  error?: string;
  errorDetail?: { code?: number; message?: string };
  aux?: unknown;
}
interface ProgressOptions {
  write(text: string): void;
  /** With a terminal each step keeps a line of its own that is drawn anew; without, only plain news are written. */
  isTerminal: boolean;
  columns?: number;
  /** Takes the machine-readable results, such as the digest after a push. */
  onAux?(aux: unknown): void;
}

const DEFAULT_COLUMNS = 200;

/** Shows all messages of a stream. Throws CliError with the daemon's words when the action failed. */
export async function showProgress(messages: AsyncIterable<ProgressMessage>, options: ProgressOptions): Promise<void> {
  const lines = new ProgressLines(options);
  for await (const message of messages) lines.show(message);
}

/** The lines on the screen; each id owns one until a message without progress comes. */
class ProgressLines {
  private lineOf = new Map<string, number>();

  constructor(private readonly options: ProgressOptions) {}

  show(message: ProgressMessage): void {
    const { write, isTerminal, onAux } = this.options;
    if (message.aux !== undefined && message.aux !== null) {
      onAux?.(message.aux);
      return;
    }
    let rows = 0;
    if (message.id && message.progressDetail) {
      let line = this.lineOf.get(message.id);
      if (line === undefined) {
        line = this.lineOf.size;
        this.lineOf.set(message.id, line);
        if (isTerminal) write("\n");
      }
      rows = this.lineOf.size - line;
      if (isTerminal) write(`\x1b[${rows}A`);
    } else this.lineOf.clear();
    this.draw(message);
    if (message.id && isTerminal && rows > 0) write(`\x1b[${rows}B`);
  }

  private draw(message: ProgressMessage): void {
    const { write, isTerminal, columns } = this.options;
    const failure = message.errorDetail?.message ?? message.error;
    if (failure !== undefined) {
      throw new CliError(message.errorDetail?.code === 401 ? "authentication is required" : failure);
    }
    const detail = message.progressDetail;
    const bar = detail ? progressBar(detail, columns ?? DEFAULT_COLUMNS) : "";
    if (!isTerminal && bar !== "") return;
    let text = message.id ? `${message.id}: ` : "";
    if (message.from) text += `(from ${message.from}) `;
    if (message.stream) write(`${text}${message.stream}`);
    else if (isTerminal && detail) write(`\x1b[2K\r${text}${message.status ?? ""} ${bar}\r`);
    else write(`${text}${message.status ?? ""}\n`);
  }
}
