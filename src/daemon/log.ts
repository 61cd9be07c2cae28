/** The daemon's log: one line per message on standard error, for people or as JSON. */

export const LOG_LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
type LogFields = Record<string, unknown>;

export class Log {
  #least: number;

  constructor(
    level: LogLevel,
    private readonly format: "text" | "json",
    private readonly writeLine: (line: string) => void = (line) => {
      process.stderr.write(line);
    },
    private readonly now: () => Date = () => new Date(),
  ) {
    this.#least = LOG_LEVELS.indexOf(level);
  }

  set level(level: LogLevel) {
    this.#least = LOG_LEVELS.indexOf(level);
  }

  isEnabled(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= this.#least;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#write("debug", message, fields);
  }
  info(message: string, fields: LogFields = {}): void {
    this.#write("info", message, fields);
  }
  warn(message: string, fields: LogFields = {}): void {
    this.#write("warn", message, fields);
  }
  error(message: string, fields: LogFields = {}): void {
    this.#write("error", message, fields);
  }
  fatal(message: string, fields: LogFields = {}): void {
    this.#write("fatal", message, fields);
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    if (!this.isEnabled(level)) return;
    const time = this.now().toISOString();
    this.writeLine(
      this.format === "json"
        ? `${JSON.stringify({ time, level, msg: message, ...printable(fields) })}\n`
        : `${time} ${level.padEnd(5)} ${message.replaceAll("\n", "\\n")}${fieldText(fields)}\n`,
    );
  }
}

function fieldText(fields: LogFields): string {
  return Object.entries(printable(fields))
    .map(([key, value]) => {
      const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
      return ` ${key}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
    })
    .join("");
}

/** Errors have no JSON form of their own, bigints none at all. */
function printable(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => {
        if (value instanceof Error) return [key, value.stack ?? value.message];
        return [key, typeof value === "bigint" ? value.toString() : value];
      }),
  );
}
